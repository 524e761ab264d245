"""ARCHITECTURE.md leads through the rooms that there are, and README.md to all pages."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")


def test_the_table_of_rooms_names_every_room_and_no_other():
    rooms = PAGE.partition("| room |")[2].partition("\n\n")[0]
    named = [
        name for row in rooms.splitlines() for name in re.findall(r"`(\w+)`", row.partition("|")[2].partition("|")[0])
    ]
    there = {path.parent.name for path in (ROOT / "src" / "spillover").glob("*/__init__.py")}
    assert sorted(named) == sorted(there)


def test_every_file_that_is_named_is_there():
    for name in re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py|\.lua)?)`", PAGE):
        place = ROOT if name.startswith(("docs/", "examples/")) else ROOT / "src" / "spillover"
        assert (place / name).exists(), name


def test_the_readme_leads_to_every_page_of_the_documentation():
    text = (ROOT / "README.md").read_text("utf-8")
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert set(re.findall(r"\]\((docs/\w+\.md)\)", text)) == pages

"""What docs/COMMANDS.md shows is what the commands do."""

import inspect
import re
import shlex
from pathlib import Path

from spillover.bootstrap import examining
from spillover.cli.main import program
from spillover.engine.examining import examine
from spillover.postgres.layout import ROLES
from tests.cli.support import run
from tests.deploy.test_files import parse


def test_the_day_of_support_and_finance_in_the_documentation_runs_after_init(folder):
    run("init")
    page = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text("utf-8")
    lines = re.findall(r"^    spillover (.+)$", page.partition("## Support and finance")[2].partition("\n## ")[0], re.M)
    assert len(lines) > 10
    for line in lines:
        command, _, printed = line.partition("#")
        done = run(*shlex.split(command))
        assert (done.status, done.error) == (0, ""), line
        assert printed.strip().removesuffix(" ...") in done.out or "all of it" in printed, line


ROOT = Path(__file__).parents[2]
OPERATING = (ROOT / "docs" / "OPERATING.md").read_text("utf-8")


def test_every_command_of_the_operating_guide_and_of_grow_exists(shop):
    grow = (ROOT / "README.md").read_text("utf-8").partition("## Grow")[2].partition("\n## ")[0]
    lines = re.findall(r"^ +(spillover [a-z].+)$", OPERATING + grow, re.M)
    assert len(lines) > 20
    for line in lines:
        for command in line.partition("  #")[0].partition(" > ")[0].split(" && "):
            parse(shlex.split(command)[1:])
    inline = re.findall(r"`spillover ((?:journal )?[a-z]+[^`]*)`", OPERATING)
    assert len(inline) > 8
    for command in inline:
        words = shlex.split(command)
        if len(words) > 1:
            parse(words)
        assert words[0] in program.commands


def test_the_pages_lead_to_sections_that_there_are():
    pages = {page.name: page.read_text("utf-8") for page in (ROOT / "docs").rglob("*.md")}
    anchors = {
        name: {
            re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.M)
        }
        for name, text in pages.items()
    }
    for name in ("OPERATING.md", "COMMANDS.md"):
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", pages[name]):
            assert anchor in anchors[Path(target).name or name], (name, target, anchor)


def test_the_roles_and_signs_of_the_operating_guide_are_those_that_there_are():
    assert set(re.findall(r"`(spillover_\w+)`", OPERATING.partition("| role | may |")[2].partition("\n\n")[0])) == set(
        ROLES
    )
    code = inspect.getsource(examining) + inspect.getsource(inspect.getmodule(examine))
    told = set(re.findall(r'Sign\(\s*"([^"]+)"', code)) | {"accounts shut", "durability", "memory", "log", "schema"}
    shown = OPERATING.partition("| sign | it means | next |")[2].partition("\n\n")[0]
    for what in told - {"address", "PostgreSQL", "disk"}:
        assert f"`{what}" in shown, what

"""SQL lives in `.sql` files: sections `-- name: NAME`, each with one statement, loaded once into a dictionary."""

from __future__ import annotations

from importlib.resources import files

MARK = "-- name:"


def statements(package: str, file: str) -> dict[str, str]:
    """Name -> statement, for every section of the package's file."""
    found: dict[str, str] = {}
    for section in f"\n{files(package).joinpath(file).read_text('utf-8')}".split(f"\n{MARK}")[1:]:
        name, _, body = section.partition("\n")
        lines = [line for line in body.splitlines() if not line.startswith("--")]
        found[name.strip()] = "\n".join(lines).strip().removesuffix(";")
    return found

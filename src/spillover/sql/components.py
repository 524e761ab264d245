"""Parts of a database with one owner each: numbered scripts lead from one version of a part's schema to the next."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Component:
    """A part of the schema with one owner. `scripts[n]` leads from version n to n + 1."""

    name: str
    scripts: tuple[str, ...]

    @classmethod
    def of(cls, name: str, package: str) -> Component:
        """The component whose scripts are the package's `upgrades/NNNN_*.sql`, in that order."""
        folder = files(package).joinpath("upgrades")
        found = {entry.name: entry.read_text("utf-8") for entry in folder.iterdir() if entry.name.endswith(".sql")}
        return cls(name, tuple(found[key] for key in sorted(found)))

    @property
    def version(self) -> int:
        """The version that this program knows."""
        return len(self.scripts)

"""One look for every table on the terminal; nothing in a cell is ever cut off."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> Table:
    """A table of plain text. A column whose name begins with ">" is set to the right, as numbers are."""
    shown = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title or None, title_justify="left",
        title_style="bold",
    )  # fmt: skip
    for name in columns:
        right = name.startswith(">")
        shown.add_column(name.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a name may hold square brackets.
        shown.add_row(*(Text(cell) for cell in row))
    return shown

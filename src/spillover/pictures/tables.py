"""One look for every table on the terminal: narrow, and nothing in a cell is ever cut off."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

GAP = 2
"""Blanks between columns."""
FOLDED_MIN = 8
"""What a column that may fold is left with; where there is less room, every column may."""
SHORT = 11
"""What always stands whole: a time, a number."""


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", caption: str = ""
) -> RenderableType:
    """A table of plain text. A column that is empty in every row is left out.

    A column whose name begins with ">" is set to the right, as numbers are, and one that begins with "~" may be folded
    where the terminal is narrow; others are folded only if nothing else helps.
    """
    kept = [tuple(row) for row in rows]
    used = [at for at in range(len(columns)) if not kept or any(row[at] for row in kept)]
    return _Listing([columns[at] for at in used], [[row[at] for at in used] for row in kept], title, caption)


class _Listing:
    """A table that knows how wide it is, so that it folds no more than it must."""

    def __init__(self, columns: list[str], rows: list[list[str]], title: str, caption: str) -> None:
        self._columns, self._rows, self._title, self._caption = columns, rows, title, caption

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if self._title:
            yield Text(self._title, "bold")
        yield self._table(whole=self._whole_width() <= options.max_width)
        if self._caption:
            yield Text(self._caption, "dim")

    def _whole_width(self) -> int:
        """The width at which only columns that may be folded are."""
        width = GAP * (len(self._columns) - 1)
        for at, name in enumerate(self._columns):
            widest = self._widest(at)
            width += min(widest, FOLDED_MIN) if name.startswith("~") else widest
        return width

    def _widest(self, at: int) -> int:
        return max(cell_len(text) for text in (self._columns[at].lstrip(">~"), *(row[at] for row in self._rows)))

    def _table(self, *, whole: bool) -> Table:
        shown = Table(box=None, show_edge=False, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
        for at, name in enumerate(self._columns):
            right, folds = name.startswith(">"), name.startswith("~")
            shown.add_column(
                name.lstrip(">~"),
                justify="right" if right else "left",
                overflow="fold",
                no_wrap=not folds and (whole or self._widest(at) <= SHORT),
            )
        for row in self._rows:
            # Text, not markup: a name may hold square brackets.
            shown.add_row(*(Text(text) for text in row))
        return shown

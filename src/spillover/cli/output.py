"""What commands write: tables and pictures for people, one JSON document for programs, progress on stderr for terminals."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH = 160
"""Columns where nobody says how wide the output is: a table is then not folded."""


def console() -> Console:
    """The terminal, or the pipe, that the output goes to."""
    from rich.console import Console

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(width=wide, highlight=False, soft_wrap=False)


def write_json(document: Any) -> None:
    """The one document of a command under `--json`."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write(*parts: RenderableType | str) -> None:
    """Parts one under the other; text as it is, without markup, and never broken into lines."""
    from rich.text import Text

    out = console()
    for part in parts:
        if isinstance(part, str):
            out.print(Text(part), soft_wrap=True)
        else:
            out.print(part)


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """A bar on stderr while long work goes on, as a function of what is done and of how much there is.

    None where stderr is no terminal: then nothing is shown at all.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)

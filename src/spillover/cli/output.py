"""What commands write: tables and pictures for people, one JSON document for programs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PIPE_WIDTH = 160
"""Columns where nobody says how wide the output is: a table is then not folded."""


def console() -> Console:
    """The terminal, or the pipe, that the output goes to."""
    from rich.console import Console

    from spillover.pictures.paper import paper

    wide = None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_WIDTH
    return Console(file=paper(), width=wide, highlight=False, soft_wrap=False)


def write_json(document: object) -> None:
    """The one document of a command under `--json`."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


def write_json_line(document: object) -> None:
    """One document on one line, at once: for a command that goes on."""
    import msgspec

    click.echo(msgspec.json.encode(document).decode())
    sys.stdout.flush()


def write(*parts: RenderableType | str) -> None:
    """Parts one under the other; text as it is, without markup, and never broken into lines."""
    from rich.text import Text

    out = console()
    for part in parts:
        if isinstance(part, str):
            out.print(Text(part), soft_wrap=True)
        else:
            out.print(part)

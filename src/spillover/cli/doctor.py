"""`spillover doctor`: how everything behind an address stands, each with the next command to run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, as_json, database, example

if TYPE_CHECKING:
    from spillover.model.health import Sign

FOUND = 1
MARKS = {"fine": "ok", "watch": "watch", "act": "ACT"}
WHAT_MAX = 28
"""Columns that the name of a sign gets, which may have an address in it."""
SIGNS = "./:,?&@"
"""Behind these an address is broken."""
FOUND_MIN = 20
"""Columns that what was found and what to do get, at least: with these, 80 are enough."""


@example("spillover doctor --journal app.journal", "spillover doctor --db postgresql://localhost/shop --json")
@click.command(cls=Command, short_help="Look at lag, disk, memory, clocks and settings.")
@database
@click.option(
    "--journal", "journals", type=click.Path(), multiple=True, envvar="SPILLOVER_JOURNAL", metavar="FILE",
    show_envvar=True,
    help="A journal of outages to look into: an engine's, a service's, a client's; repeatable.",
)  # fmt: skip
@as_json
def doctor(db: str, journals: tuple[str, ...], as_json: bool) -> int:
    """Look at everything behind the database's address. Status 1 if something must be done.

    Lag of settlement, settlers, overdue holds, accounts that are shut, quarantine, disk, memory, clocks, settings, what
    waits in each --journal: each is `ok`, `watch` (it may become trouble) or `ACT`, with the next command. Nothing is
    made, upgraded or changed: what is not there, or cannot be reached, is told like the rest.
    """
    from spillover.bootstrap.examining import doctor as look
    from spillover.cli.database import require_lasting
    from spillover.cli.output import console, write, write_json
    from spillover.pictures.progress import waiting
    from spillover.pictures.tables import table

    require_lasting(db)
    with waiting("looking"):
        signs = look(db, journals)
    if as_json:
        document = [{"what": s.what, "found": s.found, "level": s.level, "advice": s.advice or None} for s in signs]
        write_json({"signs": document, "worst": _worst([sign.level for sign in signs])})
    else:
        first, *others = signs  # the address, which may be longer than all of a table
        write(f"{first.what}: {first.found}", table(("", "what", "found", "next"), _rows(others, console().width)))
    return FOUND if any(sign.level == "act" for sign in signs) else 0


def _worst(levels: list[str]) -> str:
    return next(level for level in ("act", "watch", "fine") if level in levels)


def _rows(signs: list[Sign], width: int) -> list[tuple[str, ...]]:
    """Signs as rows of a table that is no wider: what is too long for its column goes on in the rows below."""
    most = [max(len(text) for text in column) for column in zip(*map(_cells, signs), strict=True)]
    what = min(most[0], WHAT_MAX)
    rest = max(width - len("watch  ") - what - len("    "), 2 * FOUND_MIN)
    advice = min(most[2], max(rest // 2, rest - most[1]))
    widths = (what, rest - advice, max(advice, 1))
    rows = list[tuple[str, ...]]()
    for sign in signs:
        cells = [_folded(text, at) for text, at in zip(_cells(sign), widths, strict=True)]
        for line in range(max(map(len, cells))):
            texts = (cell[line] if line < len(cell) else "" for cell in cells)
            rows.append((MARKS[sign.level] if not line else "", *texts))
    return rows


def _cells(sign: Sign) -> tuple[str, str, str]:
    return sign.what, sign.found, sign.advice


def _folded(text: str, width: int) -> list[str]:
    """Lines of a text, broken between words; a word that is longer than a line, such as an address, at its signs."""
    lines = [""]
    for word in re.findall(r" *[^ ]+", text):
        parts = [word]
        if len(word.strip()) > width:
            parts = re.findall(f" *[^ {SIGNS}]{{1,{width - 1}}}[{SIGNS}]?| *[{SIGNS}]", word)
        for part in parts:
            if len(lines[-1]) + len(part) > width and lines[-1]:
                lines.append(part.lstrip())
            else:
                lines[-1] += part
    return lines

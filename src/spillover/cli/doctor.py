"""`spillover doctor`: how everything behind an address stands, each with the next command to run."""

from __future__ import annotations

import click

from spillover.cli.options import Command, as_json, database, example

FOUND = 1


@example("spillover doctor", "spillover doctor --db postgresql://localhost/shop --json")
@click.command(cls=Command, short_help="Look at lag, disk, memory, clocks and settings.")
@database
@as_json
def doctor(db: str, as_json: bool) -> int:
    """Look at everything behind the database's address. Status 1 if something must be done.

    Lag of settlement, settlers, overdue holds, accounts that are shut, quarantine, disk, memory, clocks, settings.
    Nothing is made, upgraded or changed: what is not there, or cannot be reached, is told like the rest.
    """
    from spillover.bootstrap.examining import doctor as look
    from spillover.cli.database import require_lasting
    from spillover.cli.output import write, write_json
    from spillover.pictures.progress import waiting
    from spillover.pictures.tables import table

    require_lasting(db)
    with waiting("looking"):
        signs = look(db)
    if as_json:
        document = [{"what": s.what, "found": s.found, "level": s.level, "advice": s.advice or None} for s in signs]
        write_json({"signs": document, "worst": _worst([sign.level for sign in signs])})
    else:
        marks = {"fine": "ok", "watch": "watch", "act": "ACT"}
        rows = [(marks[sign.level], sign.what, sign.found, sign.advice) for sign in signs]
        write(table(("", "what", "~found", "next"), rows))
    return FOUND if any(sign.level == "act" for sign in signs) else 0


def _worst(levels: list[str]) -> str:
    return next(level for level in ("act", "watch", "fine") if level in levels)

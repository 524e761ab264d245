"""`spillover init`: the shortest way to a decision that is split over two layers, in files that one can go on from."""

from __future__ import annotations

from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from spillover.cli.options import Command, as_json, example
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.access.desk import Explanation
    from spillover.documents.decision import Decision

POLICY, DATABASE, PROGRAM = "policy.yaml", "spillover.db", "app.py"

APP = """\
import spillover

with spillover.connect("sqlite:///spillover.db", policy="policy.yaml") as access:
    access.accounts.put("acme", plan="starter")
    access.credits.add("acme", "500", key="welcome")  # once, however often this runs

    decision = access.consume("acme", "video.seconds", 8, subject="ada")
    print(decision.sentence)
    if not decision:
        print(decision.denial.blocked_by, "|", decision.denial.unlock)
"""

ACCOUNT, FEATURE, SECONDS = "acme", "video.seconds", 8


@example("spillover init shop")
@click.command(cls=Command, short_help="Write a policy, a database and a program.")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False))
@as_json
def init(folder: str, as_json: bool) -> None:
    """Write a policy, a database and a ten-line app.py into DIR (here, by default), and show a first decision.

    Nothing is overwritten: where one of the three is there already, nothing is written at all.
    """
    from spillover.cli.output import write_json

    place = Path(folder)
    _refuse_what_is_there(place)
    told, document = _write(place)
    if as_json:
        names = {"policy": POLICY, "database": DATABASE, "program": PROGRAM}
        write_json({"files": {what: str(place / name) for what, name in names.items()}, "decision": document})
        return
    _show(place, told)


def _refuse_what_is_there(place: Path) -> None:
    if place.exists() and not place.is_dir():
        raise InvalidInput("DIR", f"a file, {place}", "a directory, or a name for a new one")
    there = [name for name in (POLICY, DATABASE, PROGRAM) if (place / name).exists()]
    if there:
        raise InvalidInput("DIR", f"{', '.join(there)} in {place}", "a directory without them; choose another one")


def _write(place: Path) -> tuple[Explanation, Decision]:
    """All three files, or none of them."""
    from spillover.bootstrap.connect import connect
    from spillover.documents.decision import Decision

    try:
        place.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undo:
            undo.callback(_remove, place)
            (place / POLICY).write_text(files("spillover.cli").joinpath("starter.yaml").read_text("utf-8"), "utf-8")
            (place / PROGRAM).write_text(APP, "utf-8")
            with connect(f"sqlite:///{quote(str(place / DATABASE))}", policy=place / POLICY, settle=False) as access:
                access.accounts.put(ACCOUNT, "starter", reason="spillover init")
                access.credits.add(ACCOUNT, "500", key="welcome")
                told = access.explain(ACCOUNT, FEATURE, SECONDS, subject="ada")
                access.settle()
                document = Decision.of(access.policy, told.decision)
            undo.pop_all()
    except OSError as error:
        raise InvalidInput("DIR", f"{error.strerror} at {error.filename}", "a directory that can be written") from None
    return told, document


def _remove(place: Path) -> None:
    """What was written before something went wrong; none of it was there before."""
    for path in (place / POLICY, place / PROGRAM, *place.glob(DATABASE + "*")):
        path.unlink(missing_ok=True)


def _show(place: Path, told: Explanation) -> None:
    from spillover.cli.output import write
    from spillover.pictures.staircase import StaircasePicture

    here = place == Path(".")
    write(
        f"Wrote {POLICY}, {PROGRAM} and {DATABASE}{'' if here else f' into {place}'}.",
        "",
        f"If account {ACCOUNT} asks for {SECONDS} seconds of video, one decision takes them from two layers:",
        told.sentence,
        "",
        StaircasePicture(told.staircase, told.decision),
        "",
        "Go on with:",
        *([] if here else [f"  cd {place}"]),
        f"  python {PROGRAM}    # takes them",
        f"  spillover account show {ACCOUNT}",
        f"  spillover explain {ACCOUNT} chat.messages",
        "  spillover audit",
        "  spillover serve  # the same over HTTP, with all endpoints at /docs",
    )

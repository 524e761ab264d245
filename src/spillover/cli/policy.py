"""`spillover policy`: is a policy sound, what may stand in one, and which one decides?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Group, as_json, database, example, span_of
from spillover.cli.publishing import listing, publish, show, withdraw
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.backtest.recent import Recent
    from spillover.model.errors import Mistake
    from spillover.model.policy import Policy
    from spillover.policy import Note

FOUND = 1


@example("spillover policy check policy.yaml", "spillover policy schema > policy.schema.json")
@click.group(cls=Group)
def policy() -> None:
    """Check policies, publish them, and print their JSON Schema."""


@example("spillover policy check policy.yaml", "spillover policy check new.yaml --against 7d --db sqlite:///app.db")
@policy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--against", metavar="SPAN", help="Also hold the prices against what the database has booked lately, such as 7d."
)
@database
@as_json
def check(file: str, against: str | None, db: str, as_json: bool) -> int:
    """List every mistake in FILE with its line, else what is worth knowing. Status 1 where there is a mistake.

    With --against: attribute values in use that no price row covers (status 1), or only the row without `when`.
    """
    from spillover.model.errors import PolicyError
    from spillover.policy import check_policy, read_policy

    span = None if against is None else _span(against)
    try:
        sound = read_policy(file)
    except PolicyError as error:
        _show_mistakes(file, error.mistakes, as_json)
        return FOUND
    recent = None if span is None else _recent(sound, span, db)
    _show_notes(file, sound, check_policy(sound), recent, as_json)
    return FOUND if recent is not None and recent.coverage.unpriced else 0


@example("spillover policy schema > policy.schema.json")
@policy.command()
@click.option("--json", is_flag=True, expose_value=False, help="The schema is JSON already.")
def schema() -> None:
    """Print the JSON Schema of policies, for editors and for other programs."""
    from spillover.policy import policy_schema

    click.echo(policy_schema().rstrip("\n"))


def _show_mistakes(file: str, mistakes: tuple[Mistake, ...], as_json: bool) -> None:
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    if as_json:
        write_json({"file": file, "ok": False, "mistakes": [mistake._asdict() for mistake in mistakes], "notes": []})
        return
    write(*(str(mistake) for mistake in mistakes), f"{Path(file).name}: {counted(len(mistakes), 'mistake')}")


def _span(written: str) -> int:
    """Milliseconds of a time such as 7d."""
    span = span_of(written)
    if span is None:
        raise InvalidInput("--against", repr(written), "a time such as 12h, 7d or 4w")
    return span


def _recent(sound: Policy, span: int, db: str) -> Recent:
    from spillover.backtest.recent import check_recent
    from spillover.backtest.recorded import now
    from spillover.cli.database import books_of
    from spillover.pictures.progress import waiting

    with waiting("reading"):
        return check_recent(sound, books_of(db), now() - span)


def _recent_lines(sound: Policy, recent: Recent) -> Iterator[str]:
    from spillover.pictures.wording import counted, instant_text

    for one in recent.coverage.unpriced:
        labels = ", ".join(f"{name}={value}" for name, value in one.attributes)
        what = "no price" if one.feature in sound.features else "no such feature"
        yield f"{what}: {one.feature}{f' with {labels}' if labels else ''} ({counted(one.count, 'request')})"
    for other in recent.coverage.defaulted:
        value = f"{other.attribute}={other.value}"
        yield f"default price only: {other.feature} with {value} ({counted(other.count, 'request')})"
    yield f"held against {counted(recent.requests, 'request')} booked since {instant_text(recent.since)}"


def _show_notes(file: str, sound: Policy, notes: list[Note], recent: Recent | None, as_json: bool) -> None:
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    if as_json:
        facts = {"hash": sound.hash, "features": list(sound.features), "plans": list(sound.plans)}
        document = {"file": file, "ok": True, **facts, "mistakes": [], "notes": [note._asdict() for note in notes]}
        write_json(document if recent is None else {**document, "against": recent})
        return
    counts = f"{counted(len(sound.features), 'feature')}, {counted(len(sound.plans), 'plan')}"
    held = _recent_lines(sound, recent) if recent is not None else ()
    write(*(f"note: {note}" for note in notes), *held, f"{Path(file).name}: sound ({counts}, hash {sound.hash[:12]})")


for _command in (publish, withdraw, listing, show):
    policy.add_command(_command)

"""`spillover policy`: is a policy sound, and what may stand in one?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Group, as_json, example

if TYPE_CHECKING:
    from spillover.model.errors import Mistake
    from spillover.model.policy import Policy
    from spillover.policy import Note

FOUND = 1


@example("spillover policy check policy.yaml", "spillover policy schema > policy.schema.json")
@click.group(cls=Group)
def policy() -> None:
    """Check policies, and print their JSON Schema."""


@example("spillover policy check policy.yaml")
@policy.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@as_json
def check(file: str, as_json: bool) -> int:
    """List every mistake in FILE with its line, else what is worth knowing. Status 1 where there is a mistake."""
    from spillover.model.errors import PolicyError
    from spillover.policy import check_policy, read_policy

    try:
        sound = read_policy(file)
    except PolicyError as error:
        _show_mistakes(file, error.mistakes, as_json)
        return FOUND
    _show_notes(file, sound, check_policy(sound), as_json)
    return 0


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


def _show_notes(file: str, sound: Policy, notes: list[Note], as_json: bool) -> None:
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    if as_json:
        facts = {"hash": sound.hash, "features": list(sound.features), "plans": list(sound.plans)}
        write_json({"file": file, "ok": True, **facts, "mistakes": [], "notes": [note._asdict() for note in notes]})
        return
    counts = f"{counted(len(sound.features), 'feature')}, {counted(len(sound.plans), 'plan')}"
    write(*(f"note: {note}" for note in notes), f"{Path(file).name}: sound ({counts}, hash {sound.hash[:12]})")

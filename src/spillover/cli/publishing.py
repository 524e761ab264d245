"""`spillover policy publish | list | show`: which policy decides from when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, as_json, database, example, when
from spillover.model.errors import PolicyError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spillover.model.reports import Publication


@example("spillover policy publish policy.yaml", "spillover policy publish new.yaml --when 2030-01-01")
@click.command(cls=Command, short_help="Decide by this policy, from now or later.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@when
@click.option("--force", is_flag=True, help="Also where plans or features in use would be left behind.")
@database
@as_json
def publish(file: str, when: int | None, force: bool, db: str, as_json: bool) -> None:
    """Decide by the policy in FILE, in every engine of the database. Old policies are kept.

    Refused where it lacks a plan that accounts have, or a feature that they used within 30 days, unless --force.
    """
    from spillover.cli.database import open_there
    from spillover.cli.documents import instant_of
    from spillover.cli.output import write, write_json
    from spillover.pictures.progress import waiting
    from spillover.pictures.wording import instant_text
    from spillover.policy import read_policy

    wanted, behind = read_policy(file), []
    with open_there(db) as access, waiting("looking at what is in use"):
        try:
            access.policies.publish(wanted, when=when)
        except PolicyError as error:
            if not force:
                raise
            behind = [mistake.found for mistake in error.mistakes]
            access.policies.publish(wanted, when=when, force=True)
    if as_json:
        write_json({"hash": wanted.hash, "since": instant_of(when), "left_behind": behind})
        return
    begins = "now" if when is None else instant_text(when)
    write(
        f"{Path(file).name}: in force from {begins} on (hash {wanted.hash[:12]})", *(f"note: {one}" for one in behind)
    )


@example("spillover policy list")
@click.command("list", cls=Command, short_help="Which policy was, is and will be in force.")
@database
@as_json
def listing(db: str, as_json: bool) -> None:
    """List the policies of the database in the order in which they were published."""
    from spillover.cli.database import open_there
    from spillover.cli.documents import instant_of
    from spillover.cli.output import write, write_json
    from spillover.pictures.tables import table
    from spillover.pictures.wording import short_times

    with open_there(db) as access:
        found, now = access.policies.list(), access.desk.clock()
    states = _states(found, now)
    if as_json:
        rows = [
            {"hash": one.hash, "since": instant_of(one.since), "published": instant_of(one.at), "state": state or None}
            for one, state in zip(found, states, strict=True)
        ]
        write_json({"policies": rows})
        return
    times, caption = short_times([one.since for one in found] + [one.at for one in found])
    rows_shown = [
        (str(one.number), one.hash[:12], since, at, state)
        for one, since, at, state in zip(found, times, times[len(found) :], states, strict=False)
    ]
    write(table((">no", "hash", "from", "published", ""), rows_shown, caption=caption))


def _states(found: Sequence[Publication], now: int) -> list[str]:
    """Of those up to an instant the newest counts: one published later for an earlier time takes a place for good."""
    in_force = max((one.number for one in found if one.since <= now), default=0)
    states = {one.number: "in force" if one.number == in_force else "" for one in found}
    newest = in_force
    for one in sorted(found, key=lambda one: (one.since, one.number)):
        if one.since > now:
            states[one.number] = "to come" if one.number > newest else "replaced"
            newest = max(newest, one.number)
    return [states[one.number] for one in found]


@example("spillover policy show 3f2a91c04d17 > old.yaml")
@click.command(cls=Command, short_help="Print a policy that was published.")
@click.argument("policy_hash", metavar="HASH")
@database
@click.option("--json", is_flag=True, expose_value=False, help="It is JSON already, which is YAML too.")
def show(policy_hash: str, db: str) -> None:
    """Print the policy with this HASH, or with a hash that begins so. What is printed can be published again."""
    from spillover.cli.database import open_there

    with open_there(db) as access:
        known = list(dict.fromkeys(one.hash for one in access.policies.list()))
        fitting = [one for one in known if one.startswith(policy_hash.lower())]
        if len(fitting) != 1 or not policy_hash:
            found = f"{policy_hash!r}, which {len(fitting)} policies begin with" if fitting else repr(policy_hash)
            listed = ", ".join(one[:12] for one in known[-8:])
            raise UnknownName("hash", found, f"one of those published: {listed}")
        document = access.policies.get(fitting[0]).document
    import msgspec

    click.echo(msgspec.json.format(document, indent=2))

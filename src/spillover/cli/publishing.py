"""`spillover policy publish | withdraw | list | show`: which policy decides from when."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from spillover.cli.options import Command, actor, as_json, database, example, reason, when
from spillover.model.errors import PolicyError, UnknownName


@example("spillover policy publish policy.yaml", "spillover policy publish new.yaml --when 2030-01-01")
@click.command(cls=Command, short_help="Decide by this policy, from now or later.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@when
@click.option("--force", is_flag=True, help="Also where plans or features in use would be left behind.")
@click.option("--create", is_flag=True, help="Make the database if there is none.")
@reason
@actor
@database
@as_json
def publish(
    file: str, when: int | None, force: bool, create: bool, reason: str, actor: str, db: str, as_json: bool
) -> None:
    """Decide by the policy in FILE, in every engine of the database. Old policies are kept.

    What is scheduled for then or later is replaced, and named. Refused where the policy lacks a plan that accounts
    have, or a feature that they used within 30 days, unless --force.
    """
    import msgspec

    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.cli.publications import created, outcome, there
    from spillover.documents.amounts import instant_of
    from spillover.documents.publications import Published
    from spillover.pictures.progress import waiting
    from spillover.policy import read_policy

    wanted, behind = read_policy(file), []
    made = created(db, wanted, when, reason, actor) if create else there(db)
    with open_there(db) as access, waiting("looking at what is in use"):
        verb = partial(access.policies.publish, wanted, when=when, reason=reason, actor=actor)
        try:
            done = verb()
        except PolicyError as error:
            if not force:
                raise
            behind = [mistake.found for mistake in error.mistakes]
            done = verb(force=True)
    if as_json:
        # Here null is "from now on", the word of the command; a new database was not there to have it in force.
        ours = {"since": instant_of(when), "changed": made or done.changed, "left_behind": behind, "created": made}
        write_json(msgspec.to_builtins(Published.of(wanted, done)) | ours)
        return
    write(*outcome(Path(file).name, done, when, made), *(f"note: {one}" for one in behind))


@example("spillover policy withdraw 2 --reason 'not agreed'")
@click.command(cls=Command, short_help="Take back a policy that was scheduled.")
@click.argument("number", type=click.IntRange(min=1))
@reason
@actor
@database
@as_json
def withdraw(number: int, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Take back publication NUMBER (as `policy list` shows it), whose time has not come; both stay on record."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.publications import Withdrawn
    from spillover.pictures.wording import instant_text

    with open_there(db) as access:
        done, policy = access.policies.withdraw(number, reason=reason, actor=actor), access.policy
    if as_json:
        write_json(Withdrawn.of(policy, done))
        return
    one = done.publication
    write(
        f"no. {number} (hash {one.hash[:12]}) is withdrawn; it was to come on {instant_text(one.since)}",
        *(
            f"no. {other.number} {'comes again' if other in done.returns else 'still comes'}"
            f" on {instant_text(other.since)}"
            for other in done.coming
        ),
    )


@example("spillover policy list")
@click.command("list", cls=Command, short_help="Which policy was, is and will be in force.")
@database
@as_json
def listing(db: str, as_json: bool) -> None:
    """List the policies of the database in the order in which they were published, and what was withdrawn."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.publications import Publications, states_of
    from spillover.pictures.tables import table
    from spillover.pictures.wording import short_times

    with open_there(db) as access:
        found, now, policy = access.policies.list(), access.desk.clock(), access.policy
    if as_json:
        write_json(Publications.of(policy, found, now=now))
        return
    states = states_of(found, now)
    times, caption = short_times([one.since for one in found] + [one.at for one in found])
    rows_shown = [
        (str(one.number), one.hash[:12], "" if one.withdraws else since, at, state, one.reason, one.actor)
        for one, since, at, state in zip(found, times, times[len(found) :], states, strict=False)
    ]
    write(table((">no", "hash", "from", "published", "", "reason", "by"), rows_shown, caption=caption))


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

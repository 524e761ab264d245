"""`spillover holds`: what is open, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import (
    SPAN,
    Command,
    Group,
    as_json,
    attributes,
    database,
    example,
    generated_key,
    key_of,
    pairs,
    subject,
    usage_of,
)
from spillover.cli.requests import show_decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spillover.engine.answers import Ending
    from spillover.model.hold import Hold
    from spillover.model.policy import Policy

lasts = click.option("--lasts", type=SPAN, metavar="SPAN", help="How long, such as 15m; as the policy says by default.")


@example("spillover holds list acme", "spillover holds release acme job-7")
@click.group(cls=Group, short_help="Open holds: list, commit, release, extend.")
def holds() -> None:
    """Hold what a job may need before it runs, and end the hold with what it did need."""


@example("spillover holds list acme")
@holds.command("list", cls=Command, short_help="The open holds of an account.")
@click.argument("name", metavar="ACCOUNT")
@database
@as_json
def listing(name: str, db: str, as_json: bool) -> None:
    """List the open holds of ACCOUNT, the earliest due first."""
    from spillover.access.clock import system_clock
    from spillover.cli.database import names_of, open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.holds import Holds

    with open_there(db) as access:
        found, policy, names = access.holds.list(name), access.policy, names_of(access, name)
    if as_json:
        write_json(Holds.of(policy, found, account=name, names=names))
    elif found:
        _show_holds(policy, found, names, system_clock())
    else:
        write(f"{name} has no open holds.")


def _show_holds(policy: Policy, found: Sequence[Hold], names: dict[str, str], now: int) -> None:
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, credits_text, short_times

    times, caption = short_times([hold.opened for hold in found] + [hold.due for hold in found])
    rows = []
    for hold, opened, due in zip(found, times, times[len(found) :], strict=False):
        amount = sum(part.leg.amount for part in hold.parts)
        rows.append(
            (
                hold.key, hold.feature, names.get(hold.subject, hold.subject),
                amount_text(policy, hold.feature, hold.units), credits_text(amount) if amount else "", opened, due,
                "over" if hold.due <= now else "",
            )
        )  # fmt: skip
    columns = ("~key", "feature", "~subject", ">held", ">credits", "opened", "due", "")
    said = "over: it gives everything back as soon as an engine or `spillover settle` sees to it. "
    write(table(columns, rows, caption=(said if any(row[-1] for row in rows) else "") + caption))


@example("spillover holds open acme video.seconds 20 --lasts 15m --key job-7")
@holds.command("open", cls=Command, short_help="Hold what an estimate needs.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("feature")
@click.argument("estimate", nargs=-1)
@attributes
@subject
@lasts
@click.option(
    "--mode", type=click.Choice(["exact", "partial"]), default="exact", show_default=True, help="All, or some."
)
@generated_key
@database
@as_json
def open_hold(
    name: str, feature: str, estimate: tuple[str, ...], attributes: tuple[str, ...], subject: str | None,
    lasts: int | None, mode: str, key: str | None, db: str, as_json: bool,
) -> int:  # fmt: skip
    """Hold what ESTIMATE of FEATURE needs, until it is committed, released, or expires. Status 1 if it is denied."""
    from spillover.cli.database import open_there

    labels, counts, key = pairs("attribute", attributes, "model=large"), usage_of(estimate), key_of(key)
    with open_there(db) as access:
        decision = access.open_hold(
            name, feature, counts, key=key, subject=subject, attributes=labels, lasts=lasts, mode=mode
        )
        policy = access.policy
    return show_decision(policy, decision, as_json)


@example("spillover holds extend acme job-7 40", "spillover holds extend acme job-7 --lasts 1h")
@holds.command(cls=Command, short_help="Hold more, or longer.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("key")
@click.argument("estimate", nargs=-1)
@lasts
@click.option("--extension-key", metavar="KEY", help="The same extension again under this key changes nothing.")
@database
@as_json
def extend(
    name: str, key: str, estimate: tuple[str, ...], lasts: int | None, extension_key: str | None, db: str, as_json: bool
) -> int:  # fmt: skip
    """Let the hold KEY of ACCOUNT keep ESTIMATE in all, or last longer from now on. Status 1 if it is denied."""
    from spillover.cli.database import open_there

    counts = usage_of(estimate)
    with open_there(db) as access:
        decision = access.holds.extend(name, key, counts, lasts=lasts, extension_key=extension_key)
        policy = access.policy
    return show_decision(policy, decision, as_json)


@example("spillover holds commit acme job-7 13")
@holds.command(cls=Command, short_help="End a hold with the true usage.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("key")
@click.argument("usage", nargs=-1)
@click.option("--estimated", is_flag=True, help="Nobody knows the true usage; mark it so.")
@database
@as_json
def commit(name: str, key: str, usage: tuple[str, ...], estimated: bool, db: str, as_json: bool) -> None:
    """End the hold KEY of ACCOUNT with what was truly used, in all. Less is given back, more is recorded."""
    from spillover.cli.database import open_there

    counts = usage_of(usage)
    with open_there(db) as access:
        ending = access.holds.commit(name, key, counts, estimated=estimated)
        policy = access.policy
    _show_ending(policy, ending, as_json)


@example("spillover holds release acme job-7")
@holds.command(cls=Command, short_help="End a hold with nothing used.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("key")
@database
@as_json
def release(name: str, key: str, db: str, as_json: bool) -> None:
    """End the hold KEY of ACCOUNT with nothing used: everything is given back."""
    from spillover.cli.database import open_there

    with open_there(db) as access:
        ending, policy = access.holds.release(name, key), access.policy
    _show_ending(policy, ending, as_json)


def _show_ending(policy: Policy, ending: Ending, as_json: bool) -> None:
    from spillover.cli.output import write, write_json
    from spillover.documents.endings import Ending as EndingDocument

    if as_json:
        write_json(EndingDocument.of(policy, ending))
        return
    write(f"{'as before: ' if ending.replayed else ''}{ending.sentence}")

"""`spillover refund`: a charge, or the last part of it, given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import (
    Command,
    actor,
    as_json,
    database,
    example,
    generated_key,
    key_of,
    reason,
    units_of,
)

if TYPE_CHECKING:
    from spillover.access.plain import Access


@example(
    'spillover refund acme clip-9 --reason "the clip was black"',
    "spillover refund acme clip-9 --units 2 --key ticket-84",
)
@click.command(cls=Command, short_help="Give back a charge, or a part of it.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("event", metavar="EVENT_KEY")
@click.option("--units", metavar="N", help="Only the last N units of it; all that is left by default.")
@generated_key
@reason
@actor
@database
@as_json
def refund(
    name: str, event: str, units: str | None, key: str | None, reason: str, actor: str, db: str, as_json: bool
) -> None:
    """Give back what the request EVENT_KEY of ACCOUNT was charged, to the lots that paid, the last one first.

    EVENT_KEY may be that of a committed hold. It must be booked. Refunds restore lots, never windows: for these see
    `spillover windows reset`.
    """
    from spillover.cli.database import measures_of, open_there
    from spillover.cli.order_documents import refunded_of
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import credits_text, measure_text

    key = key_of(key)
    with open_there(db) as access:
        feature, policy = _feature(access, name, event), access.policy
        count = None if units is None else units_of(policy, feature, units, "--units")
        done = access.refund(name, event, units=count, key=key, reason=reason, actor=actor)
        measures = measures_of(access, name)
    if as_json:
        write_json(refunded_of(policy, name, (event, feature), key, done, measures))
        return
    back = [f"{measure_text(policy, measures[lot], amount)} to lot {lot}" for lot, amount in done.lots]
    if done.relieved:
        back.append(f"{credits_text(done.relieved)} credits off what the overage line advanced")
    lost = "; part of it had expired" if done.expired else ""
    what = measure_text(policy, feature, done.units)
    write(f"{name}: refunded {what}: {', '.join(back) or 'nothing was charged for it'}{lost} (key {key})")


def _feature(access: Access, name: str, event: str) -> str:
    """What a booked event was usage of; "" for one that is not on the books, which the engine refuses."""
    booked = access.look(access.desk.ledger.event_by_key(access.run(access.desk.account(name)), event))
    return booked.event.feature if booked else ""

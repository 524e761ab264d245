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
    from spillover.model.account import Lot
    from spillover.model.policy import Policy
    from spillover.ports import Refunded


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
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.orders import Refunded as RefundedDocument
    from spillover.pictures.wording import measure_text

    key = key_of(key)
    with open_there(db) as access:
        feature, policy = _feature(access, name, event), access.policy
        count = None if units is None else units_of(policy, feature, units, "--units")
        done = access.refund(name, event, units=count, key=key, reason=reason, actor=actor)
        lots_of = {found.lot.id: found.lot for found in access.lots.list(name)}
    if as_json:
        known = {"account": name, "refunded": event, "key": key, "feature": feature}
        write_json(RefundedDocument.of(policy, done, lots=lots_of, **known))
        return
    what = measure_text(policy, feature, done.units)
    write(f"{name}: refunded {what}: {_back(policy, done, lots_of)} (key {key})")


def _back(policy: Policy, done: Refunded, lots_of: dict[int, Lot]) -> str:
    """What went where, and what of it can be spent again."""
    from spillover.documents.orders import returned
    from spillover.pictures.wording import credits_text, measure_text

    parts = []
    for back in returned(done, lots_of):
        gone = f", posted as {back.fate}: it cannot be spent again" if back.fate else ""
        parts.append(f"{measure_text(policy, lots_of[back.lot].measure, back.amount)} to lot {back.lot}{gone}")
    if done.relieved:
        parts.append(f"{credits_text(done.relieved)} credits off what the overage line advanced")
    return ("; " if done.expired or done.revoked else ", ").join(parts) or "nothing was charged for it"


def _feature(access: Access, name: str, event: str) -> str:
    """What a booked event was usage of; "" for one that is not on the books, which the engine refuses."""
    booked = access.look(access.desk.ledger.event_by_key(access.run(access.desk.account(name)), event))
    return booked.event.feature if booked else ""

"""`spillover lots`: the blocks of credits and units that an account holds: listed, revoked, corrected, reversed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from spillover.cli.options import (
    Command,
    Group,
    actor,
    as_json,
    database,
    example,
    generated_key,
    key_of,
    reason,
    units_of,
)
from spillover.model.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spillover.engine.orders import Ordered
    from spillover.model.policy import Policy
    from spillover.model.reports import LotBalance


@example("spillover lots list acme", 'spillover lots adjust acme 1 --by -5 --reason "counted twice"')
@click.group(cls=Group, short_help="Blocks of credits and units: list, revoke, adjust, reverse.")
def lots() -> None:
    """List the lots of an account, and take back or correct them."""


@example("spillover lots list acme")
@lots.command("list", cls=Command, short_help="All lots that it ever had.")
@click.argument("name", metavar="ACCOUNT")
@database
@as_json
def listing(name: str, db: str, as_json: bool) -> None:
    """List every lot that ACCOUNT ever had, with what the books have of each."""
    from spillover.access.clock import system_clock
    from spillover.cli.database import names_of, open_there
    from spillover.cli.output import write_json
    from spillover.documents.lots import Lots

    with open_there(db) as access:
        found, policy, names = access.lots.list(name), access.policy, names_of(access, name)
    now = system_clock()
    if as_json:
        write_json(Lots.of(policy, found, account=name, now=now, names=names))
        return
    _show_lots(policy, name, found, names, now)


def _show_lots(policy: Policy, name: str, found: Sequence[LotBalance], names: dict[str, str], now: int) -> None:
    from spillover.cli.output import write
    from spillover.documents.lots import state_of
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, short_times

    if not found:
        write(f"{name} never had a lot. `spillover account credits` adds credits.")
        return
    times, caption = short_times([one.lot.effective for one in found] + [one.lot.expires for one in found])
    rows = []
    for one, begins, ends in zip(found, times, times[len(found) :], strict=False):
        measure, gone = one.lot.measure, one.granted - one.balance - one.spent
        amounts = [amount_text(policy, measure, amount) for amount in (one.granted, one.spent, gone, one.balance)]
        paid = "promotional" if one.lot.promotional else f"{one.paid} {one.currency}".strip() or "paid"
        scope = "; ".join(
            f"{label}={','.join(names.get(value, value) for value in values)}" for label, values in one.lot.scope
        )
        state = state_of(one, now)
        rows.append((str(one.lot.id), measure, *amounts, state, begins, ends, paid, one.reference, scope))
    columns = (
        ">lot", "measure", ">granted", ">spent", ">gone", ">settled", "state", "begins", "expires", "~paid",
        "~reference", "~only for",
    )  # fmt: skip
    write(table(columns, rows, caption=f"gone: expired, revoked or corrected. {caption}".rstrip()))


@example("spillover lots revoke acme 2 --reason fraud --actor ops")
@lots.command(cls=Command, short_help="Take what a lot has left.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("lot", type=click.IntRange(1))
@generated_key
@reason
@actor
@database
@as_json
def revoke(name: str, lot: int, key: str | None, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Take from LOT of ACCOUNT all that it has left. What open holds drew of it stays with them."""
    from spillover.cli.database import measures_of, open_there

    key = key_of(key)
    with open_there(db) as access:
        policy, measures = access.policy, measures_of(access, name)
        _measure(measures, name, lot)
        done = access.lots.revoke(name, lot, key=key, reason=reason, actor=actor)
    _show_order(policy, name, key, done, measures, as_json)


@example(
    'spillover lots adjust acme 1 --by 12.50 --reason "promised by phone" --actor ada',
    'spillover lots adjust acme 1 --by -5 --reason "counted twice" --key ticket-81',
)
@lots.command(cls=Command, short_help="Correct a lot, up or down.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("lot", type=click.IntRange(1))
@click.option("--by", required=True, metavar="AMOUNT", help="Credits or units, such as 12.50 or -5.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the books.")
@generated_key
@actor
@database
@as_json
def adjust(name: str, lot: int, by: str, reason: str, key: str | None, actor: str, db: str, as_json: bool) -> None:
    """Correct LOT of ACCOUNT by an amount above or below 0. No lot falls below 0."""
    from spillover.cli.database import measures_of, open_there
    from spillover.cli.output import write
    from spillover.pictures.wording import measure_text

    key = key_of(key)
    with open_there(db) as access:
        policy, measures = access.policy, measures_of(access, name)
        measure = _measure(measures, name, lot)
        amount = _signed(policy, measure, by)
        done = access.lots.adjust(name, lot, amount, key=key, reason=reason, actor=actor)
    if amount > 0 and not as_json:
        write(f"{name}: {measure_text(policy, measure, amount)} added to lot {lot} {_known(done, key)}")
        return
    _show_order(policy, name, key, done, measures, as_json, asked=-amount)


def _signed(policy: Policy, measure: str, written: str) -> int:
    """An amount with its sign, in micro-credits or units."""
    amount = units_of(policy, measure, re.sub(r"^[+-]", "", written), "--by")
    if not amount:
        raise InvalidInput("--by", repr(written), "an amount above or below 0")
    return -amount if written.startswith("-") else amount


@example("spillover lots reverse acme ch_123 --reason chargeback")
@lots.command(cls=Command, short_help="Take back what a chargeback was for.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("reference")
@generated_key
@click.option("--reason", default="chargeback", show_default=True, metavar="TEXT", help="Why, for the books.")
@actor
@database
@as_json
def reverse(name: str, reference: str, key: str | None, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Take back what is left of the lots of ACCOUNT with this REFERENCE, and say how much had been spent already."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.orders import Reversed
    from spillover.pictures.wording import credits_text

    key = key_of(key)
    with open_there(db) as access:
        done, policy = access.lots.reverse(name, reference, key=key, reason=reason, actor=actor), access.policy
    if as_json:
        write_json(Reversed.of(policy, done, account=name, reference=reference, key=key))
        return
    granted, taken, short = (credits_text(amount) for amount in (done.granted, done.taken, done.shortfall))
    write(f"{name}: {taken} of {granted} credits of {reference} taken back, {short} short (key {key})")


def _measure(measures: dict[int, str], name: str, lot: int) -> str:
    """What a lot is measured in. Raises UnknownName for one that the account never had."""
    if lot not in measures:
        listed = ", ".join(str(one) for one in list(measures)[:16]) or "none"
        raise UnknownName("lot", str(lot), f"a lot of {name}: {listed} (see `spillover lots list {name}`)")
    return measures[lot]


def _known(done: Ordered, key: str) -> str:
    return f"(version {done.version} of its terms, key {key})"


def _show_order(
    policy: Policy, name: str, key: str, done: Ordered, measures: dict[int, str], as_json: bool, asked: int = 0
) -> None:
    """What was taken from which lot."""
    from spillover.cli.output import write, write_json
    from spillover.documents.orders import Ordered as OrderedDocument
    from spillover.pictures.wording import measure_text

    if as_json:
        write_json(OrderedDocument.of(policy, done, account=name, key=key, measures=measures))
        return
    taken = [f"{measure_text(policy, measures[lot], amount)} taken from lot {lot}" for lot, amount in done.lowered]
    short = ", which had no more" if asked and sum(amount for _, amount in done.lowered) < asked else ""
    write(f"{name}: {', '.join(taken) or 'nothing was left to take'}{short if taken else ''} {_known(done, key)}")

"""Any other change of an account that is ordered once: lots adjusted up, lowered, rolled over; limits reset or set."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from spillover.core.settle import lot_book
from spillover.ledgers.books.orders import Order, check_amount, check_lot
from spillover.ledgers.books.tables import Tables
from spillover.ledgers.books.terms import check_text, profile_of
from spillover.model.account import NEVER, Lot, Override, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.books import Transfer
from spillover.model.errors import BoundExceeded, InvalidInput, UnknownName
from spillover.model.event import Entry
from spillover.model.terms import Lower
from spillover.ports import Change, Push

OVERRIDES_MAX = 256
"""Overrides of an account that are in force or to come."""


def change(tables: Tables, account: int, wanted: Change, *, at: int) -> Profile:
    """Book an order; the version that it made. The same key and content again: the version of then."""
    for lot in wanted.into:
        check_lot(lot, "into")
    order = Order(tables, account, wanted, at=at)
    if order.done is not None:
        return profile_of(tables, account, order.done.version)
    if both := {lot for lot, _ in wanted.adds} & {lower.lot for lower in wanted.lowers}:
        raise InvalidInput("adds", f"lots {sorted(both)} that are lowered too", "one order for each direction")
    for number, amount in wanted.adds:
        _add(order, number, amount)
    new = tuple(order.issue(lot) for lot in wanted.into)
    lowers = tuple(_lower(order, lower, new) for lower in wanted.lowers)
    overrides, entries = _override(order.before.overrides, wanted.overrides)
    if len(overrides) > OVERRIDES_MAX:
        overrides = tuple(one for one in overrides if one.until > at)
    if len(overrides) > OVERRIDES_MAX:
        advice = "let some end, or change the plan in the policy"
        raise BoundExceeded("overrides of the account", len(overrides), OVERRIDES_MAX, advice)
    profile = replace(order.before, overrides=overrides)
    return order.finish(Push(profile, lowers=lowers, resets=wanted.resets, entries=entries))


def _add(order: Order, number: int, amount: int) -> None:
    check_amount("adds", amount)
    lot = _living(order, number)
    order.require_room(lot.measure, amount)
    order.post(
        Transfer(
            "adjust", lot.measure, number, amount, "adjustments", lot_book(number),
            order.key, order.reason, order.actor, order.at,
        )
    )  # fmt: skip
    order.raise_lot(lot, amount)


def _living(order: Order, number: int) -> Lot:
    """A lot that can be raised. Raises UnknownName if the account never had it, InvalidInput if its time is over."""
    found = order.find_lot(number)
    if found is None:
        raise UnknownName("lot", f"lot {number}", "a lot of the account")
    lot, ended = found
    if ended or lot.expires <= order.at:
        raise InvalidInput("lot", f"lot {number}, which has ended", "a lot that has not; grant a new one")
    return lot


def _lower(order: Order, lower: Lower, new: tuple[Lot, ...]) -> Lower:
    """The lower with the id of the lot that it goes to, in place of its position among the new ones."""
    if type(lower.most) is not int or not 0 <= lower.most <= AMOUNT_MAX:
        raise InvalidInput("lowers.most", repr(lower.most), "a whole number from 0 to 2^53 - 1")
    found = order.find_lot(lower.lot)
    if found is None:
        raise UnknownName("lot", f"lot {lower.lot}", "a lot of the account")
    if (lower.kind == "rollover") != (lower.to != 0) or not -len(new) <= lower.to <= 0:
        raise InvalidInput("lowers.to", str(lower.to), "-1 for the first of `into` and so on, for a rollover only")
    into = new[-lower.to - 1] if lower.to else None
    if into is not None and into.measure != found[0].measure:
        raise InvalidInput("into.measure", into.measure, f"{found[0].measure}, that of lot {lower.lot}")
    if _ends(lower):
        order.gone.add(lower.lot)
        order.tables.run("orders.end_lot", lower.kind, order.account, lower.lot)
    return lower if into is None else replace(lower, to=into.id)


def _ends(lower: Lower) -> bool:
    """Whether the lot ends: it leaves the profile with that version, and nothing is raised in it any more."""
    return lower.kind in ("expire", "rollover") or (lower.kind == "revoke" and lower.most == AMOUNT_MAX)


def _override(
    kept: Iterable[Override], wanted: Iterable[Override]
) -> tuple[tuple[Override, ...], tuple[Entry, ...]]:  # fmt: skip
    """The overrides with these in place of those of the same limit and scope, and what that says in the statement."""
    found = {(one.limit, one.scope): one for one in kept}
    entries = []
    for one in wanted:
        _check(one)
        before = found.pop((one.limit, one.scope), None)
        found[one.limit, one.scope] = one  # of equals the last is in force
        what = one.limit if one.scope is None else f"{one.limit}@{one.scope}"
        entries.append(Entry("override", what, _said(before), _said(one)))
    return tuple(found.values()), tuple(one for one in entries if one.before != one.after)


def _check(one: Override) -> None:
    check_text("overrides.limit", one.limit)
    if one.scope is not None:
        check_text("overrides.scope", one.scope)
    for field, value in (("max", one.max), ("until", one.until)):
        if type(value) is not int or not 0 <= value <= AMOUNT_MAX:
            raise InvalidInput(f"overrides.{field}", repr(value), "a whole number from 0 to 2^53 - 1")


def _said(one: Override | None) -> str:
    if one is None:
        return ""
    return str(one.max) if one.until == NEVER else f"{one.max} until {one.until}"

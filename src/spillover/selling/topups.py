"""Automatic top-ups: when an account's credits fall to its rule's threshold, a pack is ordered, once.

Pure: `crossings` says which changes call for one. `TopUps` finds orders in what a watcher has read of an account; they
are written in the transaction that moves the account's place, so each crossing orders once, whatever is killed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from spillover.core.instants import to_moment
from spillover.model.policy import Pack, Policy
from spillover.office.topup_records import end, open_of, order, ordered_in, paid_by, rule_of, topup_message
from spillover.ports import Ledger
from spillover.ports.notices import Also, Message, Writer
from spillover.ports.sales import TOPUP_KEY, TopUp, TopUpRule

LOG = logging.getLogger("spillover.selling")
MOST = 1_000
"""Orders of an account in a month that a rule may allow."""


class Change(Protocol):
    """What one cause did to an account's balance in one measure, as the watcher tells it; `at` in ms."""

    @property
    def measure(self) -> str: ...
    @property
    def before(self) -> int: ...
    @property
    def after(self) -> int: ...
    @property
    def at(self) -> int: ...
    @property
    def cause(self) -> str: ...


def crossings(rule: TopUpRule, changes: Iterable[Change], open_key: str = "") -> Iterator[Change]:
    """The changes that call for an order as long as none is open, in the order of the books.

    Each takes the credits from above the threshold to it or below. `open_key`: the order that is open as these begin;
    it is paid by the grant under its key. Such a grant that leaves the credits at the threshold or below is a crossing
    itself: one pack was not enough. Changes before the rule was made call for nothing.
    """
    for change in changes:
        if change.measure != "credits" or (open_key and change.cause != open_key):
            continue
        falls = change.before > rule.below >= change.after
        if (falls or (open_key and change.after <= rule.below)) and change.at >= rule.made:
            yield change
        open_key = ""


def month(at: int, zone: str) -> str:
    """The calendar month of an instant on the clock of a zone: "2026-03"."""
    return f"{to_moment(at, zone):%Y-%m}"


class TopUps:
    """Finds what is to be ordered. Used by the watcher's thread."""

    def __init__(self, ledger: Ledger, clock: Callable[[], int]) -> None:
        self._ledger, self._clock = ledger, clock

    async def find(self, account: int, changes: Sequence[Change], policy: Policy | None) -> list[Also]:
        """What is to be written with the account's new place; nothing where no credits moved down, or were ordered."""
        if not any(
            change.measure == "credits" and (change.after < change.before or change.cause.startswith(TOPUP_KEY))
            for change in changes
        ):
            return []
        zone, now = (await self._ledger.profile(account)).zone, self._clock()
        packs = {} if policy is None else policy.packs
        return [lambda tables: ordered(tables, account, changes, packs, zone, now)]


def ordered(
    tables: Writer, account: int, changes: Sequence[Change], packs: dict[str, Pack], zone: str, now: int
) -> list[Message]:
    """Write down that an order was paid, and a new one if it is time for it; what is to be told of it."""
    causes = {change.cause for change in changes}
    # One that these changes pay was open as they began, also if somebody else has noted its payment already.
    last = open_of(tables, account) or paid_by(tables, account, causes)
    paid = last is not None and last.key in causes
    if last is not None and paid and last.state == "wanted":
        end(tables, last, "paid")
    rule = rule_of(tables, account)
    if rule is None:
        return []
    for found in crossings(rule, changes, last.key if last is not None else ""):
        pack = packs.get(rule.pack)
        if pack is None:
            LOG.warning("account %s: found rule for pack %s, expected one that the policy sells", account, rule.pack)
            return []
        period = month(found.at, zone)
        number = ordered_in(tables, account, period) + 1
        if number <= rule.most:
            topup = TopUp(account, period, number, pack, at=now, due=now)
            order(tables, topup)
            return [topup_message("topup.wanted", topup, now)]
    return []

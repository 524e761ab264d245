"""One account, audited whole: its events with their charges and updates, then what all of them sum up to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from msgspec import Struct

from spillover.audit.again import check_again
from spillover.audit.charges import Charges
from spillover.audit.course import read_profile
from spillover.audit.digest import Digest
from spillover.audit.epochs import Epochs
from spillover.audit.events import Entry, Events
from spillover.audit.holdings import Lots, check_balances, check_settled
from spillover.audit.hot import HotTables
from spillover.audit.journal import Journal
from spillover.audit.orders import Orders, check_refunds
from spillover.audit.policies import Policies
from spillover.audit.report import Findings
from spillover.audit.state import HotAccount, hot_state, open_holds, settled_state
from spillover.audit.tables import Row, Tape
from spillover.audit.versions import check_due, check_outbox, check_pushed, check_versions

STREAMED = ("accounts", "usage_events", "monetization_events", "balance_updates")
"""Read row by row, for an account may have any number of them."""


class Place(NamedTuple):
    """An account's row in `accounts`."""

    id: int
    epoch: int
    sequence: int
    settled_version: int
    version: int
    next_lot: int
    usage_count: int
    usage_head: bytes
    charge_count: int
    charge_head: bytes
    update_count: int
    update_head: bytes
    due: int


class Sums(Struct):
    """What audited accounts come to, all together."""

    accounts: int = 0
    events: int = 0
    charges: int = 0
    updates: int = 0
    lots: int = 0
    unsettled: int = 0
    books: dict[str, dict[str, int]] = {}


class AccountAudit:
    """One account beside its rows in all tables."""

    def __init__(
        self, account: int, tapes: Mapping[str, Tape], policies: Policies, findings: Findings,
        hot: Callable[[int, tuple[int, int]], HotAccount | None] | None, find: Callable[[int, str], Row | None],
        progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        """`hot` gives the account's hot state, told where its books stand, None for an account that has none; None
        where it is not known. `find` gives the place and the payload of the event that is booked under a key."""
        self._find = find
        self._account, self._tapes, self._policies, self._findings = account, tapes, policies, findings
        self._hot, self._progress = hot, progress

    def run(self, sums: Sums) -> bytes | None:
        """Check everything, add to the sums, and give the account's digest; None if there is no such account."""
        account, tapes, report, digest = self._account, self._tapes, self._report, Digest()
        rows = tapes["accounts"].take(account)
        stands = (rows[0][1], rows[0][2]) if rows else (0, 0)
        hot = self._hot(account, stands) if self._hot else None
        if not rows:
            self._orphans(hot)
            return None
        place = Place(*rows[0])
        small = {name: tape.take(account) for name, tape in tapes.items() if name not in STREAMED}
        orders = Orders(small["orders"], report)
        profiles = {row[1]: (row[2], row[3]) for row in small["profiles"]}
        epochs = Epochs(small["epochs"], report)
        events = Events(account, self._policies, profiles, orders.by_version, epochs, digest, report)
        events.refunded = {(row[1], row[2]): None for row in small["refunded"]}
        self._quarantine(small["quarantine"], events)
        unsettled = self._split(hot, place, events)
        charges = Charges(account, tapes["monetization_events"].rows(account), report, digest)
        journal = Journal(account, tapes["balance_updates"].rows(account), report, digest)
        course = events.course

        events.settled(tapes["usage_events"].rows(account), charges, journal, self._progress)
        events.end(place.epoch, place.sequence, place.usage_count, place.usage_head)
        charges.finish(place.charge_count, place.charge_head)
        journal.finish(place.update_count, place.update_head)
        if place.settled_version != course.version:
            found = f"settled_version {place.settled_version}"
            report("terms", "accounts", "", found, f"{course.version}, the last that settled events brought")
        settled_state(course, small["settled_cells"], report)
        settled_holds = {row[1]: (row[2], row[3]) for row in small["settled_holds"]}
        open_holds(course, settled_holds, "settled_holds", "settled-state", report)
        check_settled(journal, course, orders, report)
        check_refunds(small["refunded"], events.refunded_events(), journal, orders, report)
        if events.again:
            find = partial(self._find, account)
            check_again(events.again, small["refunded"], find, journal, orders, report)
        result = digest.result(small["lots"], small["account_balances"], len(small["quarantine"]))

        events.unsettled(unsettled, place.epoch)
        self._projections(place, small, events, journal, orders, hot)
        self._sum_up(sums, events.count, charges.count, journal, len(unsettled))
        return result

    def _projections(
        self, place: Place, small: dict[str, list[Row]], events: Events, journal: Journal, orders: Orders,
        hot: HotAccount | None,
    ) -> None:  # fmt: skip
        """The hot state, the terms, and what sums up the history."""
        course, report = events.course, self._report
        versions = {row[1]: row for row in small["profiles"]}
        pending = check_versions(small["profiles"], place.version, journal, course, report)
        newest = read_profile(versions[place.version][2]) if place.version in versions else None
        check_due(place.due, newest, report)
        settled, waiting = (place.settled_version, place.version), {row[2] for row in small["outbox"]}
        check_pushed(small["pushed"], settled, waiting, versions, orders, report)
        if self._hot:
            self._hot_side(hot, events, journal, place)
            check_outbox(small["outbox"], pending, versions, orders, course, report)
        orders.check(versions, journal, report)
        Lots(journal, orders, course, newest, report).check(small["lots"], place.next_lot)
        check_balances(small["account_balances"], journal, report)

    def _quarantine(self, rows: list[Row], events: Events) -> None:
        for row in rows:
            if row[7]:
                events.quarantined[row[1], row[2]] = row
            found = f"{row[5]} ({'it took its place' if row[7] else 'it has no place in the order'})"
            self._report(
                "quarantine", "quarantine", f"{row[1]}.{row[2]} key {row[3]!r}", found, "no event in quarantine"
            )

    def _split(self, hot: HotAccount | None, place: Place, events: Events) -> list[Entry]:
        """What the stream holds that is not settled; what is settled and not acknowledged is compared on the way."""
        unsettled = []
        for entry in hot.stream if hot else ():
            if entry[:2] > (place.epoch, place.sequence):
                unsettled.append(entry)
            elif entry[0] < place.epoch and entry[1] > events.ended(entry[0]):
                continue  # decided before the epoch was raised, and not booked then: about to be fenced
            elif entry[:2] not in events.quarantined:
                events.unacknowledged[entry[:2]] = entry[3]
        return unsettled

    def _hot_side(self, hot: HotAccount | None, events: Events, journal: Journal, place: Place) -> None:
        """The hot state, and each lot in the books beside it."""
        if hot is None:
            if events.sequence:
                self._report("hot-state", "hot_accounts", "", "no row", f"the account at sequence {events.sequence}")
            return
        if hot.shut and hot.epoch < place.epoch:
            return  # about to be put back from the books
        if hot.epoch != place.epoch:
            self._report("hot-state", "hot_accounts", "", f"epoch {hot.epoch}", f"{place.epoch}, as in the books")
        course = events.course
        hot_state(course, hot, events.sequence, self._report)
        kept = course.held.kept()
        for lot, history in journal.lots.items():
            left, keeps = hot.cells.get(f"lot:{lot}", 0), kept.get(lot, 0)
            coming = history.ordered - course.turns.raised.get(lot, 0)
            # What the stream still draws lies between the books' balance and what the events leave.
            drawn = history.balance - coming - keeps - course.held.remaining.get(lot, 0)
            least = min(left, coming, 0 if lot in course.turns.rolled else drawn)
            if history.balance != left + drawn + keeps + coming or least < 0:
                found = (
                    f"{history.balance} in the books, {left} hot, {drawn} not settled, {keeps} held, {coming} to come"
                )
                self._report("hot-state", "cells", f"cell lot:{lot}", found, "books = the other four, none below 0")
        if isinstance(self._hot, HotTables):
            self._hot.check_keys(hot, events, self._report)

    def _orphans(self, hot: HotAccount | None) -> None:
        """Rows of an account that does not exist."""
        for name, tape in self._tapes.items():
            count = sum(1 for _ in tape.rows(self._account))
            if count:
                self._report("phantom", name, "", f"{count} rows", "an account in `accounts` that they belong to")
        if hot and (hot.epoch, hot.sequence) > (0, 0):  # a row in epoch 0 at 0 is only a mark, or a lock
            self._report("phantom", "hot_accounts", "", f"a place at {hot.sequence}", "an account in `accounts`")

    def _sum_up(self, sums: Sums, events: int, charges: int, journal: Journal, unsettled: int) -> None:
        sums.accounts += 1
        sums.events += events
        sums.charges += charges
        sums.updates += journal.count
        sums.lots += len(journal.lots)
        sums.unsettled += unsettled
        for (measure, book), amount in journal.books().items():
            if type(amount) is int:  # damage can make a number of any kind, which was found at its row
                books = sums.books.setdefault(str(measure), {})
                books[str(book)] = books.get(str(book), 0) + amount

    def _report(self, check: str, table: str, row: str, found: object, expected: object) -> None:
        self._findings.add(check, table, self._account, row, found, expected)

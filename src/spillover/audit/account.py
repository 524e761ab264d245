"""One account, audited whole: its events in order, with their charges and updates, then what all of them sum up to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import MsgspecError, Struct

from spillover.audit.chains import canonical, genesis
from spillover.audit.charges import Charges
from spillover.audit.course import Course
from spillover.audit.digest import Digest
from spillover.audit.holdings import (
    check_balances,
    check_lots,
    check_outbox,
    check_settled_lots,
    check_versions,
)
from spillover.audit.journal import Journal
from spillover.audit.policies import Policies
from spillover.audit.report import Findings
from spillover.audit.state import HotAccount, hot_state, settled_state
from spillover.audit.tables import Row, Tape
from spillover.model.event import Event, decode_event

GAPS_MAX = 20
"""Missing events of one gap that are named; a longer gap is named as a whole."""
TICK = 4096
"""Events between two calls of `progress`."""
_BROKEN = (MsgspecError, UnicodeError, RecursionError, ValueError, LookupError, TypeError, ArithmeticError)
"""What content of the wrong form may raise."""


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
        hot: Callable[[int], HotAccount | None] | None, progress: Callable[[int], None],
    ) -> None:  # fmt: skip
        """`hot` gives the account's hot state, None for an account that has none; None where it is not known."""
        self._account, self._tapes, self._policies, self._findings = account, tapes, policies, findings
        self._hot, self._progress = hot, progress
        self._digest = Digest()
        self._at = ("usage_events", "")
        self._epoch = self._sequence = self._count = 0
        self._head = genesis("usage_events", account)
        self._quarantined: dict[tuple[int, int], Row] = {}
        self._left: dict[tuple[int, int], bytes] = {}

    def run(self, sums: Sums) -> bytes | None:
        """Check everything, add to the sums, and give the account's digest; None if there is no such account."""
        rows = self._tapes["accounts"].take(self._account)
        if not rows:
            self._orphans()
            return None
        place = Place(*rows[0])
        take = {name: tape.take(self._account) for name, tape in self._tapes.items() if name not in _STREAMED}
        self._quarantine(take["quarantine"])
        hot = self._hot(self._account) if self._hot else None
        unsettled = self._split(hot, place)
        profiles = {row[1]: row[2] for row in take["profiles"]}
        course = Course(self._account, self._policies, profiles, self._note)
        charges = Charges(
            self._account, self._tapes["monetization_events"].rows(self._account), self._report, self._digest
        )
        journal = Journal(self._account, self._tapes["balance_updates"].rows(self._account), self._report, self._digest)
        self._events(course, charges, journal)
        self._end(place, course)
        charges.finish(place.charge_count, place.charge_head)
        journal.finish(place.update_count, place.update_head)
        self._place(place, course, journal)
        settled_state(course, take["settled_cells"], self._report)
        check_settled_lots(journal, course.held.remaining, course.raised, self._report)
        digest = self._digest.result(take["lots"], take["account_balances"], len(take["quarantine"]))

        self._unsettled(unsettled, course, place)
        pending = check_versions(take["profiles"], place.version, journal, course, self._report)
        if self._hot:
            self._hot_side(hot, course, journal, place)
            check_outbox(take["outbox"], pending, journal, course, self._report)
        check_lots(take["lots"], take["grants"], journal, course, self._report)
        check_balances(take["account_balances"], journal, self._report)
        self._sum_up(sums, charges, journal, len(unsettled))
        return digest

    def _events(self, course: Course, charges: Charges, journal: Journal) -> None:
        """Each usage event: its place, its hash, its content, then what it caused."""
        account, sha256 = self._account, hashlib.sha256
        head, left, digest = self._head, self._left, self._digest
        for _, epoch, sequence, key, payload, stored in self._tapes["usage_events"].rows(account):
            self._at = ("usage_events", (epoch, sequence, key))
            self._count += 1
            head = sha256(head + canonical((account, epoch, sequence, key, _text(payload)))).digest()
            if head != stored:
                self._note("chain", f"hash {bytes(stored).hex()}", "the hash of this row and the one before")
                head = stored
            if sequence != self._sequence + 1 or epoch != self._epoch:
                self._gap(epoch, sequence, course)
            self._epoch, self._sequence = epoch, sequence
            if left and left.pop((epoch, sequence), payload) != payload:
                self._note("hot-state", "other content in the stream", "the event that was settled in its place")
            event = self._read(payload, key)
            if event is None:
                course.blind = True
                continue
            if event.kind == "usage":
                policy = self._policies.known.get(event.policy)
                digest.usage(event, policy.priced if policy else frozenset())
            elif event.terms is not None:
                digest.terms(event.terms)
            self._step(course, event)
            if event.legs:
                charges.of(event, epoch, sequence)
                journal.of(event, epoch, sequence)
            if not self._count % TICK:
                self._progress(TICK)
        self._head = head
        self._progress(self._count % TICK)

    def _step(self, course: Course, event: Event) -> None:
        try:
            course.step(event)
        except _BROKEN as error:
            course.blind = True
            self._note("form", f"content that cannot be followed ({type(error).__name__}: {error})", "a usage event")

    def _read(self, payload: bytes, key: str) -> Event | None:
        """The event, if it can be read and stands in its own place."""
        try:
            event = decode_event(payload)
        except _BROKEN as error:
            self._note("form", f"no event ({error})", "a usage event in JSON")
            return None
        if event.account != self._account or event.key != key:
            self._note("form", f"the event of account {event.account}, key {event.key!r}", "the one of this place")
        return event

    def _gap(self, epoch: int, sequence: int, course: Course) -> None:
        """What lies between the last event and this place: quarantined events, or nothing."""
        if epoch != self._epoch:
            self._sequence = 0  # how far an older epoch went, nobody says
        if sequence <= self._sequence:
            self._note("once", f"a second event in place {epoch}.{sequence}", "one")
            return
        missing = []
        for between in range(self._sequence + 1, sequence):
            row = self._quarantined.get((epoch, between))
            if row is None:
                missing.append(between)
            elif row[8]:
                event = self._read(bytes(row[4]), row[3])
                if event is not None:
                    course.pass_by(event)
            if len(missing) > GAPS_MAX:
                break
        named = [f"{epoch}.{one}" for one in missing]
        if len(missing) > GAPS_MAX:
            named = [f"{epoch}.{missing[0]} to {epoch}.{sequence - 1}"]
        for one in named:
            self._report("complete", "usage_events", one, "no event", "one in each place of the order")

    def _end(self, place: Place, course: Course) -> None:
        """The order ends where the account's row says, and so does the chain."""
        if (place.epoch, place.sequence) < (self._epoch, self._sequence):
            found = f"settled up to {place.epoch}.{place.sequence}"
            self._report("complete", "accounts", "", found, f"{self._epoch}.{self._sequence}, the last event")
        else:
            self._gap(place.epoch, place.sequence + 1, course)
            self._epoch, self._sequence = place.epoch, place.sequence
        if (self._count, self._head) != (place.usage_count, place.usage_head):
            found = f"{self._count} rows up to {self._head.hex()}"
            wanted = f"{place.usage_count} up to {place.usage_head.hex()}, by the account's row"
            self._report("chain", "usage_events", "", found, wanted)

    def _place(self, place: Place, course: Course, journal: Journal) -> None:
        """The rest of the account's row."""
        if place.settled_version != course.version:
            found = f"settled_version {place.settled_version}"
            self._report("terms", "accounts", "", found, f"{course.version}, the last that settled events brought")
        if place.next_lot != len(journal.lots) + 1:
            found = f"next_lot {place.next_lot}"
            self._report("history", "accounts", "", found, f"{len(journal.lots) + 1}, after the lots that were granted")

    # --- the hot side ----------------------------------------------------------------------------------------------

    def _split(self, hot: HotAccount | None, place: Place) -> list[tuple[int, int, str, bytes]]:
        """What the stream holds that is not settled; what is settled and not acknowledged is compared on the way."""
        unsettled = []
        for epoch, sequence, key, payload in hot.stream if hot else ():
            if (epoch, sequence) > (place.epoch, place.sequence):
                unsettled.append((epoch, sequence, key, payload))
            elif (epoch, sequence) not in self._quarantined:
                self._left[epoch, sequence] = payload
        return unsettled

    def _unsettled(self, entries: list[tuple[int, int, str, bytes]], course: Course, place: Place) -> None:
        """Events that were decided and not yet settled go on where settled ones end."""
        for epoch, sequence in sorted(self._left):
            found = "an entry that is neither settled nor to come"
            self._report("hot-state", "stream", f"{epoch}.{sequence}", found, "an event of the books")
        for epoch, sequence, key, payload in entries:
            self._at = ("stream", (epoch, sequence, key))
            if (epoch, sequence) != (place.epoch, self._sequence + 1):
                self._note("complete", f"entry {epoch}.{sequence}", f"{place.epoch}.{self._sequence + 1}, the next one")
            self._sequence = sequence
            event = self._read(payload, key)
            if event is not None:
                self._step(course, event)

    def _hot_side(self, hot: HotAccount | None, course: Course, journal: Journal, place: Place) -> None:
        if hot is None:
            if self._sequence:
                self._report("hot-state", "hot_accounts", "", "no row", f"the account at sequence {self._sequence}")
            return
        if hot.epoch != place.epoch:
            self._report("hot-state", "hot_accounts", "", f"epoch {hot.epoch}", f"{place.epoch}, as in the books")
        hot_state(course, hot, self._sequence, self._report)
        for lot, history in journal.lots.items():
            left = hot.cells.get(f"lot:{lot}", 0)
            coming = 0 if lot in course.raised else history.granted
            # What the stream still draws lies between the books' balance and what the events leave.
            drawn = history.balance - coming - course.held.remaining.get(lot, 0)
            if history.balance != left + drawn + coming or min(left, drawn, coming) < 0:
                found = f"{history.balance} in the books, {left} hot, {drawn} drawn and not settled, {coming} not pushed"
                self._report("hot-state", "cells", f"lot:{lot}", found, "books = hot + not settled + not pushed, none below 0")

    # --- notes -----------------------------------------------------------------------------------------------------

    def _quarantine(self, rows: list[Row]) -> None:
        for row in rows:
            if row[7]:
                self._quarantined[row[1], row[2]] = row
            counted = "it took its place" if row[7] else "it has no place in the order"
            place = f"{row[1]}.{row[2]} key {row[3]!r}"
            self._report("quarantine", "quarantine", place, f"{row[5]} ({counted})", "no event that could not be booked")

    def _orphans(self) -> None:
        """Rows of an account that does not exist."""
        for name, tape in self._tapes.items():
            count = sum(1 for _ in tape.rows(self._account))
            if count:
                self._report("phantom", name, "", f"{count} rows", "an account in `accounts` that they belong to")
        if self._hot and (hot := self._hot(self._account)):
            self._report("phantom", "hot_accounts", "", f"an account at {hot.sequence}", "one that the ledger knows")

    def _sum_up(self, sums: Sums, charges: Charges, journal: Journal, unsettled: int) -> None:
        sums.accounts += 1
        sums.events += self._count
        sums.charges += charges.count
        sums.updates += journal.count
        sums.lots += len(journal.lots)
        sums.unsettled += unsettled
        for (measure, book), amount in journal.books().items():
            books = sums.books.setdefault(measure, {})
            books[book] = books.get(book, 0) + amount

    def _note(self, check: str, found: object, expected: object) -> None:
        """A finding about the event at hand."""
        table, place = self._at
        row = f"{place[0]}.{place[1]} key {place[2]!r}" if place else ""
        self._findings.add(check, table, self._account, row, found, expected)

    def _report(self, check: str, table: str, row: str, found: object, expected: object) -> None:
        self._findings.add(check, table, self._account, row, found, expected)


_STREAMED = ("accounts", "usage_events", "monetization_events", "balance_updates")


def _text(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.decode(errors="backslashreplace")

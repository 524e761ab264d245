"""An account's usage events in their order: gapless, hashed, readable; and after them what the stream still holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256

from msgspec import MsgspecError

from spillover.audit.again import again_key
from spillover.audit.chains import Row, canonical, genesis
from spillover.audit.charges import Charges
from spillover.audit.course import Course, Ordered, Versions
from spillover.audit.digest import Digest
from spillover.audit.epochs import Epochs
from spillover.audit.journal import Journal
from spillover.audit.policies import Policies
from spillover.audit.report import Report
from spillover.model.event import Event, decode_event

TABLE = "usage_events"
GAPS_MAX = 20
"""Missing events of one gap that are named; a longer gap is named as a whole."""
TICK = 4096
"""Events between two reports of progress."""
BROKEN = (MsgspecError, RecursionError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""What content of the wrong form may raise."""

Entry = tuple[int, int, str, bytes]
"""What the stream holds: epoch, sequence, key, payload."""
_NOTHING_PRICED: frozenset[str] = frozenset()
_PLAIN = ("usage", "commit")
_KEEPING = ("hold", "extend")
"""What these draw is still in the books' balance; it is booked when the hold ends."""


class Events:
    """Goes through the events and hands each to its course, its charge and its updates."""

    def __init__(
        self, account: int, policies: Policies, profiles: Versions, ordered: Ordered, epochs: Epochs, digest: Digest,
        report: Report,
    ) -> None:  # fmt: skip
        """`refunded`: places of events that were refunded, with each event once it was seen; `again`: events whose key
        had been booked before, by their places."""
        self._account, self._policies, self._digest, self._report = account, policies, digest, report
        self._epochs = epochs
        self.again: dict[tuple[int, int], Event] = {}
        self.course = Course(account, policies, profiles, ordered, self._note)
        self.refunded: dict[tuple[int, int], Event | None] = {}
        self.epoch = self.sequence = self.count = 0
        self.head = genesis(TABLE, account)
        self.quarantined: dict[tuple[int, int], Row] = {}
        self.unacknowledged: dict[tuple[int, int], bytes] = {}
        self._table, self._place = TABLE, (0, 0, "")

    def settled(self, rows: Iterator[Row], charges: Charges, journal: Journal, progress: Callable[[int], None]) -> None:
        """Each usage event: its place, its hash, its content, then what it caused."""
        account, left, head = self._account, self.unacknowledged, self.head
        for _, epoch, sequence, key, payload, hashed in rows:
            self._place = (epoch, sequence, key)
            self.count += 1
            try:
                text = payload.decode()
            except UnicodeDecodeError:
                text = payload.decode(errors="backslashreplace")
            if sha256(head + canonical((account, epoch, sequence, key, text))).digest() != hashed:
                self._note("chain", f"hash {hashed.hex()}", "the hash of this row and the one before")
            head = hashed
            if sequence != self.sequence + 1 or epoch != self.epoch:
                self._gap(epoch, sequence)
            self.epoch, self.sequence = epoch, sequence
            if left and left.pop((epoch, sequence), payload) != payload:
                self._note("hot-state", "other content in the stream", "the event that was settled in its place")
            event = self._read(payload, key)
            if event is not None:
                self._booked(event, epoch, sequence, charges, journal)
            if not self.count % TICK:
                progress(TICK)
        self.head = head
        progress(self.count % TICK)

    def _booked(self, event: Event, epoch: int, sequence: int, charges: Charges, journal: Journal) -> None:
        """One event that is settled: what it is, what it did, and what the books say of it."""
        if event.kind != "terms":
            policy = self._policies.known.get(event.policy)
            self._digest.usage(event, policy.priced if policy else _NOTHING_PRICED)
        elif event.terms is not None:
            self._digest.terms(event.terms)
        self._step(event)
        if event.kind in _PLAIN and event.overshoot is None and not event.moves:
            for leg in event.legs:
                if leg.amount or leg.lots:
                    charges.of(event, epoch, sequence)
                    journal.of(event, epoch, sequence)
                    break
        elif event.kind not in _KEEPING:
            charges.of(event, epoch, sequence)
            journal.of(event, epoch, sequence)
        if self.refunded and (epoch, sequence) in self.refunded:
            self.refunded[epoch, sequence] = event

    def refunded_events(self) -> dict[tuple[int, int], Event]:
        """The events that were refunded, as far as they are settled."""
        return {place: event for place, event in self.refunded.items() if event is not None}

    def ended(self, epoch: int) -> int:
        """The last sequence of an epoch that is over, as the next one's row says; beyond all where none says it."""
        ended = self._epochs.ended(epoch + 1)
        return 2**63 if ended is None else ended

    def end(self, epoch: int, sequence: int, count: int, head: bytes) -> None:
        """The order ends where the account's row says, and so does the chain."""
        if (epoch, sequence) < (self.epoch, self.sequence):
            found = f"settled up to {epoch}.{sequence}"
            self._report("complete", "accounts", "", found, f"{self.epoch}.{self.sequence}, the last event")
        else:
            self._gap(epoch, sequence + 1)
            self.epoch, self.sequence = epoch, sequence
        self._epochs.finish(self.epoch)
        if (self.count, self.head) != (count, head):
            found = f"{self.count} rows up to {self.head.hex()}"
            self._report("chain", TABLE, "", found, f"{count} up to {head.hex()}, by the account's row")

    def unsettled(self, entries: list[Entry], epoch: int) -> None:
        """Events that were decided and are not settled yet go on where settled ones end."""
        self._table = "stream"
        for place in sorted(self.unacknowledged):
            found = "an entry that is neither settled nor to come"
            self._report("hot-state", "stream", f"{place[0]}.{place[1]}", found, "an event of the books")
        for entry_epoch, sequence, key, payload in entries:
            self._place = (entry_epoch, sequence, key)
            if (entry_epoch, sequence) != (epoch, self.sequence + 1):
                found = f"entry {entry_epoch}.{sequence}"
                self._note("complete", found, f"{epoch}.{self.sequence + 1}, the next one")
            self.sequence = sequence
            event = self._read(payload, key)
            if event is not None:
                self._step(event)

    def _step(self, event: Event) -> None:
        try:
            self.course.step(event, self._place[0])
        except BROKEN as error:
            self.course.blind = True
            self._note("form", f"content that cannot be followed ({type(error).__name__}: {error})", "a usage event")

    def _read(self, payload: bytes, key: str) -> Event | None:
        """The event, if it can be read; it must say itself that it is the one of this place."""
        try:
            event = decode_event(payload)
        except BROKEN as error:
            self._note("form", f"no event ({error})", "a usage event in JSON")
            self.course.blind = True
            return None
        if event.account != self._account or event.key != key:
            place = self._place[:2]
            if event.account == self._account and self._table == TABLE and key == again_key(place):
                self.again[place] = event
                return event
            self._note("form", f"the event of account {event.account}, key {event.key!r}", "the one of this place")
        return event

    def _gap(self, epoch: int, sequence: int) -> None:
        """What lies between the last event and this place: quarantined events, epochs that were raised, or nothing."""
        if epoch > self.epoch:
            self._raised(epoch)
        if epoch < self.epoch or sequence <= self.sequence:
            self._note("once", f"a second event in place {epoch}.{sequence}", "one")
            return
        self._fill(epoch, sequence)

    def _raised(self, epoch: int) -> None:
        """The epochs up to this one, each raised where the one before ended."""
        epochs = self._epochs
        epochs.lacking(self.epoch, epoch)
        for one in epochs.between(self.epoch, epoch):
            if self.epoch < one - 1:
                self.epoch, self.sequence = one - 1, 0
            ended = epochs.ended(one) or 0
            if ended > self.sequence:
                self._fill(one - 1, ended + 1)
            elif ended < self.sequence:
                epochs.parted(one, self.sequence)
            self.epoch, self.sequence = one, 0
        if epoch > self.epoch:
            self.epoch, self.sequence = epoch, 0

    def _fill(self, epoch: int, sequence: int) -> None:
        """The places before this one, of the same epoch: each was booked, or taken by an event in quarantine."""
        missing: list[int] = []
        for between in range(self.sequence + 1, sequence):
            row = self.quarantined.get((epoch, between))
            if row is None:
                missing.append(between)
                if len(missing) > GAPS_MAX:
                    break
            else:
                self._place = (epoch, between, row[3])
                self._pass_by(row)
        named = [f"{epoch}.{one}" for one in missing]
        if len(missing) > GAPS_MAX:
            named = [f"{epoch}.{missing[0]} to {epoch}.{sequence - 1}"]
        for one in named:
            self._report("complete", TABLE, one, "no event", "one in each place of the order")

    def _pass_by(self, row: Row) -> None:
        """An event in quarantine: what it did to the hot state is known only if it could be applied."""
        event = self._read(row[4], row[3]) if row[8] else None
        if event is None:
            self.course.blind = True
        else:
            self.course.pass_by(event)

    def _note(self, check: str, found: object, expected: object) -> None:
        """A finding about the event at hand."""
        epoch, sequence, key = self._place
        self._report(check, self._table, f"{epoch}.{sequence} key {key!r}", found, expected)

"""The hot side of an account in the same database: its state, what the stream holds of it, and its keys."""

from __future__ import annotations

from spillover.audit.books import Books
from spillover.audit.events import Events
from spillover.audit.report import Report
from spillover.audit.state import HotAccount
from spillover.audit.tables import HOT, Tape, open_tape, readable_text


class HotTables:
    """Reads hot accounts beside the books, in the order of accounts."""

    def __init__(self, books: Books, low: int, high: int, lenient: bool) -> None:
        self._books = books
        self.tapes = {name: open_tape(books.tape, name, table, low, high, lenient) for name, table in HOT.items()}
        kinds = ("keys_elsewhere", "count_keys", "entries_elsewhere")
        self._keys = {name: Tape(books.stream(name, low, high)) for name in kinds}
        self.tapes |= self._keys

    def __call__(self, account: int, settled: tuple[int, int]) -> HotAccount | None:
        """The account's hot state, wherever its books stand; None if there is no row of it. Accounts must be asked for
        in their order."""
        self._account = account
        rows = {name: tape.take(account) for name, tape in self.tapes.items()}
        self._rows = rows
        if not any(rows.values()):
            return None
        nowhere = (account, 0, 0, 0, False)
        _, epoch, sequence, version, shut = rows["hot_accounts"][0] if rows["hot_accounts"] else nowhere
        profile = rows["hot_profiles"][0][1] if rows["hot_profiles"] else None
        cells = {name: value for _, name, value in rows["cells"]}
        self._stream = {(row[1], row[2]): row for row in rows["stream"]}
        stream = tuple((row[1], row[2], row[3], row[4]) for row in rows["stream"])
        holds = {id_: (due, record) for _, id_, due, record in rows["holds"]}
        return HotAccount(epoch, sequence, version, profile, cells, stream, holds, bool(shut))

    def check_keys(self, hot: HotAccount, events: Events, report: Report) -> None:
        """Of the account that was asked for last: each event has its key, and each key its event with that request."""
        elsewhere = self._rows["keys_elsewhere"]
        unsettled = {(row[2], row[3]) for row in elsewhere}
        for _, epoch, sequence, blob, found, entry in self._rows["entries_elsewhere"]:
            if (epoch, sequence) not in unsettled:
                key = readable_text(blob)
                report("keys", "keys", f"key {key!r}", f"entry {found}", f"{entry}, where its event is in the stream")
        for _, blob, epoch, sequence, fingerprint, entry in elsewhere:
            place, key, mark = (epoch, sequence), readable_text(blob), b'"fingerprint":"%b"' % fingerprint
            waiting, stopped = self._stream.get(place), events.quarantined.get(place)
            if waiting is not None and waiting[3] == key and entry in (None, waiting[5]) and mark in waiting[4]:
                continue
            if waiting is None and stopped is not None and stopped[3] == key:
                continue
            again = events.again.get(place)
            if again is not None and again.key == key and again.fingerprint.encode() == fingerprint:
                continue
            found = f"event {epoch}.{sequence} with fingerprint {readable_text(fingerprint)}"
            report("keys", "keys", f"key {key!r}", found, "the event of that key, with its fingerprint")
        self._count(hot, events, report)

    def _count(self, hot: HotAccount, events: Events, report: Report) -> None:
        """Keys are forgotten in the order of their events, if at all: of this epoch none is missing after the first,
        but those that came again and now stand for a later event."""
        counts = {epoch: (count, first) for _, epoch, count, first in self._rows["count_keys"]}
        count, first = counts.get(hot.epoch, (0, hot.sequence + 1))
        if not self._books.forgets_keys:
            first = 1
        wanted = hot.sequence - first + 1
        again = sum(epoch == hot.epoch for epoch, _ in events.again)
        if wanted - again <= count <= wanted:
            return
        report("keys", "keys", "", f"{count} keys", f"{wanted}, one for each event")
        for epoch, sequence, blob in self._books.rows("events_without_key", self._account, hot.epoch, first):
            report("keys", "keys", f"key {readable_text(blob)!r}", "no row", f"the key of event {epoch}.{sequence}")

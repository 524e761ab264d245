"""The hot side of an account in the same file: its state, what the stream holds of it, and its keys."""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from spillover.audit.report import Report
from spillover.audit.state import HotAccount
from spillover.audit.tables import HOT, Row, Tape, open_tape, readable_text
from spillover.sql import statements

SQL = statements("spillover.audit", "hot.sql")


class HotTables:
    """Reads hot accounts beside the books, in the order of accounts."""

    def __init__(self, connection: apsw.Connection, low: int, high: int, lenient: bool) -> None:
        self._connection = connection
        self.tapes = {name: open_tape(connection, name, table, low, high, lenient) for name, table in HOT.items()}
        kinds: dict[str, Iterator[Row]] = {
            "keys": connection.execute(SQL["keys_elsewhere"], (low, high)),
            "counts": connection.execute(SQL["count_keys"], (low, high)),
        }
        self._keys = {name: Tape(rows) for name, rows in kinds.items()}
        self.tapes |= self._keys

    def __call__(self, account: int) -> HotAccount | None:
        """The account's hot state; None if there is no row of it. Accounts must be asked for in their order."""
        self._account = account
        rows = {name: tape.take(account) for name, tape in self.tapes.items()}
        self._elsewhere = rows["keys"]
        self._count = rows["counts"][0][1] if rows["counts"] else 0
        if not any(rows.values()):
            return None
        _, epoch, sequence, version = rows["hot_accounts"][0] if rows["hot_accounts"] else (account, 0, 0, 0)
        profile = rows["hot_profiles"][0][1] if rows["hot_profiles"] else None
        cells = {name: value for _, name, value in rows["cells"]}
        self._stream = {(row[1], row[2]): row for row in rows["stream"]}
        stream = tuple((row[1], row[2], row[3], row[4]) for row in rows["stream"])
        holds = {id_: (due, record) for _, id_, due, record in rows["holds"]}
        return HotAccount(epoch, sequence, version, profile, cells, stream, holds)

    def check_keys(self, hot: HotAccount, quarantined: dict[tuple[int, int], Row], report: Report) -> None:
        """Of the account that was asked for last: each event has its key, and each key its event with that request."""
        self._check_entries(report)
        for _, blob, epoch, sequence, fingerprint, entry in self._elsewhere:
            place, key, mark = (epoch, sequence), readable_text(blob), b'"fingerprint":"%b"' % fingerprint
            waiting, stopped = self._stream.get(place), quarantined.get(place)
            if waiting is not None and waiting[3] == key and waiting[5] == entry and mark in waiting[4]:
                continue
            if waiting is None and stopped is not None and stopped[3] == key:
                continue
            found = f"event {epoch}.{sequence} with fingerprint {readable_text(fingerprint)}"
            report("keys", "keys", f"key {key!r}", found, "the event of that key, with its fingerprint")
        if not hot.epoch and self._count != hot.sequence:
            report("keys", "keys", "", f"{self._count} keys", f"{hot.sequence}, one for each event")
            rows: Iterator[Row] = self._connection.execute(SQL["events_without_key"], (self._account,))
            for epoch, sequence, key in rows:
                report("keys", "keys", f"key {readable_text(key)!r}", "no row", f"the key of event {epoch}.{sequence}")

    def _check_entries(self, report: Report) -> None:
        """The key of an event that is still in the stream says where it lies there, or it would never leave it."""
        unsettled = {(row[2], row[3]) for row in self._elsewhere}
        for (epoch, sequence), (*_, key, _, entry) in self._stream.items():
            found = self._connection.execute(SQL["entry_of"], (self._account, key)).get
            if found not in (None, entry) and (epoch, sequence) not in unsettled:
                report("keys", "keys", f"key {key!r}", f"entry {found}", f"{entry}, where its event is in the stream")

"""What a client keeps in its journal's file beside what waits: holds that it opened itself, and operators' switches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from spillover.sql import Component, statements
from spillover.sqlite import open_database

CLIENT = Component.of("client", "spillover.http_client")
SQL = statements("spillover.http_client", "notes.sql")
WAIT_MS = 2_000

_encode = msgspec.json.Encoder(order="sorted").encode
_usage = msgspec.json.Decoder(dict[str, int]).decode
_attributes = msgspec.json.Decoder(dict[str, str]).decode


class Held(Struct, frozen=True):
    """A hold that was opened here. `usage`: its estimate; `units`: what it has of the bound; `mark`: what makes two
    openings under one key the same; `sent`: the service was asked first, and perhaps opened it too. Instants in ms.
    """

    account: str
    key: str
    feature: str
    usage: dict[str, int]
    subject: str
    attributes: dict[str, str]
    at: int
    due: int
    units: int
    mark: str
    sent: bool


class Switched(Struct, frozen=True):
    """Operators opened at `at` until `until` (ms); `origin` is the file by which they did, or "open_until". `ended`:
    when they closed again; None where it ran out, or runs."""

    at: int
    until: int
    reason: str
    actor: str
    origin: str
    ended: int | None = None


class Notes:
    """Synced to disk when a verb returns. For one thread at a time. Every verb raises StoreError."""

    def __init__(self, path: str) -> None:
        """The file must have been opened as a journal before."""
        self._db = open_database(path, CLIENT, writes={"held", "switched"}, wait_ms=WAIT_MS)

    def held(self) -> list[Held]:
        """The holds that are open here."""
        with self._db.read() as connection:
            return [_held(row) for row in connection.execute(SQL["held"])]

    def hold(self, one: Held) -> None:
        """Write down a hold, or how it is now."""
        columns = (
            one.account, one.key, one.feature, _encode(one.usage).decode(), one.subject,
            _encode(one.attributes).decode(), one.at, one.due, one.units, one.mark, int(one.sent),
        )  # fmt: skip
        with self._db.write() as connection:
            connection.execute(SQL["hold"], columns)

    def unhold(self, account: str, key: str) -> None:
        """A hold has ended."""
        with self._db.write() as connection:
            connection.execute(SQL["unhold"], (account, key))

    def switch(self, one: Switched) -> None:
        """Write down that operators opened."""
        with self._db.write() as connection:
            connection.execute(SQL["switch"], (one.at, one.until, one.reason, one.actor, one.origin))

    def close_switch(self, origin: str, at: int) -> None:
        """Write down that they closed what they had opened so."""
        with self._db.write() as connection:
            connection.execute(SQL["close"], (at, origin))

    def switches(self, limit: int) -> list[Switched]:
        """The newest first."""
        with self._db.read() as connection:
            return [Switched(*row) for row in connection.execute(SQL["switches"], (limit,))]

    def close(self) -> None:
        """Give back the file. Safe to repeat."""
        self._db.close()


def _held(row: Sequence[Any]) -> Held:
    account, key, feature, usage, subject, attributes, at, due, units, mark, sent = row
    told = _usage(usage), subject, _attributes(attributes)
    return Held(account, key, feature, *told, at, due, units, mark, bool(sent))

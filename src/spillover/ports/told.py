"""The nouns of notices: alerts, messages, endpoints, sendings, tries, and where a watcher is (decision 0007)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol

from msgspec import Struct

TYPES = (
    "balance.below", "balance.exhausted", "window.filled", "hold.expired", "topup.wanted", "topup.failed",
    "audit.finding",
)  # fmt: skip
"""What a message may be of. Tests of an endpoint may use others, such as `endpoint.test`."""
KEPT_MS = 30 * 86_400_000
"""How long ended messages and the log of their tries stay."""
ENDPOINTS_MAX, ALERTS_MAX = 1_000, 1_000
"""Endpoints that are not ended, and alerts, of one database."""
PAGE_MAX = 10_000
"""Rows of one page, at most."""

AlertKind = Literal["balance", "window"]
SendingState = Literal["waiting", "sent", "failed"]
Value = str | int | bytes | None


class Alert(Struct, frozen=True):
    """A threshold that somebody wants to be told of, under a name of its own.

    `account`: an account's id; 0 for all. `balance`: `of` is a measure ("credits", or a feature for gifted units) and
    `at` micro-credits or units, 1 or more, told when the balance falls to it or below. `window`: `of` is a limit's name
    and `at` the percentage (1 to 100) of its maximum that is used. `made`: ms since 1970.
    """

    name: str
    account: int
    kind: AlertKind
    of: str
    at: int
    made: int = 0


class Message(Struct, frozen=True):
    """Something to tell, once: `key` is unique among all messages.

    `number` and `id` ("msg_...", the `webhook-id` for good) are given when it is written, whatever stands there before.
    `account`: its id; 0 where there is none. `at`: when it happened (ms), the `timestamp` that is sent. `until`: it is
    kept until then at least, so that its key is known as long as it can be found again.
    `data` is a JSON object without names. When it is sent, `account` with the account's name is put first, where there
    is one; and a field NAME_token is told as NAME, with the name behind the token (`Ledger.names`), null if erased.
    """

    key: str
    account: int
    type: str
    at: int
    data: bytes
    until: int = 0
    id: str = ""
    number: int = 0


class EndpointSecret(Struct, frozen=True):
    """One secret of an endpoint, `whsec_` and base64, and until when messages are signed with it (ms; NEVER)."""

    text: str
    until: int


class Endpoint(Struct, frozen=True):
    """Where messages are sent. `types`, `accounts` (ids): the only ones that it wants; () for all.

    One that is bound to accounts is told nothing that is of no account. `failing_since`: when the first of its tries
    failed since the last good one; `paused`: since when nothing is sent to it, and what it wants waits; `ended`: since
    when it wants nothing any more. All in ms since 1970; 0 never.
    """

    id: str
    url: str
    secrets: tuple[EndpointSecret, ...]
    types: tuple[str, ...] = ()
    accounts: tuple[int, ...] = ()
    note: str = ""
    made: int = 0
    failing_since: int = 0
    paused: int = 0
    ended: int = 0

    def wants(self, type: str, account: int) -> bool:
        """Whether messages of this type about this account (0: none) are for it."""
        return not self.ended and (not self.types or type in self.types) and (
            not self.accounts or account in self.accounts
        )  # fmt: skip


class Sending(Struct, frozen=True):
    """One message on its way to one endpoint. `message` is its number.

    `tries`: how many there were in all; `before`: how many of them before it was last sent again, so `tries - before`
    counts against the most there may be. `due`: not before (ms). `leased`: until when a worker has it (ms).
    """

    message: int
    endpoint: str
    tries: int = 0
    before: int = 0
    due: int = 0
    leased: int = 0
    state: SendingState = "waiting"


class Try(Struct, frozen=True):
    """One line of the delivery log. `number`: from 1 on, `Sending.tries + 1`. `status`: of the answer; 0 for none.

    `ms`: how long it took. `error`: "" if it was taken; else one line, cut to 500 characters.
    """

    message: int
    endpoint: str
    number: int
    at: int
    status: int
    ms: int
    error: str = ""


class Due(Struct, frozen=True):
    """What a worker has leased: all that it needs to send it."""

    sending: Sending
    message: Message
    endpoint: Endpoint


class SentAgain(Struct, frozen=True):
    """How many sendings wait now that were put back; `after` continues behind the last message, None: no more."""

    sendings: int
    after: int | None = None


class Waiting(Struct, frozen=True):
    """How many sendings wait for an endpoint that is not paused, and since when the oldest is due (ms; 0 for none)."""

    sendings: int
    oldest: int


class Watched(Struct, frozen=True):
    """A place in an account's books: `updates` is how many balance updates it has."""

    account: int
    epoch: int = 0
    sequence: int = 0
    updates: int = 0


class Moved(Struct, frozen=True):
    """An account whose place is no longer the one that was watched last."""

    before: Watched
    now: Watched


class Advance(Struct, frozen=True):
    """A step that moves an account's place from `before` to `now`, and what is written with it."""

    before: Watched
    now: Watched
    messages: Sequence[Message] = ()
    also: Sequence[Also] = ()


class Writer(Protocol):
    """The office's tables inside a transaction, as `ledgers.books.tables.Tables` describes them; that is one."""

    def one(self, name: str, *values: Value) -> tuple[Any, ...] | None: ...
    def rows(self, name: str, *values: Value) -> Iterable[tuple[Any, ...]]: ...
    def run(self, name: str, *values: Value) -> None: ...
    def many(self, name: str, rows: Sequence[tuple[object, ...]]) -> list[tuple[Any, ...]]: ...
    def lock(self, accounts: Iterable[int]) -> None: ...
    def alone(self, what: str) -> None: ...


Also = Callable[[Writer], Sequence[Message]]
"""Writes rows of its own in the transaction that writes messages; those that it gives are written there too.

It may be run again from its start, so it does nothing outside. Called before any message is written, and, where a place
is moved, after that was seen to be the old one still.
"""

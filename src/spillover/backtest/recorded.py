"""The booked usage of a database through both policies, read by a connection that can change nothing.

The books keep what was granted, not what was denied. Accounts have the terms and the lots that they were given, at the
place among the usage where they came into force; lots begin with what was granted, so both policies spend them anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import apsw
from msgspec import DecodeError
from msgspec.structs import replace

from spillover.backtest.terms import apply_terms
from spillover.compare.comparing import Facts
from spillover.compare.lane import Standing
from spillover.compare.pair import NOTES, Pair, Standings
from spillover.compare.report import Comparison
from spillover.model.account import Profile
from spillover.model.errors import InvalidInput, StoreError
from spillover.model.event import Event, decode_event
from spillover.model.policy import Policy
from spillover.model.request import Request
from spillover.sql import statements
from spillover.sqlite import translated

Progress = Callable[[int, int | None], None]
STEP = 500
"""Events between two signs of progress."""

SQL = statements("spillover.backtest", "recorded.sql")
GIVEN = (
    "Accounts have the plans and the lots that they were given then; what the proposed policy would give by itself was"
    " not given."
)
HELD = "A hold counts as one request for what it came to, at the instant of its commit."


class Recorded(NamedTuple):
    """A booked event, with its account's name and names in place of tokens, as far as nobody was erased."""

    account: str
    event: Event


class Records:
    """A database as it is at one moment."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        self.path, self._connection = path, connection
        self._names = {int(account): str(name) for account, name in connection.execute(SQL["account_names"])}
        self._labels: dict[int, dict[str, str]] = {}

    @property
    def count(self) -> int:
        """How many events are booked, new terms among them."""
        return int(self._one("count") or 0)

    @property
    def denials(self) -> int:
        """How many denials were counted, as far back as they are kept."""
        if not self._connection.table_exists("main", "denials"):
            return 0  # the hot state lies elsewhere
        return int(self._one("denials") or 0)

    def policy_in_force(self, now: int) -> Policy:
        """The policy that decides now. Raises InvalidInput where there is none."""
        if self._connection.table_exists("main", "publications"):
            document = self._one("in_force", now)
        else:
            document = self._one("in_force_before")
        if document is None:
            raise InvalidInput("--against", f"no policy in {self.path}", "a file with the present policy")
        from spillover.policy import policy_from_document

        return policy_from_document(str(document))

    def events(self, since: int = 0) -> Iterator[Recorded]:
        """All booked events from an instant on, in the order of booking. Raises StoreError for one that is damaged."""
        for account, payload in self._connection.execute(SQL["events"]):
            try:
                event = decode_event(bytes(payload))
            except (DecodeError, TypeError, ValueError) as error:
                raise StoreError(f"{self.path}: found an event that cannot be read ({error}); run `audit`") from None
            if event.at >= since:
                yield Recorded(self._names.get(account) or f"erased {account}", self._named(account, event))

    def _named(self, account: int, event: Event) -> Event:
        if not event.subject and not event.attributes:
            return event
        labels = self._labels.get(account)
        if labels is None:
            rows = self._connection.execute(SQL["labels"], (account,))
            labels = self._labels[account] = {str(token): str(name) for token, name in rows}
        attributes = {name: labels.get(value, value) for name, value in event.attributes.items()}
        return replace(event, subject=labels.get(event.subject, event.subject), attributes=attributes)

    def _one(self, statement: str, *values: int) -> str | int | None:
        row = self._connection.execute(SQL[statement], values).fetchone()
        value = row[0] if row else None
        return value if isinstance(value, str | int) else None


@contextmanager
def records(path: str) -> Iterator[Records]:
    """Read a database that is there, as it is now, beside running engines.

    Raises NotADatabase, NewerSchema, StoreUnavailable.
    """
    from spillover.audit.snapshot import begin, open_to_read

    connection = open_to_read(path)
    try:
        with translated(path):
            begin(connection)
            yield Records(path, connection)
    finally:
        connection.close()


def compare_records(
    source: Records, pair: Pair, *, limit: int | None = None, progress: Progress | None = None
) -> Comparison:
    """Feed booked usage to both policies, the first `limit` requests of it."""
    standings: dict[str, Standings] = {}
    requests = held = 0
    total = source.count if progress else 0
    for done, (account, event) in enumerate(source.events(), 1):
        if limit is not None and requests >= limit:
            break
        both = standings.get(account)
        if both is None:
            both = standings[account] = (_unknown(event), _unknown(event))
        if event.kind == "terms":
            for standing in both:
                apply_terms(standing, event)
        elif event.kind in ("usage", "commit"):
            requests += 1
            held += event.kind == "commit"
            pair.decide(both, account, _request(event), event.at)
        if progress and done % STEP == 0:
            progress(done, max(total, done))
    facts = Facts(source.path, *pair.names, tuple(_notes(source.denials, held)))
    return pair.comparing.comparison(facts)


def now() -> int:
    """Milliseconds since 1970, for which policy is in force."""
    return time.time_ns() // 1_000_000


def _request(event: Event) -> Request:
    mode = "record" if event.late else event.mode
    return Request(
        event.account, event.feature, event.usage, event.key, event.subject, event.attributes,
        mode if mode in ("partial", "record") else "exact",  # type: ignore[arg-type]
    )  # fmt: skip


def _unknown(event: Event) -> Standing:
    return Standing(Profile(event.account, 0, "", event.at), {})


def _notes(denials: int, held: int) -> Iterator[str]:
    yield from NOTES
    were = "1 denial was" if denials == 1 else f"{denials:,} denials were"
    yield (
        f"Denied requests are not recorded ({were} counted). So those that a looser policy would newly serve are not"
        " seen here, but where the present policy itself denies what was served under an earlier one."
    )
    yield GIVEN
    if held:
        yield HELD

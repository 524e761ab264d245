"""The booked usage of a database of either kind through both policies, read by a connection that can change nothing.

The books keep what was granted, not what was denied. Accounts have the terms and the lots that they were given, at the
place among the usage where they came into force; lots begin with what was granted, so both policies spend them anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from msgspec import DecodeError
from msgspec.structs import replace

from spillover.audit.books import Books, one, open_books
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

Progress = Callable[[int, int | None], None]
STEP = 500
"""Events between two signs of progress."""

STATEMENTS = "spillover.backtest"
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

    def __init__(self, books: Books) -> None:
        """`books` stand at that moment."""
        self.path, self._books = books.place, books
        self._names = {int(account): str(name) for account, name in books.rows("account_names")}
        self._labels: dict[int, dict[str, str]] = {}

    @property
    def count(self) -> int:
        """How many events are booked, new terms among them."""
        return int(self._one("count") or 0)

    @property
    def denials(self) -> int | None:
        """How many denials were counted, as far back as they are kept; None where the hot state lies elsewhere."""
        return int(self._one("denials") or 0) if self._books.has_hot else None

    def policy_in_force(self, now: int) -> Policy:
        """The policy that decides now. Raises InvalidInput where there is none."""
        document = self._one("in_force", now)
        if document is None:
            raise InvalidInput("--against", f"no policy in {self.path}", "a file with the present policy")
        from spillover.policy import policy_from_document

        return policy_from_document(str(document))

    def events(self, since: int = 0) -> Iterator[Recorded]:
        """All booked events from an instant on, in the order of booking. Raises StoreError for one that is damaged."""
        for account, payload in self._books.stream("events"):
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
            rows = self._books.rows("labels", account)
            labels = self._labels[account] = {str(token): str(name) for token, name in rows}
        attributes = {name: labels.get(value, value) for name, value in event.attributes.items()}
        return replace(event, subject=labels.get(event.subject, event.subject), attributes=attributes)

    def _one(self, statement: str, *values: int) -> str | int | None:
        value = one(self._books.rows(statement, *values))
        return value if isinstance(value, str | int) else None


@contextmanager
def records(source: str) -> Iterator[Records]:
    """Read a database that is there (a file, or postgresql://...), as it is now, beside running engines.

    Raises NotADatabase, NewerSchema, StoreUnavailable, InvalidInput for a URL.
    """
    books = open_books(source)
    try:
        with books.translated():
            books.also(STATEMENTS)
            books.begin()
            yield Records(books)
    finally:
        books.close()


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


def _notes(denials: int | None, held: int) -> Iterator[str]:
    yield from NOTES
    counted = ""
    if denials is not None:
        counted = " (1 denial was counted)" if denials == 1 else f" ({denials:,} denials were counted)"
    yield (
        f"Denied requests are not recorded{counted}. So those that a looser policy would newly serve are not"
        " seen here, but where the present policy itself denies what was served under an earlier one."
    )
    yield GIVEN
    if held:
        yield HELD

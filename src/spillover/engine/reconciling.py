"""Hot state and books compared on a running system; nothing is written (invariant 15).

An account is read in an order that traffic can only make older, never wrong: the books, all of one snapshot, then the
hot state, then the stream. What the hot state is ahead by must stand in the stream; if it does not, it was settled
meanwhile (then the books have moved, and all is read again), or it is lost. What moves too fast to be told is `busy`,
and seen next time.

Many accounts are first read as a group, and who is found at rest and equal there is done; every other is looked at by
itself. At rest: the hot state, read later, stands at the sequence of the settled state. Sequences only rise, and the
books are never ahead, so it stood there when the snapshot was taken, too, and nothing has changed it since, no push of
terms either: cells, holds, terms and lots are compared as they all were at that one moment. A group tells of no
difference, so what is in motion can at most cost a second look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from spillover.core.adds_up import LOT
from spillover.engine.unsettled import Expected, Unreadable, expected_of, holds_of, kept_by, lots_in
from spillover.model.account import Profile
from spillover.model.commit import Place, Standing
from spillover.model.errors import UnknownName
from spillover.model.event import StreamEntry
from spillover.ports import HotStore, InBooks, Ledger

TRIES_MAX = 5
"""How often an account is read again while it moves."""
ENTRIES_MAX = 10_000
"""Unsettled events of one account that are laid on its settled state; with more it is busy."""
GROUP_MAX = 100
"""Accounts that are read together, with all their cells, holds, lots and waiting terms."""
SHOWN_MAX = 64
"""Findings of one account that are told; one more says how many there are besides."""

Kind = Literal["cell", "hold", "lot", "profile", "place", "event"]
Status = Literal["same", "differs", "busy", "shut"]


class Finding(Struct, frozen=True):
    """One difference. `what`: a cell, a hold's id, a lot, "sequence", "epoch". `hot`: what the hot state has,
    `expected` what it must have by books and stream; integers where they are counts."""

    account: int
    kind: Kind
    what: str
    hot: int | str
    expected: int | str


class Looked(Struct, frozen=True):
    """What a look at one account came to. `shut`: it is being rebuilt. `busy`: it could not be told now."""

    account: int
    status: Status
    findings: tuple[Finding, ...] = ()


class Reading(Struct, frozen=True):
    """One account, read in this order. `hot` is None for one that the hot store does not know; `entries` is what the
    stream has of it where the hot state stands elsewhere than the books."""

    books: InBooks
    hot: Standing | None
    entries: tuple[StreamEntry, ...] = ()


async def look(store: HotStore, ledger: Ledger, account: int) -> Looked:
    """Compare one account. Raises UnknownName for one that the books do not know."""
    last: tuple[int, int] | None = None
    for attempt in range(TRIES_MAX + 1):
        reading = await _read(store, ledger, account)
        if reading.hot is not None and reading.hot.shut:
            return Looked(account, "shut")
        # It was missing at the try before, and the books have not moved since: so it was not settled meanwhile.
        place = (reading.books.settled.epoch, reading.books.settled.sequence)
        found = compare(reading, still=last == place)
        last = place if found is None and compare(reading, still=True) is not None else None
        # What agrees at once is well; what seems to differ must do so twice.
        if found is not None and (attempt or not found):
            return Looked(account, "differs" if found else "same", bounded(account, found))
    return Looked(account, "busy")


async def look_at_all(store: HotStore, ledger: Ledger, accounts: Sequence[int]) -> list[Looked]:
    """Compare these accounts, GROUP_MAX at a time; the answers in their order. Raises UnknownName."""
    found: list[Looked] = []
    for start in range(0, len(accounts), GROUP_MAX):
        group = accounts[start : start + GROUP_MAX]
        equal = await _at_rest_and_equal(store, ledger, group)
        for account in group:
            found.append(Looked(account, "same") if account in equal else await look(store, ledger, account))
    return found


async def look_at_page(
    store: HotStore, ledger: Ledger, *, limit: int, after: int = 0
) -> tuple[list[Looked], int | None]:
    """Compare the next accounts in the order of their ids; and the id to go on behind, None at the end."""
    places = await ledger.places(limit=limit, after=after)
    found = await look_at_all(store, ledger, [place.account for place in places])
    return found, places[-1].account if len(places) >= limit else None


async def _at_rest_and_equal(store: HotStore, ledger: Ledger, group: Sequence[int]) -> set[int]:
    """Those of which all is well for certain, by the order of reading that is argued above."""
    books = await ledger.in_books(group)
    hot = await store.standings(group)
    return {account for account, one in books.items() if _is_at_rest_and_equal(Reading(one, hot.get(account)))}


def _is_at_rest_and_equal(reading: Reading) -> bool:
    hot, settled = reading.hot, reading.books.settled
    if hot is None or hot.shut or (hot.epoch, hot.sequence) != (settled.epoch, settled.sequence):
        return False
    return compare(reading, still=False) == []


async def _read(store: HotStore, ledger: Ledger, account: int) -> Reading:
    """One account: what the books say, and then the hot state and the stream."""
    books = (await ledger.in_books([account])).get(account)
    if books is None:
        raise _unknown_name(account)
    hot, settled = await store.standing(account), books.settled
    ahead = hot is not None and (hot.epoch, hot.sequence) != (settled.epoch, settled.sequence)
    entries = await store.entries(account, ENTRIES_MAX) if ahead else []  # it may read the whole stream
    return Reading(books, hot, tuple(entries))


async def place_in_books(ledger: Ledger, account: int) -> Place:
    """Where one account stands in the books. Raises UnknownName."""
    found = await ledger.places(limit=1, after=account - 1)
    if not found or found[0].account != account:
        raise _unknown_name(account)
    return found[0]


def _unknown_name(account: int) -> UnknownName:
    return UnknownName("account", str(account), "the id of an account that the books know")


def compare(reading: Reading, *, still: bool) -> list[Finding] | None:
    """What differs; None where it must be read again. `still`: only this kept the reading before from being told, and
    the books have not moved since."""
    settled, hot = reading.books.settled, reading.hot
    if hot is None:
        return _unknown(reading) if still else None
    account = settled.account
    if hot.epoch != settled.epoch:
        # Put back, or raised, between the two readings; else one of the two has gone back in time.
        return [Finding(account, "place", "epoch", hot.epoch, settled.epoch)] if still else None
    if hot.sequence < settled.sequence:
        return [Finding(account, "place", "sequence", hot.sequence, f"{settled.sequence} or more, which is settled")]
    between = [
        entry for entry in reading.entries
        if entry.epoch == settled.epoch and settled.sequence < entry.sequence <= hot.sequence
    ]  # fmt: skip
    missing = gaps([entry.sequence for entry in between], settled.sequence + 1, hot.sequence)
    if missing:
        if not still or len(reading.entries) >= ENTRIES_MAX:
            return None
        lost = [span(first, last) for first, last in missing]
        return [Finding(account, "event", f"events {', '.join(lost[:8])}", "counted", "in the stream or in the books")]
    try:
        expected = expected_of(settled, between)
        found = list(differences(hot, expected))
    except Unreadable as error:
        return [Finding(account, "event", "unreadable", str(error), "an event or a hold in JSON")]
    if hot.profile is not None and hot.profile.version > reading.books.version:
        return None  # ordered and pushed since the books were read: the lots there are of before
    return found + list(_lots(reading, hot, expected))


def differences(hot: Standing, expected: Expected) -> Iterator[Finding]:
    """Cells, holds and terms of the hot state that are not what they must be. Raises Unreadable."""
    account = hot.account
    for name in sorted(hot.cells.keys() | expected.cells.keys()):
        if (value := hot.cells.get(name, 0)) != (wanted := expected.cells.get(name, 0)):
            yield Finding(account, "cell", name, value, wanted)
    held, dues = holds_of(hot), {hold.id: hold.due for hold in hot.holds}
    for id_ in sorted(held.keys() | expected.holds.keys()):
        mine, wants = held.get(id_), expected.holds.get(id_)
        if mine is None or wants is None:
            yield Finding(account, "hold", id_, "none" if mine is None else "open", "none" if wants is None else "open")
        elif mine != wants:
            yield Finding(account, "hold", id_, "another record", f"that of {wants.steps} extensions, {wants.units}")
        elif dues[id_] != wants.due:
            yield Finding(account, "hold", id_, f"due {dues[id_]}", f"due {wants.due}")
    if hot.profile != expected.profile:
        found, wanted_ = _version(hot.profile), _version(expected.profile)
        other = " with other terms" if found == wanted_ else ""
        yield Finding(account, "profile", "terms", f"version {found}{other}", f"version {wanted_}")


def gaps(sequences: Sequence[int], first: int, last: int) -> list[tuple[int, int]]:
    """The ranges of `first` to `last` that are not among the sequences."""
    found, next_ = [], first
    for sequence in sorted({one for one in sequences if first <= one <= last}):
        if sequence > next_:
            found.append((next_, sequence - 1))
        next_ = sequence + 1
    if next_ <= last:
        found.append((next_, last))
    return found


def span(first: int, last: int) -> str:
    """A range of sequences in words."""
    return str(first) if first == last else f"{first} to {last}"


def bounded(account: int, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """At most SHOWN_MAX of them, and how many there are besides."""
    if len(found) <= SHOWN_MAX:
        return tuple(found)
    more = Finding(account, "cell", "more differences", len(found) - SHOWN_MAX, 0)
    return (*found[:SHOWN_MAX], more)


def _unknown(reading: Reading) -> list[Finding]:
    """Nothing hot: right only for an account whose first terms wait to be pushed, in its first epoch."""
    settled = reading.books.settled
    if not settled.epoch and not settled.sequence and any(push.profile.version == 1 for push in reading.books.waiting):
        return []
    expected = f"epoch {settled.epoch}, sequence {settled.sequence}, which is settled"
    return [Finding(settled.account, "place", "account", "unknown", expected)]


def _lots(reading: Reading, hot: Standing, expected: Expected) -> Iterator[Finding]:
    """Balance in the books = in the hot state + drawn and not booked + kept by open holds + raised and not pushed."""
    version = _version(hot.profile)
    raised: dict[int, int] = {}
    for push in reading.books.waiting:
        if push.profile.version > version:
            for lot, amount in push.raised:
                raised[lot] = raised.get(lot, 0) + amount
    cells, kept = lots_in(hot.cells), kept_by(holds_of(hot).values())
    balances = {lot.lot.id: lot.balance for lot in reading.books.lots}
    for lot in sorted(balances.keys() | cells.keys() | kept.keys()):
        terms = (cells.get(lot, 0), expected.drawn.get(lot, 0), kept.get(lot, 0), raised.get(lot, 0))
        told = "{} + {} unsettled + {} held + {} not pushed".format(*terms)
        if sum(terms) != balances.get(lot, 0):
            yield Finding(hot.account, "lot", f"{LOT}{lot}", told, f"{balances.get(lot, 0)} in the books")
        elif min(terms[0], terms[2], terms[3]) < 0:
            yield Finding(hot.account, "lot", f"{LOT}{lot}", told, "no term below 0")


def _version(profile: Profile | None) -> int:
    return 0 if profile is None else profile.version

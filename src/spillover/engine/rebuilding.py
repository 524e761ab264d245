"""Putting an account's hot state back from the books: shut, settle to the end, raise the epoch, put back, push (0006).

Every step may be repeated, by anyone, at any time: who dies leaves an account that is shut, and the next goes on. The
one danger is the fence itself: an epoch must never be raised above events that a store has just answered for. So
where the books stand is read first, then the account is shut in that epoch, and only then it is raised:

    hot state at the books' epoch, or above    nobody's put back can open the account any more
    hot state below                            it is first given that epoch, with nothing in it, and shut again

Whether the epoch of the books was ever put back does not matter then, and need not be known: one who died may have
opened the account before a store lost it, so it is not put back a second time, and no sequence is given out twice.
Two that rebuild at once read the same epoch, and one raises it, who alone puts it back; or the second raises what the
first has raised.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from msgspec import Struct

from spillover.core.shards import shard_of
from spillover.engine.pushing import push_terms
from spillover.engine.reconciling import Finding, bounded, differences, gaps, place_in_books, span
from spillover.engine.settlement import settle_account
from spillover.engine.unsettled import Unreadable, expected_of
from spillover.model.commit import Place, Standing
from spillover.model.errors import AccountShut, Contended, SpilloverError, StoreError, moved
from spillover.model.event import StreamEntry
from spillover.ports import HotStore, Ledger

ABANDONED_SECONDS = 10.0
"""How long an account may be shut before a worker puts it back."""
HELD_MAX = 100_000
"""Shut accounts that are not this worker's to open, and that it passes over."""
SHUT_MAX = 256
"""Shut accounts that are looked at, at a time."""
KEYS_MS = 86_400_000
"""How far back keys are remembered again: the retention of 24 h."""
ROUNDS_MAX = 8
"""How often it is begun again when others rebuild the account too."""
LOOKS_MAX = 16
"""How often it is looked whether who has raised the epoch put it back, before it is raised once more."""
WAITING_MAX = 100_000
"""Events behind a gap that are looked through for what is missing."""
GAPS_MAX = 8
"""Gaps that the reason of an epoch names."""


class Gap(Struct, frozen=True):
    """Events `first` to `last` of an epoch that neither books nor stream have. `last` 0: nobody knows how many."""

    epoch: int
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.epoch}.{span(self.first, self.last) if self.last else f'{self.first} and later'}"


class Rebuilt(Struct, frozen=True):
    """What a rebuild did: the hot state's epoch before and after, how many events it settled and put in quarantine,
    which were lost, how many terms were pushed again, and in what the hot state differed from the books.

    `put_back`: this one opened the account; else another did beside it.
    """

    account: int
    before: int
    epoch: int
    settled: int
    quarantined: int
    pushed: int
    put_back: bool
    lost: tuple[Gap, ...] = ()
    differed: tuple[Finding, ...] = ()


async def rebuild(
    store: HotStore, ledger: Ledger, account: int, *, now: int, reason: str, actor: str, reopen: bool = False,
    seen: tuple[int, int] = (0, 0),
) -> Rebuilt:  # fmt: skip
    """Replace the account's hot state by what the books say, in a new epoch. Safe to repeat, by anyone.

    `reopen`: also an account that was moved away. `seen`: (epoch, sequence) up to which somebody knows of events, so
    that those which the hot state forgot are told as lost. Raises UnknownName, AccountShut for one that was moved away,
    Contended, StoreError; after any, the account may be shut: rebuild it again.
    """
    work = Rebuilding(store, ledger, account, now, reason, actor, seen)
    rounds = 0
    while True:
        books = await place_in_books(ledger, account)  # before it is shut: see above
        target = await moved_away(ledger, account, books.epoch)
        if target and not reopen:
            raise moved(f"account {account}", target)
        found = await shut_in(store, account, 0 if target else books.epoch)  # nobody puts back one that moved away
        standing = await work.settled_state(books, found)
        if standing is not None:
            if target := await moved_away(ledger, account, standing.epoch):  # just now: it must not open here any more
                raise moved(f"account {account}", target)
            if await store.put_back(standing):
                return await work.done(standing.epoch, put_back=True)
        epoch = standing.epoch if standing is not None else books.epoch + 1
        for _ in range(1 if standing is not None else LOOKS_MAX):
            if await _is_open(store, account, epoch):
                return await work.done(epoch, put_back=False)
        rounds += 1
        if rounds >= ROUNDS_MAX + max(found.epoch - books.epoch, 0):
            raise Contended(f"account {account} could not be put back in {rounds} tries; rebuild it again")


class Rebuilding:
    """One rebuild under way, and what it has come to so far."""

    def __init__(
        self, store: HotStore, ledger: Ledger, account: int, now: int, reason: str, actor: str, seen: tuple[int, int]
    ) -> None:
        self._store, self._ledger, self._account = store, ledger, account
        self._now, self._reason, self._actor, self._seen = now, reason, actor, seen
        self.settled = self.quarantined = 0
        self._before: int | None = None
        self.lost: list[Gap] = []
        self._differed: tuple[Finding, ...] = ()

    async def settled_state(self, books: Place, found: Place) -> Standing | None:
        """The state to put back, in a new epoch, of an account that is shut (`shut_in`) and stood at `found`: all that
        the stream has of it is settled. None where it must be begun again: the books have gone on meanwhile, or it is
        not shut any more, as another put it back, or the store lost it."""
        await self._settle()
        after = await place_in_books(self._ledger, self._account)
        waiting = await self._store.entries(self._account, WAITING_MAX)
        epoch, sequence = max((found.epoch, found.sequence), self._seen)
        gone = lost_of(after, Place(self._account, epoch, sequence, 0), waiting)
        if self._before is None:
            self._before = found.epoch
            await self._compare(found)
        if after.epoch != books.epoch:
            return None  # who raised it may have put it back already, and the store have lost it since
        if (place := (await self._store.places([self._account])).get(self._account)) is None or not place.shut:
            return None  # what is answered there must not be fenced
        self.lost += [gap for gap in gone if gap not in self.lost]
        try:
            standing = await self._ledger.raise_epoch(
                self._account, epoch=books.epoch, at=self._now, actor=self._actor,
                reason=f"{self._reason}; lost: {listed(gone)}" if gone else self._reason,
                keys_since=max(self._now - KEYS_MS, 0), first=True,
            )  # fmt: skip
        except Contended:
            return None  # the same, just now
        await self._settle()  # what waited behind a gap is of an older epoch now: into quarantine
        return standing

    async def _settle(self) -> None:
        done = await settle_account(self._store, self._ledger, self._account)
        self.settled += done.done
        self.quarantined += done.quarantined

    async def _compare(self, found: Place) -> None:
        """In what the hot state differs from the settled one, where both stand at the same place."""
        settled = await self._ledger.standing(self._account)
        hot = await self._store.standing(self._account)
        if hot is None or (found.epoch, found.sequence) != (settled.epoch, settled.sequence):
            stood, wanted = f"{found.epoch}.{found.sequence}", f"{settled.epoch}.{settled.sequence}, which is settled"
            self._differed = (Finding(self._account, "place", "event", stood, wanted),)
            return
        try:
            self._differed = bounded(self._account, list(differences(hot, expected_of(settled, ()))))
        except Unreadable as error:
            self._differed = (Finding(self._account, "hold", "unreadable", str(error), "a hold in JSON"),)

    async def done(self, epoch: int, *, put_back: bool) -> Rebuilt:
        """Bring terms into force that the books have and the state put back does not; what was done."""
        pushed = await push_terms(
            self._store, self._ledger, now=self._now, account=self._account, mends=False
        )  # fmt: skip
        return Rebuilt(
            self._account, self._before or 0, epoch, self.settled, self.quarantined, pushed, put_back,
            tuple(self.lost), self._differed,
        )  # fmt: skip


def listed(gaps_: Sequence[Gap]) -> str:
    """The first of them in words."""
    more = f" and {len(gaps_) - GAPS_MAX} more" if len(gaps_) > GAPS_MAX else ""
    return ", ".join(map(str, gaps_[:GAPS_MAX])) + more


def lost_of(books: Place, hot: Place, waiting: Sequence[StreamEntry]) -> list[Gap]:
    """Which events the hot state has counted that are neither settled nor in the stream."""
    if hot.epoch > books.epoch:
        return [Gap(books.epoch, books.sequence + 1, 0)]
    if hot.epoch < books.epoch:
        return []
    there = [entry.sequence for entry in waiting if entry.epoch == hot.epoch]
    return [Gap(hot.epoch, first, last) for first, last in gaps(there, books.sequence + 1, hot.sequence)]


async def shut_in(store: HotStore, account: int, epoch: int) -> Place:
    """Shut the account in that epoch of the books, or a later one: nobody's put back of it can open it any more. Where
    it stood before."""
    found = await store.shut(account)
    if found.epoch < epoch:
        await store.put_back(Standing(account, epoch, 0, None, {}))  # without terms, so there is nothing to decide on
        await store.shut(account)
    return found


async def moved_away(ledger: Ledger, account: int, epoch: int) -> str:
    """Where the account lives since that epoch, if it began because it was moved away; else ""."""
    for raised in await ledger.epochs(account) if epoch else ():
        if raised.epoch == epoch:
            return raised.moved_to
    return ""


async def _is_open(store: HotStore, account: int, epoch: int) -> bool:
    """Whether somebody else has put the account back meanwhile, in that epoch or a later one."""
    place = (await store.places([account])).get(account)
    return place is not None and not place.shut and place.epoch >= epoch


class Recovery:
    """Puts back accounts that were shut and left so. Used by one thread at a time.

    How long an account is shut is counted from when it was first seen so; a new epoch is a new beginning. `seconds` is
    a clock that never goes back.
    """

    def __init__(self, store: HotStore, ledger: Ledger, seconds: Callable[[], float] = monotonic) -> None:
        self._store, self._ledger, self._seconds = store, ledger, seconds
        self._since: dict[tuple[int, int], float] = {}
        self._away: set[tuple[int, int]] = set()
        self._held = 0

    async def step(self, now: int, shards: Sequence[int] | None = None) -> int:
        """Rebuild those (of these shards) that were shut for too long; how many.

        What keeps one account from being rebuilt keeps no other: it is raised when all were seen.
        """
        found = accounts = await self._store.shut_accounts(SHUT_MAX + self._held)
        if shards is not None:
            accounts = [account for account in accounts if shard_of(account, self._store.shards) in shards]
        places = await self._store.places(accounts) if accounts else {}
        moment = self._seconds()
        shut = [(place.account, place.epoch) for place in places.values() if place.shut]
        self._since = {one: self._since.get(one, moment) for one in shut}
        self._away &= set(shut)
        done, failed = 0, list[SpilloverError]()
        for one, since in self._since.items():
            if moment - since < ABANDONED_SECONDS or one in self._away:
                continue
            try:
                await rebuild(self._store, self._ledger, one[0], now=now, reason="left shut", actor="spillover")
                done += 1
            except AccountShut:
                self._away.add(one)
            except SpilloverError as error:
                if isinstance(error, StoreError) and type(error) is not StoreError:
                    raise
                failed.append(error)
        # Those of others, moved away, or that failed come first again, beside as many more.
        self._held = min(len(found) - done, HELD_MAX)
        if failed:
            raise failed[0]
        return done

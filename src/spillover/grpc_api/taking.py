"""All descriptors of a request or none: where one is denied, nothing is taken for the others.

One alone is consumed. Several are held first, in their order, and then all committed, or all released. What is left by
a crash between expires: before the first commit nothing was taken; after it, the same key sent again commits the rest.
A released hold cannot be opened again, so the same key is tried under a next number.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from msgspec import Struct

from spillover.access.asynchronous import AsyncAccess
from spillover.engine.answers import Decision, Ending
from spillover.grpc_api.asking import Wanted
from spillover.model.errors import Contended, HoldEnded, KeyReused, SpilloverError

LASTS = 60_000
"""For how long a hold stands that nobody ends (ms): much longer than all of it takes, and soon over after a crash."""
ATTEMPTS_MAX = 16
"""How often the same key may be denied after part of it was held."""


class Taken(Struct):
    """What one descriptor got. `ending`: how its hold was committed. `given_back`: granted, yet another was denied."""

    decision: Decision
    ending: Ending | None = None
    given_back: bool = False


class Stands(Enum):
    """How an attempt that was begun before stands."""

    NEW = "to be decided"
    DONE = "committed, in part at least"
    OVER = "given back, or expired before its commit"


class Taking:
    """One request under way. `left`: its caller waits no more, so that what is not committed yet is given back."""

    def __init__(self, access: AsyncAccess, wanted: Sequence[Wanted]) -> None:
        self._access, self._wanted = access, wanted
        self._found: dict[int, Taken] = {}
        self.left = False

    @property
    def is_alone(self) -> bool:
        """Whether nothing has to be given back, whatever happens."""
        return len(self._wanted) == 1

    async def run(self) -> list[Taken]:
        """What each got, in order. Raises SpilloverError; what was held is released then."""
        asked = list(enumerate(self._wanted))
        for at, one in asked:
            if not one.recorded and not one.hits:
                self._found[at] = Taken(await self._check(one, 1))
        taken = [(at, one) for at, one in asked if one.taken]
        if self._is_denied():
            await self._check_all(taken)
        elif len(taken) == 1:
            ((at, one),) = taken
            decision = await self._access.consume(one.account, one.feature, one.hits, key=one.key, **one.words)
            self._found[at] = Taken(decision)
        elif taken:
            await self._hold_all(taken)
        for at, one in asked:
            if one.recorded and one.hits:
                decision = await self._access.record(one.account, one.feature, one.hits, key=one.key, **one.words)
                self._found[at] = Taken(decision)
            elif one.recorded:
                self._found[at] = Taken(await self._check(one, 1))
        return [self._found[at] for at, _ in asked]

    def _is_denied(self) -> bool:
        return any(not one.decision.allowed for one in self._found.values())

    async def _check(self, one: Wanted, usage: int) -> Decision:
        return await self._access.check(one.account, one.feature, usage, **one.words)

    async def _check_all(self, wanted: Sequence[tuple[int, Wanted]]) -> None:
        """What they would be answered, nothing taken."""
        for at, one in wanted:
            decision = await self._check(one, one.hits)
            self._found[at] = Taken(decision, given_back=decision.allowed)

    async def _hold_all(self, wanted: Sequence[tuple[int, Wanted]]) -> None:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            keys = {at: one.key if attempt == 1 else f"{one.key}~{attempt}" for at, one in wanted}
            if await self._attempt(wanted, keys):
                return
        raise KeyReused(wanted[0][1].account, wanted[0][1].key)

    async def _attempt(self, wanted: Sequence[tuple[int, Wanted]], keys: dict[int, str]) -> bool:
        """Whether it came to an end under these keys."""
        held: list[tuple[int, Wanted]] = []
        committing = False
        try:
            for at, one in wanted:
                if self.left:
                    raise Contended("request: found that its caller left, expected one who waits; nothing was taken")
                decision = await self._access.open_hold(
                    one.account, one.feature, one.hits, key=keys[at], lasts=LASTS, **one.words
                )
                self._found[at] = Taken(decision)
                if not decision.allowed:
                    break
                held.append((at, one))
            stands = await self._stands(held, keys)
            if stands is Stands.OVER:
                await self._release(held, keys)
                return False
            if len(held) < len(wanted):
                await self._release(held, keys)
                for at, _ in held:
                    self._found[at].given_back = True
                await self._check_all(wanted[len(held) + 1 :])
                return True
            if self.left and stands is Stands.NEW:
                raise Contended("request: found that its caller left, expected one who waits; nothing was taken")
            committing = True
            for at, one in held:
                self._found[at].ending = await self._access.holds.commit(one.account, keys[at], one.hits)
            return True
        except SpilloverError:
            if not committing:  # else what is committed stays, and the same key sent again commits the rest
                await self._release(held, keys)
            raise

    async def _stands(self, held: Sequence[tuple[int, Wanted]], keys: dict[int, str]) -> Stands:
        """Look at those that were known before: a hold is answered alike when it has ended since."""
        found = Stands.NEW
        for at, one in held:
            if not self._found[at].decision.replayed:
                continue
            try:
                await self._access.opened(one.account, keys[at])
            except HoldEnded as ended:
                if ended.how == "committed":
                    return Stands.DONE
                found = Stands.OVER
        return found

    async def _release(self, held: Sequence[tuple[int, Wanted]], keys: dict[int, str]) -> None:
        """Give back what was held; what cannot be now, expires."""
        for at, one in held:
            try:
                await self._access.holds.release(one.account, keys[at])
            except SpilloverError:
                continue

"""The open holds of an account, as far as they tell when a denied request would pass (design, law 11)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from spillover.core.holds import cells_for_hold
from spillover.engine.answers import Holds
from spillover.engine.holding import decode_hold
from spillover.engine.policies import Policies
from spillover.model.account import NEVER, Profile
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.ports import HotStore


class StandingHolds:
    """Reads open holds with all that their ends need. Used by one thread at a time."""

    def __init__(self, policies: Policies, store: HotStore) -> None:
        self._policies, self._store = policies, store

    async def first(self, account: int, limit: int) -> tuple[Hold, ...]:
        """The open holds that are due first, with their policies at hand."""
        found = tuple(decode_hold(hold.record) for hold in await self._store.due(NEVER, limit, account))
        for hold in found:
            await self._policies.of(hold.policy)
        return found

    def cells(self, profile: Profile, holds: Sequence[Hold]) -> list[str]:
        """The cells that the ends of these holds may read."""
        names = dict[str, None]()
        for hold in holds:
            policy = self._policies.at_hand(hold.policy)
            names.update(dict.fromkeys(cells_for_hold(policy, profile, hold) if policy else ()))
        return list(names)

    def seen(self, holds: tuple[Hold, ...]) -> Holds:
        """The same for whoever asks later."""
        return partial(self._seen, holds)

    def _seen(self, holds: tuple[Hold, ...]) -> tuple[Callable[[str], Policy | None], tuple[Hold, ...]]:
        return self._policies.at_hand, holds

"""Which policy decides when: those published for an instant, and the old ones, which open holds and receipts name."""

from __future__ import annotations

from collections.abc import Callable

from spillover.engine.known import Recent
from spillover.model.policy import Policy
from spillover.ports import Ledger

KEPT_MAX = 64
"""Policies kept at hand; others are read again when they are named."""


class Policies:
    """The policies of one ledger. Used by one thread at a time."""

    def __init__(self, current: Policy, ledger: Ledger, read: Callable[[str], Policy]) -> None:
        """`current` decides until the ledger says otherwise; `read` makes a policy from the ledger's document."""
        self._ledger, self._read = ledger, read
        self._kept: Recent[str, Policy] = Recent(KEPT_MAX)
        self._kept.put(current.hash, current)
        self._current = current
        self._coming: list[tuple[int, Policy]] = []

    def at(self, now: int) -> Policy:
        """The policy in force; what was published for an instant counts from it on."""
        while self._coming and now >= self._coming[0][0]:
            self._current = self._coming.pop(0)[1]
        return self._current

    async def of(self, policy_hash: str) -> Policy | None:
        """A policy by its hash; None for one that was never published here."""
        found = self._kept.get(policy_hash)
        if found is None:
            document = await self._ledger.policy_document(policy_hash)
            if document is None:
                return None
            found = self._read(document)
            self._kept.put(policy_hash, found)
        return found

    def at_hand(self, policy_hash: str) -> Policy | None:
        """A policy by its hash, if it was used lately."""
        return self._kept.get(policy_hash)

    async def learn(self, now: int) -> None:
        """Read what has been published meanwhile, by whomever: what is in force now, and what is to come.

        Of those whose instant has come the one published last is in force.
        """
        publications = await self._ledger.publications()
        past = [found for found in publications if found.since <= now]
        if past:
            last = max(past, key=lambda found: found.number)
            self._current = await self.of(last.hash) or self._current
            publications = tuple(found for found in publications if found.number > last.number)
        coming = sorted((found.since, found.number, found.hash) for found in publications if found.since > now)
        self._coming, newest = [], 0
        for since, number, policy_hash in coming:
            policy = await self.of(policy_hash) if number > newest else None
            if policy is not None:
                self._coming.append((since, policy))
                newest = number

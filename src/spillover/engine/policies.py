"""Which policy decides when: those published for an instant, and the old ones, which open holds and receipts name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from spillover.core.publications import in_force, to_come
from spillover.engine.known import Recent
from spillover.model.policy import Policy
from spillover.model.reports import Published, Withdrawn
from spillover.ports import Ledger

Succession = Callable[[Policy, Policy | None, int], Awaitable[None]]
"""(new, the one that it follows, now): raises PolicyError for a policy that leaves behind what is in use."""

KEPT_MAX = 64
"""Policies kept at hand; others are read again when they are named."""


class Policies:
    """The policies of one ledger. Used by one thread at a time."""

    def __init__(self, current: Policy, ledger: Ledger, read: Callable[[str], Policy]) -> None:
        """`current` decides until the ledger says otherwise; `read` makes a policy from the ledger's document.

        `succession` may be set: it says which policy may be published.
        """
        self._ledger, self._read = ledger, read
        self._kept: Recent[str, Policy] = Recent(KEPT_MAX)
        self._kept.put(current.hash, current)
        self._current = current
        self._coming: list[tuple[int, Policy]] = []
        self.succession: Succession | None = None

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

    async def publish(
        self, policy: Policy, when: int | None, now: int, *, force: bool = False, reason: str = "", actor: str = ""
    ) -> Published:
        """Keep a policy in the ledger and decide by it, from `now` or from `when` on. Raises PolicyError."""
        if self.succession and not force:
            document = await self._ledger.policy_document(at=now if when is None else when)
            await self.succession(policy, self._read(document) if document else None, now)
        done = await self._ledger.publish(policy.hash, policy.document, at=now, since=when, reason=reason, actor=actor)
        await self.learn(now)
        return done

    async def withdraw(self, number: int, now: int, *, reason: str = "", actor: str = "") -> Withdrawn:
        """Take back what was scheduled. Raises UnknownName, InvalidInput where its instant has come."""
        done = await self._ledger.withdraw(number, at=now, reason=reason, actor=actor)
        await self.learn(now)
        return done

    async def learn(self, now: int) -> None:
        """Read what has been published meanwhile, by whomever: what is in force now, and what is to come."""
        publications = await self._ledger.publications()
        deciding = in_force(publications, now)
        if deciding:
            self._current = await self.of(deciding.hash) or self._current
        self._coming = []
        for one in to_come(publications, now):
            policy = await self.of(one.hash)
            if policy is not None:
                self._coming.append((one.since, policy))

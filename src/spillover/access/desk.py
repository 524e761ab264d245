"""Every verb, written once and asynchronously; the faces only choose how to run it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from spillover.access.clock import Clock
from spillover.core.intake import Ask, check_name, take_in
from spillover.core.staircase import Staircase
from spillover.engine.accounts import Accounts
from spillover.engine.answers import Decision
from spillover.engine.deciding import Answer, Deciding
from spillover.engine.known import Known
from spillover.engine.pushing import push_terms
from spillover.engine.reading import Balance, balance_of
from spillover.engine.settlement import Settling
from spillover.model.policy import Policy
from spillover.ports import HotStore, Ledger, Terms


class Explanation(Struct, frozen=True):
    """A request, what would be decided now, and the whole waterfall behind it. Nothing was changed.

    `ignored` are the attributes that were sent and that the policy does not declare: misspelt, perhaps.
    """

    decision: Decision
    staircase: Staircase
    ignored: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        return self.decision.sentence


class Desk:
    """One policy, one hot store, one ledger, and the use cases over them. Used by one thread at a time."""

    def __init__(
        self, policy: Policy, store: HotStore, ledger: Ledger, clock: Clock, read: Callable[[str], Policy]
    ) -> None:
        """`read` makes a policy from the document that the ledger keeps."""
        self.policy, self.store, self.ledger, self.clock = policy, store, ledger, clock
        self.known = Known(store, ledger, policy)
        self.accounts = Accounts(policy, store, ledger, self.known, clock)

        async def admit(name: str, terms: Terms) -> object:
            return await self.accounts.put(name, terms, reason="first request", actor="default plan", only_new=True)

        async def policy_of(policy_hash: str) -> Policy | None:
            document = await ledger.policy_document(policy_hash)
            return None if document is None else read(document)

        self.deciding = Deciding(policy, store, ledger, self.known, clock, admit, policy_of)

    def take_in(
        self,
        account: str,
        feature: str,
        usage: Mapping[str, int] | int | None,
        key: str | None,
        options: Mapping[str, Any],
    ) -> Ask:
        """A checked request; a key that the caller leaves out is generated."""
        return take_in(self.policy, account, feature, usage, key=uuid.uuid4().hex if key is None else key, **options)

    async def decide(self, asks: Sequence[Ask]) -> list[Answer]:
        """One answer for each request, in order."""
        return await self.deciding.answer(asks)

    async def check(self, ask: Ask) -> Decision:
        """What the answer would be now."""
        return (await self.deciding.foresee(ask))[0]

    async def explain(self, ask: Ask) -> Explanation:
        """What the answer would be now, with every layer of the waterfall."""
        ignored = sorted(set(ask.attributes) - set(self.policy.attributes))
        return Explanation(*await self.deciding.foresee(ask), tuple(ignored))

    async def push(self) -> int:
        """Bring into force what is not yet; how many terms."""
        return await push_terms(self.store, self.ledger, now=self.clock())

    def settling(self) -> Settling:
        """Settlement of the stream, to be done step by step so that others get their turns between."""
        return Settling(self.store, self.ledger)

    async def balance(self, name: str) -> Balance:
        """What the account has now: available, held, settled."""
        return await balance_of(self.store, self.ledger, self.known, check_name("account", name), self.clock())

    async def account(self, name: str) -> int:
        """The id behind an account's name. Raises UnknownName."""
        return await self.known.account(check_name("account", name))

    async def close(self) -> None:
        """Give back every handle."""
        await self.store.close()
        await self.ledger.close()

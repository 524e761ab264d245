"""Every verb, written once and asynchronously; the faces only choose how to run it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from spillover.access.clock import Clock
from spillover.access.gather import DEADLINE_SECONDS
from spillover.core.intake import Ask, check_name, take_in
from spillover.core.staircase import Staircase
from spillover.engine.accounts import Accounts
from spillover.engine.answers import Decision
from spillover.engine.deciding import Deciding, Wish
from spillover.engine.holding import HoldAsk, Holding, decode_hold
from spillover.engine.items import Answer
from spillover.engine.journal import Journal
from spillover.engine.known import Known
from spillover.engine.orders import Orders
from spillover.engine.outage import Outage
from spillover.engine.overview import Overview, overview_of
from spillover.engine.policies import Policies
from spillover.engine.pushing import push_terms
from spillover.engine.reading import Balance, balance_of
from spillover.engine.rebuilding import rebuild
from spillover.engine.settlement import Settling
from spillover.engine.tending import Tending, is_due
from spillover.model.account import Profile
from spillover.model.errors import Contended, PartUnavailable, SpilloverError, StoreError, StoreFull, booked
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.reports import DenialCount
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


class OpenedHold(Struct, frozen=True):
    """A hold as work begins under it: the estimate that it is open on, the feature and its usage names, when it is due
    (ms), and whether work is to stop when it cannot be extended."""

    usage: dict[str, int]
    feature: str
    names: tuple[str, ...]
    due: int
    stops: bool


class Desk:
    """One hot store, one ledger, the policies, and the use cases over them. Used by one thread at a time."""

    def __init__(
        self, policy: Policy, store: HotStore, ledger: Ledger, clock: Clock, read: Callable[[str], Policy], *,
        live: bool = False, deadline: float = DEADLINE_SECONDS,
    ) -> None:  # fmt: skip
        """`read` makes a policy from the document that the ledger keeps. `live`: the clock is the machine's own, which
        a store may compare with its own. `deadline`: seconds that a request waits at most for its turn."""
        self.deadline = deadline
        self.store, self.ledger, self.clock = store, ledger, clock
        self.known = Known(store, ledger)
        self.policies = Policies(policy, ledger, read)
        self.accounts = Accounts(self.policies, store, ledger, self.known, clock)
        self.tending = Tending(self.policies, store, ledger, self.known, self.accounts)
        self.orders = Orders(self.policies, store, ledger, self.known, self.accounts)
        self.deciding = Deciding(self.policies, store, ledger, self.known, clock, self.tending, self._mend)
        self.live = self.deciding.rounds.live = live
        self.tending.live = clock if live else None
        self.outage: Outage | None = None

    @property
    def policy(self) -> Policy:
        """The policy in force now."""
        return self.policies.at(self.clock())

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

    async def decide(self, wishes: Sequence[Wish]) -> list[Answer]:
        """One answer for each request, in order."""
        return await (self.outage or self.deciding).answer(wishes)

    def keep_journal(self, journal: Journal) -> None:
        """From now on plans may be open while the store cannot be reached. After the shadow, if there is one."""
        self.outage = Outage(
            self.deciding, self.policies, self.known, self.tending, self.ledger, self.clock, journal
        )  # fmt: skip

    def instead(self, wishes: Sequence[Wish], failures: Sequence[SpilloverError]) -> list[Answer]:
        """The answers to requests that were not begun: admitted, or their failures. For any thread."""
        return self.outage.instead(wishes, failures) if self.outage else list(failures)

    async def drain(self) -> int:
        """Record a bounded part of what was admitted while the store could not be reached; how many entries."""
        return await self.outage.drain() if self.outage else 0

    async def check(self, ask: Ask) -> Decision:
        """What the answer would be now."""
        return (await self.deciding.foresee(ask))[0]

    async def explain(self, ask: Ask) -> Explanation:
        """What the answer would be now, with every layer of the waterfall."""
        ignored = sorted(set(ask.attributes) - set(self.policy.attributes))
        return Explanation(*await self.deciding.foresee(ask), tuple(ignored))

    async def put(self, name: str, terms: Terms, *, reason: str, actor: str, at: int | None) -> Profile:
        """Create an account or change its terms, and give it what its plan gives at once."""
        profile = await self.accounts.put(name, terms, reason=reason, actor=actor, at=at)
        now = self.accounts.instant(at)
        if is_due(self.policies.at(now), profile, now):
            try:
                await self.tending.terms(profile.account, now)
            except (StoreError, Contended) as error:
                raise booked(error) from error
            return await self.ledger.profile(profile.account)
        return profile

    async def push(self) -> int:
        """Bring into force what is not yet; how many terms."""
        return await push_terms(self.store, self.ledger, now=self.clock())

    async def tend(self, now: int | None = None, shards: Sequence[int] | None = None) -> int:
        """Whatever has fallen due: holds expire, lots end, gifts come, plans change. How many, of a bounded part.

        With `shards` only holds in these expire, and the rest is seen to by who has shard 0.
        """
        at = self.clock() if now is None else now
        await self.policies.learn(at)
        done, failure = 0, None
        try:
            done = await self.deciding.expire_due(at, shards)
        except PartUnavailable as error:  # the holds of one server keep no account from what it is given
            failure = error
        if shards is None or 0 in shards:
            done += await self.tending.all(at)
        if failure is not None:
            raise failure
        return done

    async def _mend(self, account: int) -> None:
        """Put back the hot state of an account that the store has lost."""
        reason = "the hot state was behind what was seen of it"
        seen = self.known.seen(account)
        await rebuild(self.store, self.ledger, account, now=self.clock(), reason=reason, actor="spillover", seen=seen)

    def settling(self) -> Settling:
        """Settlement of the stream, to be done step by step so that others get their turns between."""
        return Settling(self.store, self.ledger)

    async def balance(self, name: str) -> Balance:
        """What the account has now: available, held, settled."""
        return await balance_of(self.store, self.ledger, self.known, check_name("account", name), self.clock())

    async def overview(self, name: str, asked: Mapping[str, str], at: int | None) -> Overview:
        """All that a customer's page tells, but what was booked today."""
        now = self.clock() if at is None else at
        policy, account = self.policies.at(self.clock()), await self.known.account_now(name)
        if is_due(policy, await self.ledger.profile(account), self.clock()):  # it tells what the next request meets
            with suppress(StoreFull):  # then it tells what there is
                await self.tending.terms(account, self.clock())
        return await overview_of(policy, self.store, self.ledger, self.known, name, asked, now)

    async def denials(self, name: str, since: int, until: int, limit: int) -> tuple[DenialCount, ...]:
        """How often the account was denied what, minute by minute. Raises UnknownName."""
        return tuple(await self.store.denials(await self.account(name), since, until, limit))

    async def account(self, name: str) -> int:
        """The id behind an account's name. Raises UnknownName."""
        return await self.known.account_now(check_name("account", name))

    async def opened(self, name: str, key: str) -> OpenedHold:
        """An open hold. Raises UnknownName, HoldEnded."""
        item = Holding(
            HoldAsk(name, key, "extend"), await self.account(name), self.store, self.policies, self.known, self.clock
        )
        await item.refresh()
        hold, feature = item.hold, item.policy.features[item.hold.feature]
        stops = item.policy.plans[hold.plan].by_feature[hold.feature].hold.when_short == "stop"
        return OpenedHold(dict(hold.usage), hold.feature, feature.usage_names, hold.due, stops)

    async def holds(self, name: str) -> tuple[Hold, ...]:
        """The open holds of an account, the earliest due first."""
        found = await self.store.holds(await self.account(name))
        return tuple(decode_hold(hold.record) for hold in found)

    async def close(self) -> None:
        """Give back every handle; what the journal holds is recorded first, if the store serves."""
        if self.outage:
            await self.outage.close()
        await self.store.close()
        await self.ledger.close()

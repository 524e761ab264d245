"""What an engine remembers between requests: accounts, tokens and states. Forgetting costs a read, never a meaning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from spillover.core.decide import TIME
from spillover.core.intake import Ask
from spillover.model.account import Profile
from spillover.model.commit import State
from spillover.model.errors import AccountShut, UnknownName, moved, shut
from spillover.model.policy import Policy
from spillover.model.request import Request
from spillover.ports import HotStore, Ledger

K = TypeVar("K")
V = TypeVar("V")

ACCOUNTS_MAX = 50_000
"""Accounts whose state an engine keeps in memory; the one unused for longest goes first."""
CELLS_MAX = 4_096
"""Cells of one account that an engine remembers, about; beyond that it begins anew."""


class Recent(Generic[K, V]):
    """A dictionary that keeps the `most` recently used entries."""

    def __init__(self, most: int) -> None:
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._most = most

    def get(self, key: K) -> V | None:
        """The entry, now the most recently used; None if it is not kept."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: K, value: V) -> None:
        """Keep an entry; the one unused for longest makes room."""
        self._entries[key] = value
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget an entry."""
        self._entries.pop(key, None)


class Sight:
    """An account's state as last seen, and for which requests all cells have been read into it."""

    __slots__ = ("covered", "state")

    def __init__(self, state: State) -> None:
        self.state = state
        self.covered: set[Sort] = set()


Sort = tuple[str, str, str, tuple[tuple[str, str], ...]]
"""What tells which cells a request may read, under one profile: policy, feature, subject and attributes."""


def sort_of(policy: Policy, request: Request) -> Sort:
    """The request's sort."""
    return (policy.hash, request.feature, request.subject, tuple(request.attributes.items()))


class Known:
    """The accounts, name tokens and hot states that this engine has seen."""

    def __init__(self, store: HotStore, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self._accounts: Recent[str, int] = Recent(ACCOUNTS_MAX)
        self._tokens: Recent[int, dict[str, str]] = Recent(ACCOUNTS_MAX)
        self._sights: Recent[int, Sight] = Recent(ACCOUNTS_MAX)
        self._seen: Recent[int, tuple[int, int]] = Recent(ACCOUNTS_MAX)

    async def account(self, name: str) -> int:
        """The id behind an account's name. Raises UnknownName."""
        found = self._accounts.get(name)
        if found is None:
            found = await self._ledger.find_account(name)
            if found is None:
                raise UnknownName("account", repr(name), "an account that was put before (accounts.put)")
            self._accounts.put(name, found)
        return found

    async def account_now(self, name: str) -> int:
        """The id behind an account's name as it is now: it may have been erased, and put anew. Raises UnknownName."""
        found, known = await self._ledger.find_account(name), self._accounts.get(name)
        if known is not None and known != found:
            self.forget_name(name, known)
        return await self.account(name)

    def at_hand(self, ask: Ask, policy: Policy) -> Named | None:
        """The request's names by id and token, if all of them have been seen before; without waiting for anything."""
        account = self._accounts.get(ask.account)
        if account is None:
            return None
        if not ask.subject and not ask.attributes:
            return account, "", ask.attributes
        kept = self._tokens.get(account)
        try:
            return (account, *_named(ask, kept or {}, policy))
        except KeyError:
            return None

    async def names(self, ask: Ask, policy: Policy) -> Named:
        """The request's names by id and token, those seen for the first time written down. Raises UnknownName."""
        account = await self.account(ask.account)
        kept = self._tokens.get(account)
        if kept is None:
            kept = {}
            self._tokens.put(account, kept)
        declared, priced = policy.attributes, policy.priced
        named = [ask.attributes[name] for name in declared if name in ask.attributes and name not in priced]
        named += [ask.subject] if ask.subject else []
        new = [name for name in named if name not in kept]
        if new:
            kept.update(await self._ledger.tokens(account, new))
        return (account, *_named(ask, kept, policy))

    async def names_as_they_are(self, account: int, ask: Ask, policy: Policy) -> Named:
        """Like `names`, under any policy, but a new name is not written down: it stands for itself, marked as new."""
        named = [name for name in (*ask.attributes.values(), ask.subject) if name]
        known = await self._ledger.tokens_known(account, named) if account and named else {}
        return (account, *_named(ask, {name: f"new {name}" for name in named if name} | known, policy))

    def forget(self, account: int) -> None:
        """The account's state may have changed behind this engine's back."""
        self._sights.drop(account)

    def forget_name(self, name: str, account: int) -> None:
        """The account was erased or made anew."""
        self._accounts.drop(name)
        self._tokens.drop(account)
        self._sights.drop(account)

    async def shut(self, account: int, name: str, epoch: int) -> AccountShut:
        """The error for an account that takes no change: it is being rebuilt, or lives elsewhere now."""
        return await self.gone(account, name, epoch) or shut(f"account {name!r}")

    async def gone(self, account: int, name: str, epoch: int) -> AccountShut | None:
        """The error for an account that is shut because it lives elsewhere now; None for one that is being rebuilt."""
        raised = await self._ledger.epochs(account)
        if raised and raised[-1].epoch >= epoch and raised[-1].moved_to:
            return moved(f"account {name!r}", raised[-1].moved_to)
        return None

    def saw(self, account: int, epoch: int, sequence: int) -> None:
        """The account stands there, or further: a store that later says less has lost something."""
        if (epoch, sequence) > (self._seen.get(account) or (0, 0)):
            self._seen.put(account, (epoch, sequence))
            sight = self._sights.get(account)
            if sight is not None and sight.state.epoch == epoch and sight.state.sequence < sequence:
                sight.state.sequence = sequence

    def seen(self, account: int) -> tuple[int, int]:
        """The highest (epoch, sequence) at which this engine saw the account."""
        return self._seen.get(account) or (0, 0)

    def has_gone_back(self, account: int, state: State) -> bool:
        """Whether the store, which answered with this state, has lost what this engine saw there."""
        return (state.epoch, state.sequence) < self.seen(account)

    def ready(self, account: int, sort: Sort) -> State | None:
        """The remembered state, if every cell that a request of that sort may read is in it."""
        sight = self._sights.get(account)
        return sight.state if sight is not None and sort in sight.covered else None

    def remembered(self, account: int) -> State | None:
        """The remembered state, whatever has been read into it; to be looked at, from any thread."""
        sight = self._sights.get(account)
        return sight.state if sight is not None else None

    async def state(self, account: int, sort: Sort | None, wanted: Callable[[Profile], Sequence[str]]) -> State:
        """The state with every cell that is wanted under its profile: what is remembered, and the rest read.

        Cells read now join those remembered: should they be of different ages, the store's check of the box notices.
        """
        sight = self._sights.get(account)
        if sight is None or len(sight.state.cells) > CELLS_MAX:
            sight = Sight(await self._store.load(account, (TIME,)))
            if self.has_gone_back(account, sight.state):
                return sight.state  # not to be remembered: who asked mends it
            if sight.state.profile is None:  # its terms are under way: not to be remembered so
                return sight.state
            self._sights.put(account, sight)
        if sight.state.profile is None:
            return sight.state
        missing = [name for name in wanted(sight.state.profile) if name not in sight.state.cells]
        if missing:
            fresh = await self._store.load(account, missing)
            if fresh.profile != sight.state.profile:
                names = wanted(fresh.profile) if fresh.profile else (TIME,)
                sight = Sight(await self._store.load(account, names))
                self._sights.put(account, sight)
                return sight.state
            sight.state.cells.update(fresh.cells)
        if sort is not None:
            sight.covered.add(sort)
        return sight.state


def _named(ask: Ask, tokens: Mapping[str, str], policy: Policy) -> tuple[str, dict[str, str]]:
    sent, priced = ask.attributes, policy.priced
    attributes = {
        name: sent[name] if name in priced else tokens[sent[name]] for name in policy.attributes if name in sent
    } if sent else sent  # fmt: skip
    return tokens[ask.subject] if ask.subject else "", attributes


Named = tuple[int, str, dict[str, str]]
"""Account, subject and attributes of a request, with tokens for what may name people."""

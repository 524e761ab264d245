"""What an engine remembers between requests: accounts, tokens and states. Forgetting costs a read, never a meaning."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, TypeVar

from spillover.core.intake import Ask
from spillover.model.commit import State
from spillover.model.errors import UnknownName
from spillover.model.policy import Policy
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


class Known:
    """The accounts, name tokens and hot states that this engine has seen."""

    def __init__(self, store: HotStore, ledger: Ledger) -> None:
        self._store, self._ledger = store, ledger
        self._accounts: Recent[str, int] = Recent(ACCOUNTS_MAX)
        self._tokens: Recent[int, dict[str, str]] = Recent(ACCOUNTS_MAX)
        self._states: Recent[int, State] = Recent(ACCOUNTS_MAX)

    async def account(self, name: str) -> int:
        """The id behind an account's name. Raises UnknownName."""
        found = self._accounts.get(name)
        if found is None:
            found = await self._ledger.find_account(name)
            if found is None:
                raise UnknownName("account", repr(name), "an account that was put before (accounts.put)")
            self._accounts.put(name, found)
        return found

    async def tokens(self, account: int, ask: Ask, policy: Policy) -> tuple[str, dict[str, str]]:
        """The subject and the attributes of a request, with tokens for what may name people."""
        named = [value for name, value in ask.attributes.items() if name not in policy.priced]
        if ask.subject:
            named.append(ask.subject)
        if not named:
            return "", ask.attributes
        kept = self._tokens.get(account)
        if kept is None:
            kept = {}
            self._tokens.put(account, kept)
        new = [name for name in named if name not in kept]
        if new:
            kept.update(await self._ledger.tokens(account, new))
        priced = policy.priced
        attributes = {name: value if name in priced else kept[value] for name, value in ask.attributes.items()}
        return kept[ask.subject] if ask.subject else "", attributes

    async def tokens_as_they_are(self, account: int, ask: Ask, policy: Policy) -> tuple[str, dict[str, str]]:
        """Like `tokens`, but a name that was never seen is not written down: it stands for itself, marked as new."""
        known = {name: token for token, name in (await self._ledger.names(account)).items()} if account else {}
        attributes = {
            name: value if name in policy.priced else known.get(value, f"new {value}")
            for name, value in ask.attributes.items()
        }
        return known.get(ask.subject, f"new {ask.subject}") if ask.subject else "", attributes

    def forget(self, account: int) -> None:
        """The account's state may have changed behind this engine's back."""
        self._states.drop(account)

    def forget_name(self, name: str, account: int) -> None:
        """The account was erased or made anew."""
        self._accounts.drop(name)
        self._tokens.drop(account)
        self._states.drop(account)

    def state(self, account: int) -> State | None:
        """The state as last seen, if kept."""
        return self._states.get(account)

    def keep(self, account: int, state: State) -> None:
        """This is the account's state now."""
        self._states.put(account, state)

    async def load(self, account: int, names: Sequence[str]) -> State:
        """The state with at least these cells: from memory where known, else from the store.

        Cells read now join those remembered: should they be of different ages, the store's check of the box notices.
        """
        kept = self._states.get(account)
        missing = names if kept is None else [name for name in names if name not in kept.cells]
        if kept is not None and not missing:
            return kept
        state = await self._store.load(account, missing)
        if kept is not None and len(kept.cells) < CELLS_MAX and kept.profile == state.profile:
            kept.cells.update(state.cells)
            return kept
        if len(missing) < len(names):
            state = await self._store.load(account, names)
        self._states.put(account, state)
        return state

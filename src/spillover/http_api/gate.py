"""Who may: keys and customers' tokens, their scopes, and the accounts and features that they are bound to."""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from spillover.http_api.clerk import Clerk
from spillover.http_api.endpoint import Caller, Endpoint, Heads
from spillover.http_api.problems import Refused
from spillover.model.errors import StoreError
from spillover.office import keys, tokens
from spillover.ports.office import ApiKey, Office, Scope

T = TypeVar("T")

REMEMBER_SECONDS = 5.0
"""For how long a key is known without asking: a revoked one has ended by then."""
REMEMBERED_MAX = 10_000
AWAY_SECONDS = 1.0
"""For how long nobody asks an office that could not be reached."""
KEPT_SECONDS = 60.0
"""For how much longer a key that was good goes on while the office cannot be reached, if nothing else is said."""
ADMITTING_SECONDS = 3_600.0
"""The same where the engine admits while its store is away."""
ANYBODY = Caller("anybody on this machine")
"""Who calls where no key was ever made: the service then listens on loopback only."""
LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]+)?", re.IGNORECASE)
HELD: dict[Scope, tuple[Scope, ...]] = {
    "read": ("read",), "decide": ("decide", "read"), "admin": ("admin", "decide", "read"),
}  # fmt: skip
"""What a scope opens."""


class Gate:
    """Lets callers in. Used by one loop."""

    def __init__(
        self, clerk: Clerk, now: Callable[[], int], admits: Callable[[], bool],
        ticks: Callable[[], float] = time.monotonic, kept: float = KEPT_SECONDS,
    ) -> None:  # fmt: skip
        """`now`: milliseconds since 1970. `admits`: whether the engine goes on while its store cannot be reached.
        `ticks`: seconds, which never go back. `kept`: see KEPT_SECONDS."""
        self._clerk, self._now, self._admits, self._ticks, self._kept = clerk, now, admits, ticks, kept
        self._away: tuple[float, StoreError] | None = None
        self._asking: dict[str, asyncio.Task[ApiKey | None]] = {}
        self._known: dict[str, tuple[ApiKey | None, float]] = {}
        self._open_until = 0.0
        self._signing: bytes | None = None
        self._closed = False

    async def is_open(self) -> bool:
        """Whether no key was ever made, so that who reaches this address may do everything.

        What was so stays so while the office cannot be reached: nobody makes a key in a database that is away.
        """
        if not self._closed and self._ticks() >= self._open_until:
            known = self._open_until > 0
            if known:  # who comes meanwhile does not wait
                self._open_until = self._ticks() + REMEMBER_SECONDS
            try:
                self._closed = bool(await self._asked(lambda office: office.keys()))
            except StoreError:
                if not known:
                    raise
            self._open_until = self._ticks() + REMEMBER_SECONDS
        return not self._closed

    def lets_in(self) -> bool:
        """Whether anybody who needs a key is let in while the office cannot be reached: by what is known."""
        if self._open_until and not self._closed:
            return True
        return any(key is not None and self._keeps(until) for key, until in self._known.values())

    async def caller(self, endpoint: Endpoint, heads: Heads) -> Caller:
        """Who calls, if that opens this endpoint. Raises Refused."""
        if endpoint.scope == "open":
            return ANYBODY
        given = heads.get("authorization")
        if given is None:
            if not await self.is_open():
                raise unauthorized("found no key, expected the header Authorization: Bearer sp_...")
            _require_local(heads)
            return ANYBODY
        scheme, _, text = given.partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized("found another scheme, expected the header Authorization: Bearer sp_...")
        found = await self._with_key(text.strip()) if text.lstrip().startswith("sp_") else await self._with_token(text)
        _require_scope(endpoint, found)
        return found

    def forget(self) -> None:
        """Keys were changed here: they count at once."""
        self._known.clear()
        self._open_until = 0.0

    async def signing_key(self) -> bytes:
        """The secret that customers' tokens are signed with."""
        if self._signing is None:
            fresh = secrets.token_bytes(tokens.SECRET_BYTES)
            self._signing = await self._asked(lambda office: office.signing_key(fresh))
        return self._signing

    async def _with_key(self, text: str) -> Caller:
        parsed = keys.parse(text)
        key = await self._key(parsed[0]) if parsed else None
        if parsed is None or not keys.opens(key, parsed[1], self._now()) or key is None:
            raise unauthorized("found a key that opens nothing, expected one that was made here and has not ended")
        return Caller(key.name, key.id, key.scopes, key.accounts, key.features)

    async def _key(self, id: str) -> ApiKey | None:
        known = self._known.get(id)
        if known is not None and self._ticks() < known[1]:
            return known[0]
        kept = known if known is not None and self._keeps(known[1]) else None
        if kept is not None and self._away is not None:  # it is asked, and not waited for
            old = not self._asking and self._ticks() >= self._away[0] + REMEMBER_SECONDS
            asking = self._ask(id) if self._ticks() >= self._away[0] else None
            if asking is not None and old:  # nobody came meanwhile: the office may be back, and the key revoked since
                await asyncio.wait((asking,), timeout=AWAY_SECONDS)
            if asking is None or not asking.done() or asking.exception() is not None:
                return kept[0]
            return asking.result()
        try:
            return await asyncio.shield(self._ask(id))
        except StoreError:
            if kept is None:
                raise
            return kept[0]

    def _keeps(self, until: float) -> bool:
        """Whether what was to be asked again at that time still counts, if the office cannot be reached."""
        return self._ticks() <= until + (max(self._kept, ADMITTING_SECONDS) if self._admits() else self._kept)

    def _ask(self, id: str) -> asyncio.Task[ApiKey | None]:
        """Those who come meanwhile with the same key wait for the same answer."""
        asking = self._asking.get(id)
        if asking is None:
            asking = self._asking[id] = asyncio.create_task(self._found(id))
            asking.add_done_callback(lambda done: self._asked_for(id, done))
        return asking

    def _asked_for(self, id: str, done: asyncio.Task[ApiKey | None]) -> None:
        self._asking.pop(id, None)
        if not done.cancelled():
            done.exception()  # perhaps nobody waited for it

    async def _found(self, id: str) -> ApiKey | None:
        found = await self._asked(lambda office: office.key(id))
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        self._known[id] = (found, self._ticks() + REMEMBER_SECONDS)
        return found

    async def _asked(self, work: Callable[[Office], Coroutine[Any, Any, T]]) -> T:
        """What the office says. One that is away is asked by one caller a second: the others do not wait for it."""
        if self._away is not None and self._ticks() < self._away[0]:
            raise self._away[1]
        try:
            found = await self._clerk.run(work)
        except StoreError as error:
            self._away = (self._ticks() + AWAY_SECONDS, error)
            raise
        self._away = None
        return found

    async def _with_token(self, text: str) -> Caller:
        try:
            account = tokens.read(text.strip(), self._now(), await self.signing_key())
        except tokens.BadToken as error:
            raise unauthorized(str(error)) from None
        return Caller("customer", "", ("read",), (account,), (), customer=True)


def unauthorized(detail: str) -> Refused:
    """The refusal of who is not known."""
    return Refused("unauthorized", f"authorization: {detail}", "", (("www-authenticate", "Bearer"),))


def require_bounds(endpoint: Endpoint, caller: Caller, taken: Any) -> None:  # noqa: ANN401  # any struct that is taken
    """What is asked lies in what the caller is bound to; of a hold, its account. Raises Refused."""
    if not caller.accounts and not caller.features:
        return
    match endpoint.about:
        case "nothing":
            return
        case "requests":
            _require("account", caller.accounts, (one.account for one in taken.requests))
            _require("feature", caller.features, (one.feature for one in taken.requests))
        case "feature":
            _require("account", caller.accounts, (taken.account,))
            _require("feature", caller.features, (taken.feature,))
        case "hold":
            _require("account", caller.accounts, (taken.account,))
        case "account" if not caller.features:
            _require("account", caller.accounts, (taken.account,))
        case "account":
            raise _forbidden("this key is bound to features, and this is about a whole account")
        case _:
            raise _forbidden("this key is bound to accounts or features, and this is about all of them")


def require_feature(caller: Caller, feature: str) -> None:
    """The feature lies in what the caller is bound to. Raises Refused."""
    _require("feature", caller.features, (feature,))


def _require(field: str, bound: tuple[str, ...], asked: Iterable[str]) -> None:
    if bound and not set(asked) <= {name for name in bound if name}:  # "" stands where an account was erased
        raise _forbidden(f"this key is bound to other {field}s", field)


def _require_scope(endpoint: Endpoint, caller: Caller) -> None:
    if caller.customer:
        if not endpoint.customer:
            raise _forbidden("a customer's token opens only questions about its own account")
    elif not any(endpoint.scope in HELD[scope] for scope in caller.scopes):
        raise _forbidden(f"found a key for {', '.join(caller.scopes)}, expected one for {endpoint.scope}")


def _forbidden(detail: str, field: str = "") -> Refused:
    return Refused("forbidden", f"{field or 'authorization'}: {detail}", field)


def _require_local(heads: Heads) -> None:
    """Without keys, web pages must not reach what listens on their reader's machine: neither from another origin, nor
    under a name of their own that they point here."""
    host, origin = heads.get("host") or "", heads.get("origin")
    if not LOOPBACK.fullmatch(host):
        raise Refused("forbidden", "host: found another name, expected localhost or 127.0.0.1 while there are no keys")
    if origin is not None and origin.partition("://")[2].lower() != host.lower():
        raise Refused("forbidden", "origin: found a page of another address; make a key to call this from pages")

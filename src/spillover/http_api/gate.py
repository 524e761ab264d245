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
KEPT_SECONDS = 3_600.0
"""For how long a key that was good goes on while the office cannot be reached, where the engine then admits too."""
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
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`now`: milliseconds since 1970. `admits`: whether the engine goes on while its store cannot be reached.
        `ticks`: seconds, which never go back."""
        self._clerk, self._now, self._admits, self._ticks = clerk, now, admits, ticks
        self._away: tuple[float, StoreError] | None = None
        self._asking: dict[str, asyncio.Task[ApiKey | None]] = {}
        self._known: dict[str, tuple[ApiKey | None, float]] = {}
        self._open_until = 0.0
        self._signing: bytes | None = None
        self._closed = False

    async def is_open(self) -> bool:
        """Whether no key was ever made, so that who reaches this address may do everything."""
        if not self._closed and self._ticks() >= self._open_until:
            try:
                self._closed = bool(await self._asked(lambda office: office.keys()))
            except StoreError:
                if not (self._open_until and self._admits()):
                    raise
            self._open_until = self._ticks() + REMEMBER_SECONDS
        return not self._closed

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
        asking = self._asking.get(id)
        if asking is None:  # those who come meanwhile with the same key wait for the same answer
            asking = self._asking[id] = asyncio.create_task(self._found(id))
            asking.add_done_callback(lambda _: self._asking.pop(id, None))
        try:
            return await asyncio.shield(asking)
        except StoreError:
            # Nobody revokes a key in a database that is away.
            if known is None or not self._admits() or self._ticks() > known[1] + KEPT_SECONDS:
                raise
            return known[0]

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

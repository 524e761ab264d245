"""An ASGI middleware: each request is decided before the application runs, and a denial is told to the end user.

    app = SpilloverMiddleware(app, access, feature="api.calls", account=header("x-account"))

It speaks HTTP only; websockets pass. An OPTIONS request asks what is possible and is not metered.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Literal, NoReturn

from spillover.access.hold_async import through
from spillover.access.metering import tell
from spillover.conventions.headers import Pair, key_in
from spillover.engine.answers import Decision
from spillover.integrations.answering import Checkout, Refusal, checkout_of, denied, failed, no_account
from spillover.integrations.asking import Asked, Usage, check_profiles, consume, is_async, limits_beside, opened
from spillover.model.errors import Denied, InvalidInput, SpilloverError, shown

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Heads = Mapping[str, str]
"""The headers of a request, by their names in small letters; of several of one name, the first."""

LOG = logging.getLogger("spillover.asgi")


def header(name: str) -> Callable[[Scope, Heads], str | None]:
    """What a header says. Only for one that end users cannot set, such as one of a gateway of yours."""
    return lambda _, heads: heads.get(name.lower())


def idempotency_key(_: Scope, heads: Heads) -> str | None:
    """The key of the header Idempotency-Key; None where there is none. Raises InvalidInput for a broken one."""
    given = heads.get("idempotency-key")
    if given is None:
        return None
    key = key_in(given)
    if key is None:
        raise InvalidInput("key", shown(given), 'a key such as "order-17" in the header Idempotency-Key')
    return key


class Passed:
    """`scope["spillover"]` of a request that was taken before the application runs."""

    def __init__(self, decision: Decision) -> None:
        self.decision, self.key = decision, decision.key

    def report(self, **_: int) -> NoReturn:
        """Only of a hold."""
        raise InvalidInput("usage", "a report on a request that is paid already", 'cost="hold" at the middleware')

    exact = report


class SpilloverMiddleware:
    """See the head of this file."""

    def __init__(
        self, app: App, access: Any, *,  # noqa: ANN401  # any access
        feature: str | Callable[[Scope, Heads], str],
        account: str | Callable[[Scope, Heads], str | Awaitable[str | None] | None],
        usage: Usage | Callable[[Scope, Heads], Usage | None] | None = None,
        subject: str | Callable[[Scope, Heads], str | None] | None = None,
        attributes: Mapping[str, str] | Callable[[Scope, Heads], Mapping[str, str] | None] | None = None,
        key: Callable[[Scope, Heads], str | None] | None = idempotency_key,
        only: Iterable[str] | Callable[[Scope], bool] | None = None,
        cost: Literal["request", "hold"] = "request", lasts: int | None = None,
        limits: bool = True, profiles: Iterable[str] = (), checkout: Checkout | None = None,
    ) -> None:  # fmt: skip
        """`access`: embedded or over HTTP, or a function that gives one that is opened when the application starts.

        `account`, `feature`, `usage`, `subject`, `attributes`: a value, or a function of the scope and its headers
        (awaited if it is asynchronous). An account of None is answered 403. `key`: the header Idempotency-Key, else a
        new one; None: always a new one. `only`: the paths that are metered, `/v1/*` for all below; or a function of
        the scope; left out, all.

        `cost`: "request" takes `usage` before the application runs; "hold" holds it as an estimate (for `lasts` ms),
        and commits what the application tells `scope["spillover"].report(...)` or `.exact(...)`; it wants an
        asynchronous access. A hold of which nothing was told, or whose application raised before it answered, is
        released. `limits`: tell RateLimit-Policy and RateLimit. `profiles`: older names of these,
        "x-ratelimit", "openai", "codex"; over HTTP they are one call more. `checkout`: (account, pack) -> the address
        where the pack is bought that a denial names, told beside it; may be asynchronous. Raises InvalidInput.
        """
        if cost not in ("request", "hold"):
            raise InvalidInput("cost", shown(cost), '"request" or "hold"')
        self._app, self._access = app, access
        self._told = (account, feature, usage, subject, attributes, key)
        self._only, self._checkout = _matcher(only), checkout
        self._cost, self._lasts, self._limits, self._profiles = cost, lasts, limits, check_profiles(profiles)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let the application answer it."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS" or not self._only(scope):
            await self._app(scope, receive, send)
            return
        access = opened(self._access)
        try:
            asked = await self._asked(scope)
            decided = None if asked is None else await self._decide(access, asked)
        except SpilloverError as error:
            await _fail(send, error)
            return
        if asked is None or decided is None:
            await _refuse(send, no_account())
            return
        decision, hold = decided
        if not decision:
            limits, link = await self._limits_of(access, decision, asked), await checkout_of(decision, self._checkout)
            await _refuse(send, denied(decision, limits, link))
            return
        answering = Answering(send)
        scope["spillover"] = Passed(decision) if hold is None else hold

        async def run() -> None:
            answering.pairs = await self._limits_of(access, decision, asked)
            await self._app(scope, receive, answering.send)

        if hold is None:
            await run()
        else:
            await _work(hold, lambda: access.holds.release(asked.account, hold.key), run, answering, self._checkout)

    async def _limits_of(self, access: Any, decision: Decision, asked: Asked) -> list[Pair]:  # noqa: ANN401  # any access
        return await limits_beside(access, decision, asked, self._profiles) if self._limits else []

    async def _asked(self, scope: Scope) -> Asked | None:
        """The request; None where nobody is known who could pay."""
        pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]
        heads = dict(reversed(pairs))
        found = []
        for one in self._told:
            value: Any = one(scope, heads) if callable(one) else one
            found.append(await value if inspect.isawaitable(value) else value)
        return None if found[0] is None else Asked(*found)

    async def _decide(self, access: Any, asked: Asked) -> tuple[Decision, Any]:  # noqa: ANN401  # any access
        """The decision, and the open hold, if it is to be one. Raises SpilloverError."""
        if self._cost == "request":
            return await consume(access, asked), None
        if not is_async(access):
            raise InvalidInput("access", "one of plain code", 'spillover.connect_async(...) for cost="hold"')
        hold = access.hold(asked.account, asked.feature, asked.usage, lasts=self._lasts, **asked.options)
        try:
            await hold.__aenter__()
        except Denied as error:
            if isinstance(error.decision, Decision):
                return error.decision, None
            raise
        return hold.decision, hold


class Answering:
    """Sends what the application answers, with the limits beside it."""

    def __init__(self, send: Send) -> None:
        self._send, self.started = send, False
        self.pairs: list[Pair] = []

    async def send(self, message: Message) -> None:
        """Headers that the application has itself are its own."""
        if message["type"] == "http.response.start":
            self.started = True
            heads = list(message.get("headers", ()))
            there = {name.lower() for name, _ in heads}
            message = {**message, "headers": heads + [pair for pair in _raw(self.pairs) if pair[0] not in there]}
        await self._send(message)


async def _work(
    hold: Any, release: Callable[[], Any], run: Callable[[], Awaitable[None]],  # noqa: ANN401
    answering: Answering, checkout: Checkout | None,
) -> None:  # fmt: skip
    """The application under a hold, and the hold's end."""
    try:
        await run()
    except BaseException as error:
        if answering.started:
            await hold.__aexit__(type(error), error, error.__traceback__)
            raise
        try:
            await through(release)
        except SpilloverError as failure:
            tell(error, hold.key, failure)
        if isinstance(error, Denied) and isinstance(error.decision, Decision):  # an extension, `when_short: stop`
            await _refuse(answering.send, denied(error.decision, (), await checkout_of(error.decision, checkout)))
            return
        raise
    try:
        await hold.__aexit__(None, None, None)
    except SpilloverError as failure:  # the end user has his answer
        LOG.error("hold %r was not ended: %s; it expires by itself, a commit is still possible", hold.key, failure)


def _matcher(only: Iterable[str] | Callable[[Scope], bool] | None) -> Callable[[Scope], bool]:
    if only is None:
        return lambda _: True
    if callable(only):
        return only
    paths = [only] if isinstance(only, str) else list(only)
    for path in paths:
        if not path.startswith("/") or "*" in path[:-1]:
            raise InvalidInput("only", shown(path), "paths such as /v1/chat, or /v1/* for all below")
    exact = {path for path in paths if not path.endswith("*")}
    below = tuple(path[:-1] for path in paths if path.endswith("*"))
    return lambda scope: any(path in exact or path.startswith(below) for path in _paths(scope))


def _paths(scope: Scope) -> tuple[str, str]:
    """The path as it came and below the root, as routers see it; they take one that ends in a newline for the same."""
    path, root = scope["path"].removesuffix("\n"), scope.get("root_path", "")
    return path, path.removeprefix(root) if path.startswith(f"{root}/") else path


async def _fail(send: Send, error: SpilloverError) -> None:
    """Tell of an error what an end user may know. Raises it where it is the application's own."""
    refusal = failed(error)
    if refusal is None:
        raise error
    if refusal.status == 503:
        LOG.warning("answered 503: %s", error)
    await _refuse(send, refusal)


async def _refuse(send: Send, refusal: Refusal) -> None:
    body = refusal.body
    headers = [*_raw(refusal.headers), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _raw(pairs: Iterable[Pair]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]

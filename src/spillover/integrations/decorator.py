"""`@metered(access, "feature", account=...)`: a function that runs only if its request passes, else raises Denied."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from spillover.integrations.asking import Asked, Usage, consume, is_async, opened
from spillover.model.errors import Denied, InvalidInput

P = ParamSpec("P")
R = TypeVar("R")


def metered(
    access: Any,  # noqa: ANN401  # any access, or a function that gives it
    feature: str,
    *,
    account: str | Callable[..., str],
    usage: Usage | Callable[..., Usage] | None = None,
    subject: str | Callable[..., str | None] | None = None,
    attributes: Mapping[str, str] | Callable[..., Mapping[str, str]] | None = None,
    key: Callable[..., str | None] | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Each call is a request to `feature`, decided before the function runs.

    What is a function is called with the arguments of the call: `account=lambda user, *_: user.org`. `access` may be
    one that gives the access, too, for one that is opened later. `key`: the same key is charged once; a new one for
    each call if left out. A plain function wants an access of plain code (`connect`), a coroutine takes either.
    The call raises Denied, whose `decision` says why, and what `access.consume` raises.
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        def asked(args: tuple[object, ...], words: dict[str, object]) -> Asked:
            def given(value: Any) -> Any:  # noqa: ANN401  # a value, or a function of it
                return value(*args, **words) if callable(value) else value

            return Asked(given(account), feature, given(usage), given(subject), given(attributes), given(key))

        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: P.args, **words: P.kwargs) -> Any:  # noqa: ANN401  # what the function gives
                decision = await consume(opened(access), asked(args, words))
                if not decision:
                    raise Denied(decision, decision.sentence)
                return await function(*args, **words)

            return cast(Callable[P, R], awaited)

        @wraps(function)
        def plain(*args: P.args, **words: P.kwargs) -> R:
            engine, request = opened(access), asked(args, words)
            if is_async(engine):
                expected = "one of plain code (spillover.connect) for a plain function"
                raise InvalidInput("access", f"an asynchronous one at {function.__qualname__}", expected)
            decision = engine.consume(request.account, request.feature, request.usage, **request.options)
            if not decision:
                raise Denied(decision, decision.sentence)
            return function(*args, **words)

        return plain

    return decorated

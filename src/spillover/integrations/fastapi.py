"""A FastAPI dependency: the decision on a request, or an HTTPException that tells the end user why not.

@app.post("/clips")
async def make(decision: Annotated[Decision, Depends(metered(access, "video.seconds", account=current_account))]):
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from starlette.types import ExceptionHandler

from spillover.conventions.headers import key_in
from spillover.engine.answers import Decision
from spillover.integrations.answering import Checkout, Refusal, checkout_of, denied, failed, no_account
from spillover.integrations.asking import Asked, Usage, check_profiles, consume, limits_beside, opened
from spillover.model.errors import InvalidInput, SpilloverError, shown


class Refused(HTTPException):
    """Why a request does not pass: `detail` is the problem. See `tell_problems`."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, refusal.problem, dict(refusal.headers))
        self.refusal = refusal


def tell_problems(app: FastAPI) -> None:
    """Answer the problem itself where a request does not pass; else FastAPI wraps it as {"detail": ...}."""

    async def tell(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        return Response(error.refusal.body, error.status_code, dict(error.refusal.headers))

    handler: ExceptionHandler = tell
    app.add_exception_handler(Refused, handler)


def idempotency_key(request: Request) -> str | None:
    """The key of the header Idempotency-Key; None where there is none."""
    given = request.headers.get("idempotency-key")
    if given is None:
        return None
    key = key_in(given)
    if key is None:
        error = InvalidInput("key", shown(given), 'a key such as "order-17" in the header Idempotency-Key')
        raise _refused(error)
    return key


def metered(
    access: Any,  # noqa: ANN401  # any access, or a function that gives it
    feature: str,
    *,
    account: str | Callable[..., Any],
    usage: Usage | Callable[..., Any] | None = None,
    subject: str | Callable[..., Any] | None = None,
    attributes: Mapping[str, str] | Callable[..., Any] | None = None,
    key: Callable[..., Any] | None = idempotency_key,
    limits: bool = True,
    profiles: Iterable[str] = (),
    checkout: Checkout | None = None,
) -> Callable[..., Coroutine[Any, Any, Decision]]:
    """`Depends(metered(...))` is the decision on this request; it is taken then.

    What is a function is a dependency in its turn: `account=current_account`, with headers, security and all; an
    account of None is answered 403. `access` may be a function that gives the access, for one that is opened when
    the application starts. `key`: the header Idempotency-Key, else a new one; None: always a new one. `limits` and
    `profiles` are those of the middleware, and so is `checkout`; an endpoint that returns a Response of its own tells
    no limits.

    Raises Refused: 429 or 402, 503 where the store cannot be reached. What is the application's own error, such as an
    unknown feature, is raised as it is.
    """
    names = check_profiles(profiles)
    who, much, by, labels, known = (_given(one) for one in (account, usage, subject, attributes, key))

    async def decided(
        response: Response, account: Any = who, usage: Any = much, subject: Any = by,  # noqa: ANN401  # as given above
        attributes: Any = labels, key: Any = known,  # noqa: ANN401
    ) -> Decision:  # fmt: skip
        if account is None:
            raise Refused(no_account())
        engine, asked = opened(access), Asked(account, feature, usage, subject, attributes, key)
        try:
            decision = await consume(engine, asked)
        except SpilloverError as error:
            raise _refused(error) from error
        pairs = await limits_beside(engine, decision, asked, names) if limits else []
        if not decision:
            raise Refused(denied(decision, pairs, await checkout_of(decision, checkout)))
        for name, value in pairs:
            response.headers[name] = value
        return decision

    return decided


def _given(value: Any) -> Any:  # noqa: ANN401  # a value, or a dependency that gives it
    return Depends(value if callable(value) else lambda: value)


def _refused(error: SpilloverError) -> Exception:
    """The error as an end user is told it; itself, where it is the application's own."""
    refusal = failed(error)
    return error if refusal is None else Refused(refusal)

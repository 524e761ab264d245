"""A hook for LiteLLM's proxy: each call is held for before it is sent, and charged for what it truly used.

What LiteLLM 1.106 calls, and when, as was seen: `async_pre_call_hook` once for a call, however often it is tried;
`async_log_success_event` after an answer, and after a stream that ended, broke, or whose caller went away;
`async_post_call_failure_hook` when a call has failed for good. `async_log_failure_event` comes also for a try that is
tried again, so it is not used. All of one call run in one context, under one id, which the caller may choose: so a hold
is found by both.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

import litellm  # type: ignore[import-not-found]  # it has an environment of its own
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger  # type: ignore[import-not-found]  # as above

from spillover.integrations.answering import OWN, Checkout, Refusal, failed
from spillover.integrations.litellm_answers import Answer, answer_of, answering_model, told, was_left
from spillover.integrations.litellm_calls import FREE, Kind, NotServed, Terms, Value, kind_name, of_tokens, team
from spillover.integrations.litellm_holds import LOG, Held, Holds
from spillover.integrations.openai_terms import Estimate
from spillover.integrations.openai_tokens import Count, Usage, four_characters, split_cached
from spillover.model.errors import InvalidInput, SpilloverError, shown

SHOWN_MAX = 64
"""Characters of an id that a caller chose, in the key of its hold."""


class Refused(HTTPException):
    """Why a call does not pass, as LiteLLM tells it: `message`, and the problem in `provider_specific_fields`."""

    def __init__(self, refusal: Refusal) -> None:
        self.message = str(refusal.problem["detail"])
        headers = {name: value for name, value in refusal.headers if name != "content-type"}
        super().__init__(refusal.status, {"error": self.message, **refusal.problem}, headers)


class SpilloverHook(CustomLogger):  # type: ignore[misc]  # as above
    """`litellm_settings: {callbacks: hook.hook}`, and in hook.py beside it `hook = SpilloverHook(...)`."""

    def __init__(
        self, access: Any, *, feature: str, account: Value = team, subject: Value = None,  # noqa: ANN401  # any access
        attributes: Mapping[str, Value] | None = None, estimate: Estimate = None, usage: Usage = split_cached,
        count_tokens: Count = four_characters, kinds: Mapping[str, Kind] | None = None,
        unmetered: Collection[str] = (), lasts: int | None = None, cached: bool = False,
        limits: bool = True, checkout: Checkout | None = None,
    ) -> None:  # fmt: skip
        """`access`: embedded or over HTTP, or a function that gives it, which is called once: with the proxy's event
        loop running, as `lambda: spillover.connect_async("http://...", key=...)` wants it.

        `account`, `subject` and the values of `attributes`: text, or a function of the key and of the call's options;
        an account of None is answered 403. Left out, the account is the id of the key's team. The attribute `model` is
        the name of the model that answers, as the proxy knows it, unless it is given.

        `feature` is what calls of tokens use: chats, completions, responses, messages, embeddings. `estimate`, `usage`
        and `count_tokens` are those of `spillover.openai.wrap`. `kinds`: other calls by LiteLLM's name, such as
        "image_generation", or another `Kind` for one of these. Calls that are neither, nor in `unmetered`, nor free of
        themselves, are answered 403.

        `lasts`: how long a hold lasts (ms); left out, as the policy says. `cached`: charge answers from the proxy's own
        cache. `limits`, `checkout`: as of the ASGI middleware. Raises InvalidInput.
        """
        super().__init__()
        if isinstance(access, str):
            expected = f"an access, or a function that gives one: lambda: spillover.connect_async({access!r})"
            raise InvalidInput("access", shown(access), expected)
        if isinstance(unmetered, str):
            raise InvalidInput("unmetered", shown(unmetered), "a list of kinds of calls")
        named = {kind_name(name): kind for name, kind in (kinds or {}).items()}
        free = FREE.union(kind_name(name) for name in unmetered) - named.keys()
        known = {**of_tokens(feature, usage, estimate, count_tokens), **named}
        self._terms = Terms(account, subject, dict(attributes or {}), known, free)
        self._holds, self._cached = Holds(access, lasts, checkout, limits=limits), cached
        self._mine: ContextVar[dict[str, Held] | None] = ContextVar("spillover_calls", default=None)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("SpilloverHook: found a subclass, whose hooks LiteLLM would pass over; expected its options")

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str,  # noqa: ANN401  # LiteLLM's
    ) -> None:  # fmt: skip
        """Hold for the call. Raises Refused, which LiteLLM answers; nothing is sent then."""
        try:
            asked = self._terms.asked(user_api_key_dict, data, call_type)
            if asked is None:
                return
            if data.get("stream") and litellm.disable_streaming_logging:
                LOG.error("litellm_settings.disable_streaming_logging: found true, expected streams that are told of")
                raise Refused(_broken())
            held = Held(asked, _key(data), data.get("input"))
            await self._holds.open(held)
        except NotServed as error:
            raise Refused(error.refusal) from None
        except SpilloverError as error:
            raise Refused(_failure(error)) from error
        calls = self._mine.get()
        if calls is None:
            calls = {}
            self._mine.set(calls)
        calls[data.setdefault("litellm_call_id", held.key)] = held

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any,  # noqa: ANN401  # LiteLLM's
    ) -> None:  # fmt: skip
        """Charge what the call used, once. It raises nothing."""
        held = self._of(kwargs)
        if held is None or held.ended == "charged":
            return
        try:
            if kwargs.get("cache_hit") is True and not self._cached:
                await self._holds.release(held)
                return
            counts = held.counts(answer_of(response_obj, held.spoken))
            if counts:
                model = answering_model(kwargs)
                await self._holds.charge(held, counts, model, estimated=was_left(kwargs))
            else:
                LOG.warning("hold %r: the answer tells no usage, so nothing is charged", held.key)
                await self._holds.release(held)
        except Exception:  # LiteLLM goes on, whatever it is
            LOG.exception("hold %r: its usage could not be read; it expires", held.key)

    async def async_post_call_failure_hook(
        self, request_data: dict[str, Any], original_exception: Exception,
        user_api_key_dict: Any, traceback_str: str | None = None,  # noqa: ANN401  # LiteLLM's
    ) -> None:  # fmt: skip
        """The call has failed for good: charge what came before it failed, or give back what it held."""
        held = self._of(request_data)
        if held is None or held.ended:
            return
        try:
            tokens = told(request_data.get("combined_usage_object"))
            counts = held.counts(Answer(tokens)) if tokens and tokens.output else {}
            if counts:
                await self._holds.charge(held, counts, None, estimated=True)
            else:
                await self._holds.release(held)
        except Exception:  # as above
            LOG.exception("hold %r: it could not be ended; it expires", held.key)

    async def async_post_call_response_headers_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any, **_: Any,  # noqa: ANN401  # LiteLLM's
    ) -> dict[str, str] | None:  # fmt: skip
        """RateLimit-Policy and RateLimit, beside the answer."""
        held = self._of(data)
        return dict(held.limits) if held else None

    def _of(self, about: Mapping[str, Any]) -> Held | None:
        """The hold of the call that an event is about; None for one that a call makes within itself."""
        return (self._mine.get() or {}).get(about.get("litellm_call_id") or "")


# A caller may say `no-log`: then LiteLLM tells no callback of the call but those that charge, which it knows by this.
SpilloverHook.__name__ = f"_PROXY_{SpilloverHook.__name__}"


def _key(data: Mapping[str, Any]) -> str:
    """The call's id; made new in part where the caller chose it, or two calls under one id would be one charge."""
    found, headers = data.get("litellm_call_id"), (data.get("proxy_server_request") or {}).get("headers")
    if not isinstance(found, str):
        return str(uuid.uuid4())
    if isinstance(headers, Mapping) and not any(name.lower() == "x-litellm-call-id" for name in headers):
        return found
    shown_id = "".join(character for character in found if character.isascii() and character.isalnum())[:SHOWN_MAX]
    return f"{shown_id}.{secrets.token_hex(16)}"


def _failure(error: SpilloverError) -> Refusal:
    """What the caller is told of an error: its own mistake, or that it cannot be decided now."""
    if isinstance(error, InvalidInput) and error.field.startswith(("attributes", "usage.")):
        return _refusal(400, "malformed", " ".join(str(error).split()))
    LOG.error("a call was refused: %s", error)
    return failed(error) or _broken()


def _broken() -> Refusal:
    return _refusal(500, "fault", "What this costs cannot be told now")


def _refusal(status: int, name: str, detail: str) -> Refusal:
    problem: dict[str, object] = {"type": OWN + name, "title": "Not served", "status": status, "detail": detail}
    return Refusal(status, problem, (("cache-control", "no-store"),))

"""One call of the client: hold, send, count, commit; for plain code and for an event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spillover.integrations.openai_meter import Meter
from spillover.integrations.openai_streams import AsyncMeteredStream, MeteredStream
from spillover.integrations.openai_terms import Terms
from spillover.model.errors import SpilloverError


def called(
    real: Callable[..., Any], terms: Terms, options: dict[str, Any], *, usage_in_chunks: bool,
    reads: Callable[[Any], Any] | None,
) -> Any:  # noqa: ANN401  # fmt: skip  # the call's own answer
    """The call's answer, charged; or its stream, charged when it ends. Raises Denied before anything is sent."""
    meter = terms.meter(options)
    hides = usage_in_chunks and _ask_for_usage(options)
    hold = meter.hold
    hold.__enter__()
    try:
        meter.check_names()
        answer = real(**options)
        if options.get("stream"):
            return MeteredStream(answer, meter, hides=hides)
        meter.answered(reads(answer) if reads else answer)
    except BaseException as error:
        hold.__exit__(type(error), error, error.__traceback__)
        raise
    try:
        hold.__exit__(None, None, None)
    except SpilloverError as failure:
        raise _uncharged(failure, meter) from None
    return answer


async def called_async(
    real: Callable[..., Any], terms: Terms, options: dict[str, Any], *, usage_in_chunks: bool,
    reads: Callable[[Any], Any] | None,
) -> Any:  # noqa: ANN401  # fmt: skip  # the call's own answer
    """See `called`."""
    meter = terms.meter(options)
    hides = usage_in_chunks and _ask_for_usage(options)
    hold = meter.hold
    await hold.__aenter__()
    try:
        meter.check_names()
        answer = await real(**options)
        if options.get("stream"):
            return AsyncMeteredStream(answer, meter, hides=hides)
        meter.answered(reads(answer) if reads else answer)
    except BaseException as error:
        await hold.__aexit__(type(error), error, error.__traceback__)
        raise
    try:
        await hold.__aexit__(None, None, None)
    except SpilloverError as failure:
        raise _uncharged(failure, meter) from None
    return answer


def _ask_for_usage(options: dict[str, Any]) -> bool:
    """Ask for the extra chunk with the usage; whether the caller did not, so that it is to be hidden."""
    if not options.get("stream"):
        return False
    given = dict(options.get("stream_options") or {})
    options["stream_options"] = {**given, "include_usage": True}
    return not given.get("include_usage")


def _uncharged(failure: SpilloverError, meter: Meter) -> SpilloverError:
    failure.add_note(
        f"the model answered, and hold {meter.hold.key!r} could not be committed with {meter.counts}; commit it later"
    )
    return failure

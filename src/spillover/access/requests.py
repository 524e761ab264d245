"""Many requests at once, as data: the form that `consume_many` takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spillover.access.desk import Desk
from spillover.core.intake import Ask
from spillover.model.errors import InvalidInput, SpilloverError

Asked = Mapping[str, Any] | Ask
"""`{"account": ..., "feature": ..., "usage": ..., "key": ...}` with the words of `consume`, or a checked request."""

_OPTIONS = ("subject", "attributes", "mode", "at")


def asks_of(desk: Desk, requests: Iterable[Asked]) -> list[Ask | SpilloverError]:
    """Each request checked, or the error that it is."""
    return [request if isinstance(request, Ask) else _ask_of(desk, request) for request in requests]


def _ask_of(desk: Desk, request: Mapping[str, Any]) -> Ask | SpilloverError:
    known = ("account", "feature", "usage", "key", *_OPTIONS)
    for name in request:
        if name not in known:
            return InvalidInput("request", repr(name), f"only {', '.join(known)}")
    for name in ("account", "feature"):
        if name not in request:
            return InvalidInput(name, "nothing", "a name")
    options = {name: request[name] for name in _OPTIONS if name in request}
    try:
        return desk.take_in(request["account"], request["feature"], request.get("usage"), request.get("key"), options)
    except SpilloverError as error:
        return error

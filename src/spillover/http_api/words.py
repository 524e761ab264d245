"""From a struct that is taken to the words of a verb."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from spillover.http_api.endpoint import Call
from spillover.http_api.forms import instant_or_none
from spillover.http_api.problems import Refused


def words(call: Call, *leave_out: str, instants: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was taken as named arguments, instants in milliseconds. Who does it, for the books, is who calls."""
    found = structs.asdict(call.taken)
    for name in leave_out:
        del found[name]
    for name in instants:
        found[name] = instant_or_none(name, found[name])
    if found.get("actor") == "":
        found["actor"] = call.caller.name
    return found


def require_key(call: Call) -> None:
    """An order has a key. Raises Refused."""
    if call.taken.key is None:
        raise Refused("invalid-input", "key: found none, expected one in the body or as Idempotency-Key", "key")


def given(found: dict[str, Any]) -> dict[str, Any]:
    """Without what is None: the verb has its own default for that."""
    return {name: value for name, value in found.items() if value is not None}

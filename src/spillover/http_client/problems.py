"""From application/problem+json back to the error that the engine raised: same class, same text, what is told of it."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import Struct

from spillover.http_client.calls import Came
from spillover.model.errors import (
    AccountShut,
    BoundExceeded,
    Contended,
    Fault,
    HoldEnded,
    InvalidInput,
    KeyReused,
    Mistake,
    NotSettled,
    Overloaded,
    PartUnavailable,
    PolicyError,
    SpilloverError,
    StoreFull,
    StoreUnavailable,
    UnknownName,
    WrongSettings,
)

E = TypeVar("E", bound=SpilloverError)

TYPE = "urn:spillover:problem:"
HOW = re.compile(r": found it (.+?), expected an open hold; ")
BOUND = re.compile(r"(.*?): found ([0-9]{1,99}), expected at most ([0-9]{1,99}); (.*)")
FOUND = re.compile(r"(.*?): found (.*?), expected (.*)")
FILE = re.compile(r"(.*?):\d+: ")
SIMPLE: dict[str, type[SpilloverError]] = {
    "not-settled": NotSettled, "overloaded": Overloaded, "busy": Overloaded, "contended": Contended,
    "account-shut": AccountShut, "part-unavailable": PartUnavailable, "store-full": StoreFull,
    "wrong-settings": WrongSettings, "store": StoreUnavailable, "body-timeout": StoreUnavailable, "fault": Fault,
    "refused": SpilloverError,
}  # fmt: skip
INPUTS: dict[str, type[InvalidInput]] = {
    "invalid-input": InvalidInput, "unknown-name": UnknownName, "malformed": InvalidInput, "two-keys": InvalidInput,
    "too-large": InvalidInput,
}  # fmt: skip


class NotAllowed(SpilloverError):
    """The service knows no such key, or the key does not open what was asked. Nothing was changed."""


class Line(Struct, frozen=True):
    """One mistake of a policy, as it is told."""

    line: int
    path: str
    found: str
    expected: str


class Problem(Struct, frozen=True):
    """Why a call was refused or failed, as it is told."""

    type: str
    detail: str
    status: int = 0
    field: str | None = None
    mistakes: tuple[Line, ...] | None = None


_decode = msgspec.json.Decoder(Problem).decode


def problem_in(came: Came) -> Problem | None:
    """The problem that came back; None where none did, as from a proxy."""
    if not came.media.lower().startswith("application/problem+json"):  # media types have no case
        return None
    try:
        found = _decode(came.body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return found if found.type.startswith(TYPE) else None


def error_of(problem: Problem, account: str, key: str) -> SpilloverError:
    """The error that a problem tells. `account` and `key`: what the call was about."""
    name, text = problem.type.removeprefix(TYPE), problem.detail
    if name in INPUTS:
        return _input(INPUTS[name], text, problem.field or "")
    if name in SIMPLE:
        return SIMPLE[name](text)
    match name:
        case "unauthorized" | "forbidden":
            return NotAllowed(text)
        case "key-reused":
            return _bare(KeyReused, text, account=account, key=key)
        case "hold-ended":
            how = HOW.search(text)
            return _bare(HoldEnded, text, account=account, key=key, how=how[1] if how else "")
        case "bound-exceeded" if match := BOUND.fullmatch(text):
            return _bare(BoundExceeded, text, bound=match[1], found=int(match[2]), most=int(match[3]))
        case "policy-mistakes":
            return _bare(PolicyError, text, mistakes=_mistakes(problem))
        case _:
            return SpilloverError(text)


def _input(kind: type[InvalidInput], text: str, field: str) -> InvalidInput:
    match = FOUND.fullmatch(text)
    found, expected = (match[2], match[3]) if match else ("", text)
    return _bare(kind, text, field=field, found=found, expected=expected)


def _mistakes(problem: Problem) -> tuple[Mistake, ...]:
    match = FILE.match(problem.detail)
    file = match[1] if match else ""
    return tuple(Mistake(file, one.line, one.path, one.found, one.expected) for one in problem.mistakes or ())


def _bare(kind: type[E], text: str, **facts: object) -> E:
    """An error with this text, which its own class would put together from what is not told."""
    error: E = kind.__new__(kind)
    Exception.__init__(error, text)
    vars(error).update(facts)
    return error

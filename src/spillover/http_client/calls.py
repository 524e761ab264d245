"""A call of the service as data, what came back, and how a verb that makes calls becomes one that asks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from functools import cache, wraps
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from spillover.model.errors import InvalidInput, shown

P = ParamSpec("P")
T = TypeVar("T")


class Call(Struct, Generic[T], frozen=True):
    """One call: `path` is the verb. `query`: it stands in the query of a GET, else it is the body of a POST.

    `again`: it is safe to be sent again, since it changes nothing or has a key. `account` and `key` are what it is
    about, for errors that tell them.
    """

    path: str
    query: str
    body: bytes | None
    reads: Callable[[bytes], T]
    again: bool
    account: str
    key: str

    @property
    def method(self) -> str:
        """GET or POST."""
        return "GET" if self.body is None else "POST"

    @property
    def target(self) -> str:
        """The path with its query, from the service's root."""
        return f"/v1/{self.path}?{self.query}" if self.query else f"/v1/{self.path}"


class Came(Struct, frozen=True):
    """What came back: the status, the body, and the headers that say something to a client ("" for none)."""

    status: int
    body: bytes
    media: str = ""
    after: str = ""
    date: str = ""
    policy: str = ""
    limits: str = ""


HEADS = ("content-type", "retry-after", "date", "ratelimit-policy", "ratelimit")
"""The headers that `Came` has, in its order."""
_encode = msgspec.json.Encoder().encode


def told(path: str, words: Mapping[str, object], reads: Callable[[bytes], T], *, again: bool, key: str = "") -> Call[T]:
    """A call that is a POST. `key`: of the hold or request, for errors. Raises InvalidInput for what is no JSON."""
    given = {name: value for name, value in words.items() if value is not None}
    return Call(path, "", _json(given), reads, again, _text(words.get("account")), key)


def asked(path: str, words: Mapping[str, object], reads: Callable[[bytes], T], *, key: str = "") -> Call[T]:
    """A call that is a GET: lists by repeating a name, maps as name[key]=value. It changes nothing."""
    pairs: list[tuple[str, str]] = []
    for name, value in words.items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}[{inner}]", str(each)) for inner, each in value.items()]
        elif isinstance(value, tuple):
            pairs += [(name, str(each)) for each in value]
        elif value is not None:
            pairs.append((name, str(value)))
    query = urlencode(pairs, quote_via=quote)
    return Call(path, query, None, reads, True, _text(words.get("account")), key)


def reader(document: type[Struct]) -> Callable[[bytes], Any]:
    """Reads a body as a document, back into its noun."""

    def read(body: bytes) -> Any:  # noqa: ANN401  # the document's noun
        return _decoder(document).decode(body).noun()

    return read


def nothing(_: bytes) -> None:
    """Reads an answer that tells nothing."""


def plainly(verb: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], T]:
    """The plain form of a verb: same words, what its call reads. Its object has `ask`."""

    @wraps(verb)
    def plain(self: Any, /, *args: P.args, **options: P.kwargs) -> T:  # noqa: ANN401  # a client, or a group of one
        found: T = self.ask(verb(*args, **options))
        return found

    return _as_method(plain, verb)


def awaited(verb: Callable[P, Call[T]]) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """The asynchronous form of a verb: same words, same results."""

    @wraps(verb)
    async def asynchronous(self: Any, /, *args: P.args, **options: P.kwargs) -> T:  # noqa: ANN401  # as above
        found: T = await self.ask(verb(*args, **options))
        return found

    return _as_method(asynchronous, verb)


F = TypeVar("F", bound=Callable[..., Any])


def _as_method(function: F, verb: Callable[..., Any]) -> F:
    """With the signature that a reader sees: a method, which answers what the call reads."""
    seen = inspect.signature(verb)
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    answer = str(seen.return_annotation).removeprefix("Call[").removesuffix("]")
    told_of = seen.replace(parameters=[me, *seen.parameters.values()], return_annotation=answer)
    setattr(function, "__signature__", told_of)  # noqa: B010  # no attribute that a type checker knows
    function.__annotations__ = {**verb.__annotations__, "return": answer}
    return function


@cache
def _decoder(document: type[Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(document)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _json(words: Mapping[str, object]) -> bytes:
    for name, value in words.items():
        try:
            _encode(value)
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError, RecursionError):
            raise InvalidInput(name, shown(value), "a value that JSON can tell") from None
    return _encode(words)

"""The doors of a wrapped client: those to a model are metered, those that are free pass, all others are refused.

What is refused is listed nowhere: a door that a later release of the client brings is shut until it is known here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spillover.integrations.openai_calls import called, called_async
from spillover.integrations.openai_terms import Terms
from spillover.model.errors import InvalidInput

FREE = frozenset({"conversations", "files", "models", "moderations", "uploads", "webhooks"})
"""Resources that run no model, or at no cost."""
RAW = frozenset({"with_raw_response", "with_streaming_response", "post", "put", "patch", "request"})
"""Doors of the client itself that lead anywhere."""
COMPLETIONS = frozenset({"retrieve", "update", "list", "delete", "messages"})
RESPONSES = frozenset({"retrieve", "delete", "cancel", "input_items", "input_tokens"})


class Door:
    """Stands for a part of the client: looks like it, and asks before anything passes."""

    _real: Any
    _terms: Terms

    def __init__(self, real: Any, terms: Terms) -> None:  # noqa: ANN401  # whatever part it is
        self.__dict__.update(_real=real, _terms=terms)

    @property  # type: ignore[misc]  # for `isinstance`, as every stand-in does
    def __class__(self) -> type:
        return type(self._real)

    def __repr__(self) -> str:
        return f"<metered {self._real!r}>"


class ClientDoor(Door):
    """The client."""

    _unmetered: frozenset[str]

    def __init__(self, real: Any, terms: Terms, unmetered: frozenset[str]) -> None:  # noqa: ANN401  # either client
        super().__init__(real, terms)
        self.__dict__["_unmetered"] = unmetered

    @property
    def chat(self) -> ChatDoor:
        """`chat.completions`, metered."""
        return ChatDoor(self._real.chat, self._terms)

    @property
    def responses(self) -> MeteredDoor:
        """`responses`, metered."""
        return MeteredDoor(self._real.responses, self._terms, "responses", RESPONSES)

    def copy(self, **options: Any) -> ClientDoor:  # noqa: ANN401  # the client's own
        """Another client with other options, metered like this one."""
        return ClientDoor(self._real.copy(**options), self._terms, self._unmetered)

    with_options = copy

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the client's own
        if name.startswith("__"):
            raise AttributeError(name)
        if name in RAW and name not in self._unmetered:
            raise _shut(name, "chat.completions.create or responses.create")
        found = getattr(self._real, name)
        is_resource = type(found).__module__.startswith("openai.resources")
        if is_resource and name not in FREE | self._unmetered:
            raise _shut(name, f"chat or responses; or wrap(..., unmetered=[{name!r}]), to let it pass free of charge")
        return found

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._real, name, value)

    def __enter__(self) -> ClientDoor:
        self._real.__enter__()
        return self

    def __exit__(self, *how: Any) -> None:  # noqa: ANN401  # kind, error, traceback
        self._real.__exit__(*how)

    async def __aenter__(self) -> ClientDoor:
        await self._real.__aenter__()
        return self

    async def __aexit__(self, *how: Any) -> None:  # noqa: ANN401  # kind, error, traceback
        await self._real.__aexit__(*how)


class ChatDoor(Door):
    """`client.chat`."""

    @property
    def completions(self) -> MeteredDoor:
        """`chat.completions`, metered."""
        return MeteredDoor(self._real.completions, self._terms, "chat.completions", COMPLETIONS)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the client's own
        if name.startswith("_"):
            raise AttributeError(name)
        raise _shut(f"chat.{name}", "chat.completions")


class MeteredDoor(Door):
    """`chat.completions` or `responses`: `create` and `parse` are metered, what looks at stored answers is free."""

    _path: str
    _free: frozenset[str]

    def __init__(self, real: Any, terms: Terms, path: str, free: frozenset[str]) -> None:  # noqa: ANN401  # as above
        super().__init__(real, terms)
        self.__dict__.update(_path=path, _free=free)

    @property
    def create(self) -> Callable[..., Any]:
        """The call, with the further keyword `spillover`."""
        return self._metered("create", streams=True)

    @property
    def parse(self) -> Callable[..., Any]:
        """The call that reads its answer into a type, with the further keyword `spillover`."""
        return self._metered("parse", streams=False)

    @property
    def with_raw_response(self) -> RawDoor:
        """The same calls, with headers; without streams."""
        return RawDoor(self._real.with_raw_response, self._terms, f"{self._path}.with_raw_response", self._free)

    def _metered(self, verb: str, *, streams: bool, reads: Callable[[Any], Any] | None = None) -> Callable[..., Any]:
        terms, real, path = self._terms, getattr(self._real, verb), f"{self._path}.{verb}"

        def metered(**options: Any) -> Any:  # noqa: ANN401  # the call's own
            if options.get("stream") and not streams:
                raise _shut(f"{path}(stream=True)", "create(stream=True)")
            usage_in_chunks = self._path == "chat.completions"
            make = called_async if terms.awaits else called
            return make(real, terms, options, usage_in_chunks=usage_in_chunks, reads=reads)

        return metered

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the client's own
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._free:
            raise _shut(f"{self._path}.{name}", "create, parse, or create(stream=True)")
        return getattr(self._real, name)


class RawDoor(MeteredDoor):
    """`with_raw_response` of either: answers with their headers."""

    @property
    def create(self) -> Callable[..., Any]:
        """See `MeteredDoor.create`."""
        return self._metered("create", streams=False, reads=_read)

    @property
    def parse(self) -> Callable[..., Any]:
        """See `MeteredDoor.parse`."""
        return self._metered("parse", streams=False, reads=_read)

    @property
    def with_raw_response(self) -> RawDoor:
        """There is none further in."""
        raise AttributeError("with_raw_response")


def _read(raw: Any) -> Any:  # noqa: ANN401  # the answer inside
    return raw.parse()


def _shut(door: str, instead: str) -> InvalidInput:
    return InvalidInput("client", f"{door}, which this wrapped client cannot meter", instead)

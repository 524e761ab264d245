"""Many requests: cut into calls that a service takes, and their answers put together again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from spillover.access.requests import Asked
from spillover.core.intake import Ask
from spillover.documents.decision import Decision as DecisionDocument
from spillover.engine.answers import Decision
from spillover.http_client.calls import Call, told
from spillover.http_client.forms import key_or_new, mode_of, request
from spillover.http_client.problems import Problem, error_of
from spillover.model.errors import InvalidInput, SpilloverError, shown

CALL_MAX = 500
"""Requests of one call: half of what a service takes, unless it was told to take fewer."""
BYTES_MAX = 900_000
"""Bytes of one call, below the mebibyte that a service takes."""
KNOWN = ("account", "feature", "usage", "key", "subject", "attributes", "mode", "at")

Answer = Decision | SpilloverError
_encode = msgspec.json.Encoder().encode


class One(Struct, frozen=True):
    """The answer to one request."""

    decision: DecisionDocument | None
    problem: Problem | None


class Answers(Struct, frozen=True):
    """One answer for each request, in their order."""

    answers: tuple[One, ...]


_decode = msgspec.json.Decoder(Answers).decode


class Many:
    """The requests of one `consume_many`, and their answers as they come."""

    def __init__(self, requests: Sequence[Asked]) -> None:
        given: object = requests
        if not isinstance(given, Iterable) or isinstance(given, str | bytes | bytearray | Mapping):
            raise InvalidInput("requests", shown(requests), "a list of requests")
        self._asked = [_words(one) for one in requests]
        self._good = [one for one in self._asked if not isinstance(one, SpilloverError)]
        self._found: list[Answer] = []

    def calls(self) -> Iterator[Call[list[Answer]]]:
        """The calls to be made, one after the other."""
        group: list[dict[str, Any]] = []
        size = 0
        for words in self._good:
            long = len(_encode(words)) + 1
            if group and (len(group) >= CALL_MAX or size + long > BYTES_MAX):
                yield _call(group)
                group, size = [], 0
            group.append(words)
            size += long
        if group:
            yield _call(group)

    def take(self, found: list[Answer]) -> None:
        """The answers to one call."""
        self._found += found

    def fail(self, error: SpilloverError) -> None:
        """A call failed: its error answers its requests and all after; of the first call it is raised."""
        if not self._found:
            raise error
        self._found += [error] * (len(self._good) - len(self._found))

    def answers(self) -> list[Answer]:
        """One for each request, in their order."""
        found = iter(self._found)
        return [one if isinstance(one, SpilloverError) else next(found) for one in self._asked]


def _call(group: list[dict[str, Any]]) -> Call[list[Answer]]:
    def read(body: bytes) -> list[Answer]:
        return [_answer(one, words) for one, words in zip(_decode(body).answers, group, strict=True)]

    return told("consume-many", {"requests": group}, read, again=True)


def _answer(one: One, words: dict[str, Any]) -> Answer:
    if one.decision is not None:
        return one.decision.noun()
    if one.problem is None:
        raise ValueError("neither a decision nor a problem")
    return error_of(one.problem, words["account"], words["key"])


def _words(asked: object) -> dict[str, Any] | SpilloverError:
    """One request, checked as far as that goes here, or the error that it is."""
    if isinstance(asked, Ask):
        asked = _told(asked)
    if not isinstance(asked, Mapping):
        return InvalidInput("request", shown(asked), "a mapping with account, feature, usage and key")
    for name in asked:
        if name not in KNOWN:
            return InvalidInput("request", repr(name), f"only {', '.join(KNOWN)}")
    for name in ("account", "feature"):
        if name not in asked:
            return InvalidInput(name, "nothing", "a name")
    others = (asked.get(name) for name in ("usage", "subject", "attributes", "at"))
    try:
        words = request(asked["account"], asked["feature"], *others)
        words |= {"mode": mode_of(asked.get("mode", "exact")), "key": key_or_new(asked.get("key"))}
    except SpilloverError as error:
        return error
    return {name: value for name, value in words.items() if value is not None}


def _told(ask: Ask) -> dict[str, Any]:
    """A checked request in the words of `consume`."""
    return {
        "account": ask.account, "feature": ask.feature, "usage": ask.usage, "key": ask.key, "mode": ask.mode,
        "subject": ask.subject or None, "attributes": ask.attributes, "at": ask.at,
    }  # fmt: skip

"""One call with odd values, judged: taken with a meaning that reads back equal, or refused before any write."""

from __future__ import annotations

import contextlib
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from spillover.access.plain import Access
from spillover.model.errors import (
    BoundExceeded,
    HoldEnded,
    InvalidInput,
    KeyReused,
    NotSettled,
    PolicyError,
    SpilloverError,
    UnknownName,
    shown,
)
from tests.fuzz.odd import plain
from tests.fuzz.traces import Trace
from tests.fuzz.verbs import BY_NAME, Arguments, Verb, World, names

REFUSED = (InvalidInput, BoundExceeded, KeyReused, HoldEnded, NotSettled, PolicyError)
"""What the verbs say they raise for what they are given."""
SAID_MAX = 2_000


class Unjust(AssertionError):
    """A call that was neither taken nor refused as it ought to be."""


class Judge:
    """Calls verbs of one engine, and sees whether anything was written."""

    def __init__(self, access: Access, trace: Trace) -> None:
        self.world, self.trace = World(access), trace
        self._good: dict[tuple[str, str], tuple[str, Arguments]] = {}
        self.taken = self.refused = 0

    def call(self, name: str, odd: Arguments, ground: str = "") -> bool:
        """Call a verb with good arguments, but for these; whether it took them. Raises Unjust."""
        verb = BY_NAME[name]
        account, good = self._good.get((name, ground)) or self._prepared(verb, ground)
        given, before = good | odd, self.trace()
        try:
            answer = _answer(verb, verb.of(self.world.access)(**given))
        except Exception as error:
            self.refused += 1
            self._require_refusal(verb, odd, error)
            if self.trace() != before:
                raise Unjust(f"{_said(verb, odd)}: refused ({error}), and something was written") from error
            return False
        self.taken += 1
        if verb.reads and self.trace() != before:
            raise Unjust(f"{_said(verb, odd)}: a question has written something")
        if not verb.reads:
            self._require_meaning(verb, odd, given, answer)
        if not verb.reads:
            self._good.pop((name, ground))
            if verb.name != "holds.commit":  # it may have cost all that the account had
                self._good[name, ground] = account, verb.good(self.world, account)
        return True

    def _prepared(self, verb: Verb, ground: str) -> tuple[str, Arguments]:
        account = self.world.account()
        self._good[verb.name, ground] = found = account, verb.good(self.world, account)
        return found

    def _require_refusal(self, verb: Verb, odd: Arguments, error: Exception) -> None:
        if not isinstance(error, REFUSED):
            raise Unjust(f"{_said(verb, odd)}: raised {type(error).__name__}: {shown(error)[:300]}") from error
        text = str(error)
        if not text.isprintable() or len(text) > SAID_MAX:
            raise Unjust(f"{_said(verb, odd)}: said {shown(text)[:300]}, expected one short line") from error
        fields = list(odd)
        if "account" in odd and isinstance(error, UnknownName):
            return  # it may be another account's name by now, which has no such lot or hold
        if isinstance(error, InvalidInput) and not any(names(error, one) for one in fields):
            raise Unjust(f"{_said(verb, odd)}: named {error.field}: {text[:300]}") from error

    def _require_meaning(self, verb: Verb, odd: Arguments, given: Arguments, answer: Any) -> None:
        meant, middle = plain(given), self.trace()
        try:
            if verb.means is not None:
                verb.means(self.world, meant, answer)
            if not verb.again or given.get("key", "") is None or not getattr(answer, "allowed", True):
                return  # a key is made for each, and a denial is decided afresh
            again = _answer(verb, verb.of(self.world.access)(**meant))
        except Exception as error:
            raise Unjust(f"{_said(verb, odd)}: taken, and does not read back: {shown(error)[:300]}") from error
        if _first(again) != _first(answer):
            raise Unjust(f"{_said(verb, odd)}: answered {answer}, and to its plain meaning {again}")
        if self.trace() != middle:
            raise Unjust(f"{_said(verb, odd)}: taken once more it wrote again")


def _answer(verb: Verb, found: Any) -> Any:
    if verb.name == "consume_many":
        for one in found:
            if isinstance(one, SpilloverError):
                raise one
        return found[0] if found else None
    return found


def _first(answer: Any) -> Any:
    """Without whether it was given before."""
    if not isinstance(answer, Struct):
        return answer
    return {name: repr(value) for name, value in asdict(answer).items() if name not in ("replayed", "new", "sequence")}


def _said(verb: Verb, odd: Arguments) -> str:
    with contextlib.suppress(Exception):
        return f"{verb.name}({', '.join(f'{name}={shown(value)[:80]}' for name, value in odd.items())})"
    return verb.name

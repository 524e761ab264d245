"""What is answered in the service's place: from what is known here, or admitted and written down first.

For one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from msgspec.structs import replace

from spillover.core.decide import TOLERANCE
from spillover.engine.answers import Decision, Ending
from spillover.engine.journal import Admitted
from spillover.http_client.calls import Call
from spillover.http_client.entries import (
    REQUESTS,
    Words,
    decision_of,
    end_of,
    ending_of,
    entry_of,
    hold_of,
    is_same,
    opened_of,
    words_of,
)
from spillover.http_client.keeping import Keeping
from spillover.http_client.memory import Memory
from spillover.http_client.notes import Held
from spillover.http_client.settled import Settled
from spillover.model.errors import HoldEnded, KeyReused, SpilloverError, StoreUnavailable
from spillover.model.policy import Feature


class Admitting:
    """Answers calls. `most` says of a feature how many units an account is admitted; None: closed."""

    def __init__(
        self, keeping: Keeping, memory: Memory, settled: Settled, most: Callable[[str], int], now: Callable[[], int]
    ) -> None:
        self._keeping, self._memory, self._settled = keeping, memory, settled
        self._most, self._now = most, now

    # What is known here already.

    def known(self, call: Call[Any]) -> Any:  # noqa: ANN401  # what the call reads
        """The answer of then: to what waits, what was recorded, and what is of a hold that was opened here.

        None where nothing is. Raises KeyReused, HoldEnded, StoreUnavailable for an extension without room.
        """
        words = words_of(call)
        if call.path in ("consume", "record"):
            return self.known_request(words)
        held = self._keeping.held.get((call.account, call.key))
        match call.path:
            case "holds/open" if held is not None:
                asked = hold_of(words, None, held.at, held.sent)
                if not is_same(held, asked, None):
                    raise KeyReused(held.account, held.key)
                return decision_of(held, self._memory.feature(held.feature), True)
            case "holds/open":
                self._require_new((call.account, call.key), self._keeping.find((call.account, call.key)))
            case "opened" if held is not None:
                return opened_of(held)
            case "holds/extend" if held is not None:
                return self._extended(held, words)
            case "holds/commit" | "holds/release":
                return self._known_end(call, words, held)
            case _:
                pass
        return None

    def known_request(self, words: Words) -> Decision | None:
        """The answer of then to one request. Raises KeyReused."""
        whose, known = (words["account"], words["key"]), self._memory.feature(words["feature"])
        if whose in self._settled:
            return self._settled.request(entry_of(words, known, 0, ""), known)
        entry = self._keeping.find(whose)
        if whose in self._keeping.held:
            raise KeyReused(*whose)
        if entry is None:
            return None
        if not is_same(entry, entry_of(words, known, entry.at, ""), known):
            raise KeyReused(*whose)
        return decision_of(entry, known, True)

    def _require_new(self, whose: tuple[str, str], entry: Admitted | None) -> None:
        """Raises what the service would say of a hold that is opened under the key of this."""
        if entry is not None:
            raise KeyReused(*whose) if entry.mode in REQUESTS else HoldEnded(*whose, "ended")

    def _known_end(self, call: Call[Any], words: Words, held: Held | None) -> Ending | None:
        whose, verb = (call.account, call.key), call.path.removeprefix("holds/")
        entry = self._settled.entry(whose) or self._keeping.find(whose)
        if entry is not None and entry.mode not in REQUESTS:
            known = self._memory.feature(entry.feature)
            if words.get("usage") is None and verb == "commit":  # of all that was held, as it was then
                words["usage"] = entry.usage
            asked = replace(end_of(verb, words, None, known, 0, ""), feature=entry.feature, subject=entry.subject)
            asked = replace(asked, attributes=entry.attributes)
            if whose in self._settled:
                return self._settled.end(asked, known)
            if not is_same(entry, asked, known):
                raise KeyReused(*whose)
            return ending_of(entry, known, True)
        if held is None:
            return None
        known = self._memory.feature(held.feature)
        return self._ended(end_of(verb, words, held, known, self._now(), "", own=True), held)

    # What is admitted.

    def taken(
        self, call: Call[Any], why: str, *, bounded: bool, asked: bool, error: SpilloverError | None = None
    ) -> Any:  # noqa: ANN401  # what the call reads
        """Admit it, written down first; None where it is not. `why`: words for who is told, "" in an outage.

        `asked`: the service was, and perhaps did it; `error` is what came of it.
        """
        words, whose = words_of(call), (call.account, call.key)
        match call.path:
            case "consume" | "record":
                return self.request(words, why, bounded=bounded)
            case "consume-many":
                return self._many(words["requests"], why, bounded, error)
            case "holds/open":
                return self._open(words, why, bounded, asked)
            case "opened":
                seen = self._memory.seen(whose)
                return opened_of(seen) if seen else None
            case "holds/extend" if not bounded:
                seen = self._memory.seen(whose)
                return decision_of(seen, self._memory.feature(seen.feature), False, why) if seen else None
            case "holds/commit" | "holds/release":
                seen = self._memory.seen(whose)
                known = self._memory.feature(seen.feature) if seen else None
                entry = end_of(call.path.removeprefix("holds/"), words, seen, known, self._now(), why or "outage")
                return self._ended(entry, None, why)
            case _:
                return None

    def request(self, words: Words, why: str, *, bounded: bool) -> Decision | None:
        """One request, admitted; None where it is not. Usage that has happened already always is."""
        now, known = self._now(), self._memory.feature(words["feature"])
        entry = entry_of(words, known, now, why or "outage")
        happened = entry.mode == "record"
        if not happened and not self._is_open(entry.account, entry.feature, entry.asked_at, now):
            return None
        most = self._most(entry.feature) if bounded and not happened else None
        return decision_of(entry, known, False, why) if self._keeping.admit(entry, most) else None

    def _many(
        self, group: Sequence[Words], why: str, bounded: bool, error: SpilloverError | None
    ) -> list[Decision | SpilloverError] | None:
        """One answer for each, or None where none, or (while nobody was asked) not all are admitted."""
        found: list[Decision | SpilloverError | None] = []
        for words in group:
            try:
                found.append(self.known_request(words) or self.request(words, why, bounded=bounded))
            except KeyReused as reused:
                found.append(reused)
        if not any(isinstance(one, Decision) for one in found) or (error is None and None in found):
            return None
        return [cast(SpilloverError, error) if one is None else one for one in found]

    def _open(self, words: Words, why: str, bounded: bool, asked: bool) -> Decision | None:
        now, known = self._now(), self._memory.feature(words["feature"])
        held = hold_of(words, known, now, asked)
        self._require_new((held.account, held.key), self._settled.entry((held.account, held.key)))
        if not self._is_open(held.account, held.feature, words.get("at"), now):
            return None
        most = self._most(held.feature) if bounded else None
        return decision_of(held, known, False, why) if self._keeping.hold(held, most) else None

    def _extended(self, held: Held, words: Words) -> Decision:
        """A hold that was opened here, on a larger estimate. Raises StoreUnavailable where there is no room for it."""
        known = self._memory.feature(held.feature)
        wanted = hold_of(words | {"feature": held.feature, "mode": "exact"}, known, self._now(), held.sent)
        usage, units = (
            (held.usage, held.units) if words.get("estimate") is None else (wanted.usage, max(wanted.units, held.units))
        )
        more = replace(held, usage=usage, units=units, due=max(held.due, wanted.due))
        most = None if self._keeping.why_open() else self._most(held.feature)
        if not self._keeping.extend(held, more, most):
            text = f"hold {held.key!r}: found no room for more while the service was unreachable, expected less"
            raise StoreUnavailable(f"{text}; what is used beyond it is recorded at its end")
        return decision_of(more, known, False)

    def _ended(self, entry: Admitted, held: Held | None, why: str = "") -> Ending | None:
        """The end of a hold, written down; of one that was opened here alone, a release leaves nothing."""
        known: Feature | None = self._memory.feature(entry.feature)
        leaves = held is None or held.sent or entry.mode in ("commit", "estimate")
        counted = entry.units if held and held.units else 0  # what was used of the bound, not what was held
        if leaves and not self._keeping.admit(entry, None, counted):
            return None
        if held is not None:
            self._keeping.unhold(held)
        return ending_of(entry, known, False, why)

    def _is_open(self, account: str, feature: str, at: int | None, now: int) -> bool:
        """Whether a request may be admitted at all: what the service would refuse unasked is not."""
        if at is not None and abs(at - now) > TOLERANCE:
            return False  # it may be too late, or too early, which only the service can tell
        return not self._memory.is_shut(account, feature)

"""What was recorded after an outage, so that whoever sends it again is told how it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from spillover.engine.answers import Decision, Ending
from spillover.engine.journal import Admitted
from spillover.http_client.entries import ending_of, is_same
from spillover.model.errors import HoldEnded, KeyReused
from spillover.model.policy import Feature

SETTLED_MAX = 10_000


class Settled:
    """Changed by one thread at a time; whether a key is in it may be asked by any."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], tuple[Admitted, Any]] = {}

    def __contains__(self, whose: object) -> bool:
        return whose in self._entries

    def put(self, done: Sequence[tuple[Admitted, Any]]) -> None:
        """Entries that were recorded, with what the service answered."""
        for entry, answer in done:
            again = replace(answer, replayed=True) if isinstance(answer, Decision | Ending) else answer
            self._entries[entry.account, entry.key] = entry, again
            if len(self._entries) > SETTLED_MAX:
                del self._entries[next(iter(self._entries))]

    def entry(self, whose: tuple[str, str]) -> Admitted | None:
        """What was recorded under (account, key)."""
        found = self._entries.get(whose)
        return found[0] if found else None

    def request(self, asked: Admitted, known: Feature | None) -> Decision:
        """The answer to a request under a key that is in it. Raises KeyReused."""
        entry, answer = self._entries[asked.account, asked.key]
        if not isinstance(answer, Decision) or not is_same(entry, asked, known):
            raise KeyReused(asked.account, asked.key)
        return answer

    def end(self, asked: Admitted, known: Feature | None) -> Ending:
        """The answer to the end of a hold. Raises HoldEnded."""
        entry, answer = self._entries[asked.account, asked.key]
        if not is_same(entry, asked, known):
            how = "committed" if ending_of(entry, known, True).kind == "commit" else "released"
            raise HoldEnded(asked.account, asked.key, how)
        return answer if isinstance(answer, Ending) else ending_of(entry, known, True)

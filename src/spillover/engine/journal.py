"""What the engine needs of a journal: where requests stand that were admitted while the store could not be reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from spillover.model.request import Mode


class Admitted(Struct, frozen=True):
    """A request that was admitted and is not recorded yet, with names as people write them.

    `at`: its instant (ms), `asked_at` the one that the caller gave, None for none. `units`: micro-credits where the
    feature is counted by cost. `policy`: the hash of the one that admitted it. `mark`: what makes two requests under
    one key the same. `number`: its place in the journal, 0 before it has one.
    """

    account: str
    key: str
    feature: str
    usage: dict[str, int]
    subject: str
    attributes: dict[str, str]
    mode: Mode
    at: int
    asked_at: int | None
    units: int
    policy: str
    mark: str
    number: int = 0


class Kept(Struct, frozen=True):
    """An entry as it stands in the journal; `fresh`: it was written just now, not before under the same key."""

    entry: Admitted
    fresh: bool


class Refused(Struct, frozen=True):
    """An entry that could not be recorded, and why. It is kept until somebody forgets it."""

    entry: Admitted
    reason: str


class Journal(Protocol):
    """A bounded list on disk, which several processes may share. For any number of threads.

    Every verb raises StoreError where the journal itself cannot serve.
    """

    def admit(self, wanted: Sequence[tuple[Admitted, int | None]]) -> list[Kept | None]:
        """Write each entry, synced when this returns; None for one that finds no room.

        With each goes the most units that may be admitted for its account and feature until none of theirs waits; None
        where only the number of rows bounds it. A key that waits already is answered with its entry of then.
        """
        ...

    def find(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Admitted]:
        """The entries that wait under these (account, key)."""
        ...

    def has_changed(self) -> bool:
        """Whether somebody else has written since this was asked last. Costs a few microseconds."""
        ...

    def waiting(self, limit: int, after: int = 0) -> list[Admitted]:
        """The oldest entries with a number above `after`."""
        ...

    def end(self, recorded: Sequence[Admitted], refused: Sequence[Refused] = ()) -> None:
        """These wait no more: they are recorded, or kept as refused. Safe to repeat."""
        ...

    def refused(self, limit: int, after: int = 0) -> list[Refused]:
        """The oldest refused entries with a number above `after`."""
        ...

    def forget(self, refused: Sequence[Refused]) -> None:
        """Drop refused entries that somebody has looked at."""
        ...

    def close(self) -> None:
        """Give back every handle. Safe to repeat."""
        ...

"""A bed for each test, and further ones that it makes, closed at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from spillover.model.errors import SpilloverError
from tests.outage.bed import Bed


@pytest.fixture
def beds(tmp_path: Path) -> Iterator[Callable[..., Bed]]:
    """Makes engines over the same file and, unless told otherwise, the same journal."""
    made: list[Bed] = []

    def make(**options: Any) -> Bed:
        made.append(Bed(tmp_path, **options))
        return made[-1]

    yield make
    for bed in made:
        with suppress(SpilloverError):
            bed.close()


@pytest.fixture
def bed(beds: Callable[..., Bed]) -> Bed:
    """An engine that knows the account acme, under plus."""
    made = beds()
    made.put()
    made.see()
    return made

"""A ledger for each test: in memory, or in a file where files matter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.support import Books


@pytest.fixture
def books() -> Iterator[Books]:
    kept = Books()
    yield kept
    kept.close()


@pytest.fixture
def filed(tmp_path: Path) -> Iterator[Books]:
    kept = Books(tmp_path / "books.db")
    yield kept
    kept.close()

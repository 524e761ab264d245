"""Books for each test, in SQLite and in PostgreSQL: what the ledger promises, it promises in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger.grounds import KINDS, Ground
from tests.ledger.support import Books

SPREAD = 5
"""Of a test's cases, each so many-th runs on PostgreSQL in the quick suite; all of them in the long one."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is decided above the database runs in SQLite with every case: there a test takes a tenth of the time."""
    seen: Counter[str] = Counter()
    for item in items:
        case = getattr(item, "callspec", None)
        if case is not None and "postgres" in case.params.values() and Path(__file__).parent in item.path.parents:
            name = f"{item.path}::{getattr(item, 'originalname', '')}"
            if seen[name] % SPREAD:
                item.add_marker(pytest.mark.soak)
            seen[name] += 1


@pytest.fixture(params=KINDS)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    """Where books lie. A test of one of them parametrises it by name, indirectly."""
    with KINDS[request.param](request.getfixturevalue) as opened:
        yield opened


@pytest.fixture
def books(ground: Ground) -> Books:
    """Empty books, in memory where there is such a thing."""
    return ground.books()


@pytest.fixture
def filed(ground: Ground) -> Books:
    """Empty books that others may open too, and that somebody may meddle with."""
    return ground.filed()

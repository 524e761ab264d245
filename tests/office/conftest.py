"""An office for each test, in SQLite and in PostgreSQL: what it promises, it promises in both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spillover.ports.office import Office
from tests.office.support import office_at, run
from tests.servers import Databases, optional

SERVERS = ["postgres_server", *(["postgres15_server"] if "postgres15" in optional() else [])]


def _made(url: str) -> None:
    run(office_at(url).close())


def _fresh(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """Nothing is there yet, unless a test asks for the office besides: then it may be a copy of an empty one."""
    if kind in ("memory", "sqlite"):
        yield "memory://" if kind == "memory" else f"sqlite:///{folder / 'books.db'}"
        return
    server: Databases = request.getfixturevalue(kind)
    url = server.new_database(_made if {"office", "shared"} & set(request.fixturenames) else None)
    yield url
    server.drop_database(url)


@pytest.fixture(params=["sqlite", *SERVERS])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an office may be that several programs open."""
    yield from _fresh(request.param, request, tmp_path)


@pytest.fixture
def shared(url: str) -> Iterator[Office]:
    """The office there."""
    yield from _opened(url)


@pytest.fixture(params=["memory", "sqlite", *SERVERS])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """An empty one, wherever an office may be."""
    for url in _fresh(request.param, request, tmp_path):
        yield from _opened(url)


def _opened(url: str) -> Iterator[Office]:
    opened: Any = office_at(url)
    yield opened
    run(opened.close())

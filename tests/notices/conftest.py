"""Books that are watched."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Databases


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Books for all tests of a module, on each rung: a test makes accounts of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('books') / 'books.db'}"
        return
    server: Databases = request.getfixturevalue("postgres_server")
    address = server.new_database()
    yield address
    server.drop_database(address)

"""Books to play with: made once by the real engine, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.audit.stories import make_shop
from tests.audit.studio import make_studio


@pytest.fixture(scope="session")
def shop_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shop(tmp_path_factory.mktemp("shop") / "shop.db")


@pytest.fixture
def shop(shop_made: Path, tmp_path: Path) -> Path:
    """A copy of a small shop's books, quiet and honest, see stories.py."""
    return Path(shutil.copy(shop_made, tmp_path / "shop.db"))


@pytest.fixture(scope="session")
def studio_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_studio(tmp_path_factory.mktemp("studio") / "studio.db")


@pytest.fixture
def studio(studio_made: Path, tmp_path: Path) -> Path:
    """A copy of a studio's books, quiet and honest, with a hold that is open, see studio.py."""
    return Path(shutil.copy(studio_made, tmp_path / "studio.db"))

"""Worlds are played once; each test looks at all that was said in them."""

import pytest

from tests.documents.playing import Written, played

SEEDS = (1, 2, 4, 5, 6)
DECISIONS = 800


@pytest.fixture(scope="session")
def written() -> list[Written]:
    return [one for seed in SEEDS for one in played(seed, DECISIONS)]

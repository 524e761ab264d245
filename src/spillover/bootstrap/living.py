"""A settler that tells when every account of its books was moved away: there is nothing for it to do, for good."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spillover.bootstrap.working import Each, Working
from spillover.engine.settlement import Progress
from spillover.model.errors import StoreUnavailable

LOOK_SECONDS = 10.0
"""How often one that has nothing to do asks whether the accounts live here still."""


class LivingWorking(Working):
    """`Working` that asks `moved` now and then, while it has nothing to do: where all accounts live that were moved
    away, else ""."""

    def __init__(self, *ports: Any, moved: Callable[[], str], **options: Any) -> None:  # noqa: ANN401  # of `Working`
        super().__init__(*ports, **options)
        self._moved, self._looking, self._target = moved, Each(LOOK_SECONDS), ""

    def step(self) -> Progress:
        """As there. Raises StoreUnavailable, with where they live, while all accounts live elsewhere."""
        done = super().step()
        if not done.done and self._looking():
            self._target = self._moved()
        if not done.done and self._target:
            raise StoreUnavailable(
                f"found that these books were moved to {self._target}, expected accounts that live here; settle there"
            )
        return done

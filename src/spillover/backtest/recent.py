"""Which attribute values were used lately, so that a policy's prices can be checked against them."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from spillover.backtest.recorded import records
from spillover.model.policy import Policy
from spillover.policy import Coverage, price_coverage


class Recent(Struct, frozen=True):
    """What a policy's prices leave open of the usage that a database has booked since an instant (ms since 1970)."""

    since: int
    requests: int
    coverage: Coverage


def check_recent(policy: Policy, database: str, since: int) -> Recent:
    """Hold a policy against the usage that a file, or a PostgreSQL database, has booked since then, reading only.

    Raises StoreError.
    """
    used: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    with records(database) as source:
        for _, event in source.events(since):
            if event.kind in ("usage", "commit"):
                used[event.feature, tuple(sorted(event.attributes.items()))] += 1
    coverage = price_coverage(policy, ((feature, dict(labels), count) for (feature, labels), count in used.items()))
    return Recent(since, used.total(), coverage)

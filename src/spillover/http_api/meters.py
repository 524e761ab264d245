"""What the service counts: plain numbers, which a collector turns into Prometheus' text when it is asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from spillover.engine.answers import Decision
from spillover.engine.items import Answer

if TYPE_CHECKING:
    from prometheus_client.core import Metric

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Histogram:
    """How many values lie below each bound, and their sum."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds, self.counts, self.sum = bounds, [0] * (len(bounds) + 1), 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """The counts up to each bound, as Prometheus wants them."""
        total, found = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            found.append(("+Inf" if bound == float("inf") else str(bound), float(total)))
        return found


class Meters:
    """Counted by the loop's thread, but `batches` and `decisions` by the deciding one."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, Histogram] = {}
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.batches = Histogram(SIZES)
        self.deciding = Histogram(SECONDS)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests[path, status] += 1
        timed = self.seconds.get(path)
        if timed is None:
            timed = self.seconds[path] = Histogram(SECONDS)
        timed.add(seconds)

    def decided(self, answers: Sequence[Answer], seconds: float) -> None:
        """A batch was decided."""
        self.batches.add(len(answers))
        self.deciding.add(seconds)
        for answer in answers:
            if not isinstance(answer, Decision):
                continue
            if answer.denial is not None:
                self.decisions["denied", answer.denial.blockers[-1].kind] += 1
            elif answer.replayed:
                self.decisions["replayed", ""] += 1
            else:
                for leg in answer.legs:
                    self.decisions["allowed", leg.layer] += 1
                if not answer.legs:
                    self.decisions["allowed", "overshoot" if answer.overshoot else ""] += 1


class Collector:
    """Gives the meters to a registry of prometheus_client. `waiting`, `lag`: entries to be booked, and the oldest's age
    in seconds; None where the store does not tell."""

    def __init__(self, meters: Meters, waiting: int | None, lag: float | None, trouble: bool) -> None:
        self._meters, self._waiting, self._lag, self._trouble = meters, waiting, lag, trouble

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        meters = self._meters
        requests = CounterMetricFamily("spillover_requests", "Requests answered.", labels=("endpoint", "status"))
        for (path, status), count in list(meters.requests.items()):
            requests.add_metric((path, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily(
            "spillover_request_seconds", "From the request to its answer.", labels=("endpoint",)
        )
        for path, timed in list(meters.seconds.items()):
            seconds.add_metric((path,), timed.buckets(), timed.sum)
        yield seconds
        decisions = CounterMetricFamily(
            "spillover_decisions", "Decisions: allowed by the layer that paid, denied by what blocked.",
            labels=("outcome", "layer"),
        )  # fmt: skip
        for (outcome, layer), count in list(meters.decisions.items()):
            decisions.add_metric((outcome, layer), count)
        yield decisions
        for name, told, what in (
            ("spillover_batch_size", meters.batches, "Requests that shared a commit."),
            ("spillover_batch_seconds", meters.deciding, "From the start of a batch to its commit."),
        ):
            yield HistogramMetricFamily(name, what, buckets=told.buckets(), sum_value=told.sum)
        if self._waiting is not None:
            yield GaugeMetricFamily("spillover_unsettled_events", "Events that wait to be booked.", self._waiting)
        if self._lag is not None:
            yield GaugeMetricFamily("spillover_settlement_lag_seconds", "Age of the oldest of them.", self._lag)
        yield GaugeMetricFamily(
            "spillover_settlement_trouble", "1 where settlement failed and is tried again.", int(self._trouble)
        )


def exposition(collector: Collector) -> bytes:
    """The text that Prometheus reads."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)

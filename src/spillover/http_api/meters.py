"""What the service counts: plain numbers, which a collector turns into Prometheus' text when it is asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from spillover.documents.notices import NoticesStanding
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
    """Counted by the loop's thread, but `batches` and `decisions` by the deciding one, webhooks' `tries` by theirs."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.seconds: dict[str, Histogram] = {}
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.batches = Histogram(SIZES)
        self.deciding = Histogram(SECONDS)
        self.tries: Counter[str] = Counter()

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


class Now(NamedTuple):
    """What is looked up when it is asked for. `waiting`, `lag`: entries to be booked, and the oldest's age in seconds;
    None where the store does not tell. `audited`: when the last audit by this service ended (ms), None for none yet,
    and `found`, how many findings it had. `notices`: how webhooks stand, and the age in seconds of the message that is
    due the longest; None where the office does not tell."""

    waiting: int | None
    lag: float | None
    trouble: bool
    conflicts: int = 0
    audited: int | None = None
    found: int = 0
    notices: tuple[NoticesStanding, float] | None = None


class Collector:
    """Gives the meters to a registry of prometheus_client."""

    def __init__(self, meters: Meters, now: Now) -> None:
        self._meters, self._now = meters, now

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

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
        yield from self._looked_up()

    def _looked_up(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        now = self._now
        yield CounterMetricFamily(
            "spillover_conflicts", "Decided again, as another had changed the account meanwhile.", now.conflicts
        )
        if now.waiting is not None:
            yield GaugeMetricFamily("spillover_unsettled_events", "Events that wait to be booked.", now.waiting)
        if now.lag is not None:
            yield GaugeMetricFamily("spillover_settlement_lag_seconds", "Age of the oldest of them.", now.lag)
        yield GaugeMetricFamily(
            "spillover_settlement_trouble", "1 where settlement failed and is tried again.", int(now.trouble)
        )
        yield from self._told_to_others()
        if now.audited is None:
            return
        yield GaugeMetricFamily("spillover_audit_seconds", "When the last audit ended, since 1970.", now.audited / 1000)
        yield GaugeMetricFamily("spillover_audit_findings", "How many findings it had.", now.found)

    def _told_to_others(self) -> Iterator[Metric]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        tries = CounterMetricFamily(
            "spillover_webhook_tries", "Tries of this process to send a message, by what became of it.",
            labels=("outcome",),
        )  # fmt: skip
        for outcome, count in list(self._meters.tries.items()):
            tries.add_metric((outcome,), count)
        yield tries
        if self._now.notices is None:
            return
        standing, age = self._now.notices
        for name, what, value in (
            ("waiting", "Messages that wait for an endpoint that is not paused.", standing.waiting),
            ("oldest_due_seconds", "For how long the oldest of them is due; much of it: no worker runs.", age),
            ("endpoints_paused", "Endpoints that are sent nothing until they are resumed.", len(standing.paused)),
            ("endpoints_failing", "Endpoints whose last try failed.", len(standing.failing)),
        ):
            yield GaugeMetricFamily(f"spillover_webhook_{name}", what, value)


def exposition(collector: Collector) -> bytes:
    """The text that Prometheus reads."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)

"""From the stream into the books, and the books audited."""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from pathlib import Path
from time import perf_counter

import apsw

import spillover
from benchmarks.bare import Recording, describe, replay
from benchmarks.figures import Aim, Figure, Group, in_turn
from benchmarks.scenario import Files, policy, requests, require_allowed
from benchmarks.settings import Settings
from spillover.audit import audit


class Books:
    """A file with so many decisions in its stream, and the same file settled; each made when first asked for."""

    def __init__(self, files: Files, events: int) -> None:
        self.files, self.events = files, events
        self._decided: Path | None = None
        self._settled: Path | None = None

    def decided(self) -> Path:
        """The events wait in the stream."""
        if self._decided is None:
            path = self.files.copy()
            self.fill(path)
            self._decided = path
        return self._decided

    def fill(self, path: Path) -> None:
        """Decide what is to be settled."""
        asked = [request.words() for request in requests(self.events, self.files.accounts, seed=4)]
        with spillover.connect(f"sqlite:///{path}", policy=policy(), durability="fast", settle=False) as access:
            require_allowed(access.consume_many(asked))

    def settled(self) -> Path:
        """They are in the books."""
        if self._settled is None:
            path = self.files.copy(self.decided())
            with _connect(path) as access:
                access.settle()
            self._settled = path
        return self._settled


def measure_settlement(settings: Settings, books: Books) -> Group:
    """`access.settle()` over the whole stream, beside the bare transactions of the rows that it writes."""
    figure, written = settled_figure(settings, books, "events settled")
    about = f"Each step books a part of the stream, then acknowledges it, both durably. Bare: {written}."
    return Group("settlement", [figure], about)


def settled_figure(settings: Settings, books: Books, name: str) -> tuple[Figure, str]:
    """Events settled per second, and what the bare transactions write."""
    recording = _record(books)
    found = in_turn(settings.rounds, {"settle": lambda: _settle(books), "bare": lambda: _bare(books, recording)})
    aims = (Aim("value", 15_000, "at least"),)
    figure = Figure(name, "/s", found["settle"], "bare transactions", found["bare"], aims)
    return figure, describe(recording.transactions, books.events, "event")


def measure_audit(settings: Settings, books: Books) -> Group:
    """The audit of a settled file, beside reading its usage events and hashing each once."""
    path = books.settled()
    events = audit(path).events

    def audited(processes: int | None) -> float:
        begun = perf_counter()
        report = audit(path, processes=processes)
        elapsed = perf_counter() - begun
        if not report.ok:
            raise RuntimeError(f"the benchmark expects sound books, found {report.findings[0]}")
        return events / elapsed

    found = in_turn(settings.rounds, {
        "as it is": lambda: audited(None),
        "one process": lambda: audited(1),
        "bare": lambda: _hashed(path, events),
    })  # fmt: skip
    aims = (Aim("value", 100_000, "at least"),)
    beside = "events read and hashed"
    figures = [
        Figure("events audited, processes by default", "/s", found["as it is"], beside, found["bare"], aims),
        Figure("events audited, one process", "/s", found["one process"], beside, found["bare"]),
    ]
    about = f"All that the audit checks, over {events:,} events from the first row; beside it: one SHA-256 of each."
    return Group("audit", figures, about)


def _connect(path: Path) -> spillover.Access:
    return spillover.connect(f"sqlite:///{path}", policy=policy(), settle=False)


def _settle(books: Books, watch: Recording | None = None) -> float:
    path = books.files.copy(books.decided())
    with watch or nullcontext(), _connect(path) as access:
        if watch:
            watch.mark()
        begun = perf_counter()
        progress = access.settle()
        elapsed = perf_counter() - begun
    books.files.remove(path)
    if progress.done != books.events or progress.quarantined:
        raise RuntimeError(f"the benchmark expects {books.events} events booked, found {progress}")
    return books.events / elapsed


def _record(books: Books) -> Recording:
    recording = Recording()
    _settle(books, recording)
    return recording


def _bare(books: Books, recording: Recording) -> float:
    path = books.files.copy(books.decided())
    took = sum(replay(path, recording, "strict")[0])
    books.files.remove(path)
    return books.events / took * 1e6


def _hashed(path: Path, events: int) -> float:
    begun = perf_counter()
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    for (payload,) in connection.execute("SELECT payload FROM usage_events ORDER BY account, epoch, sequence"):
        hashlib.sha256(payload).digest()
    connection.close()
    return events / (perf_counter() - begun)

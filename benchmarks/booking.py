"""Settlement into PostgreSQL, from the stream of each networked rung."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from statistics import median
from time import perf_counter, process_time
from typing import NamedTuple

import psycopg

from benchmarks.figures import Aim, Figure, Group, in_turn
from benchmarks.grounds import Grounds, Kind, Place
from benchmarks.sent import Booked
from benchmarks.settings import Settings
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.rungs import open_rung
from spillover.bootstrap.working import TIMEOUT_MS
from spillover.engine.drive import drive
from spillover.engine.settlement import Settling

KINDS: dict[Kind, str] = {"valkey": "from Valkey", "postgres": "from PostgreSQL"}
AIM = (Aim("value", 15_000, "at least"),)


class Settled(NamedTuple):
    """Events per second; microseconds of a processor for each event, of the settler and of PostgreSQL; bytes of its
    write-ahead log for each."""

    rate: float
    own: float
    books: float
    log: float = 0


def measure(settings: Settings, grounds: Grounds) -> Group:
    """As `spillover settle` books: read, book, acknowledge, in batches of its size, one settler."""
    figures: list[Figure] = []
    for kind, name in KINDS.items():
        booked = Booked()
        _settle(settings, grounds, kind, booked)
        contestants: dict[str, Callable[[], Settled]] = {
            "settle": lambda kind=kind: _settle(settings, grounds, kind),
            "bare": lambda kind=kind, booked=booked: _bare(settings, grounds, kind, booked),
        }
        found = in_turn(settings.turns, contestants)
        mine, bare = found["settle"], found["bare"]
        beside = "bare bookings"
        figures += [
            Figure(f"events settled {name}", "/s", [s.rate for s in mine], beside, [s.rate for s in bare], AIM),
            Figure(f"{name}: settler's processor, of one", "us", [s.own for s in mine]),
            Figure(
                f"{name}: PostgreSQL's processor, of one", "us", [s.books for s in mine], beside,
                [s.books for s in bare],
            ),
            Figure(f"{name}: write-ahead log, of one", "B", [s.log for s in mine]),
        ]  # fmt: skip
        spread = median(len(batch) for batch in booked.batches)
    about = (
        f"{grounds.versions()}. One settler, {settings.events:,} events; each step reads a part of the stream, books it"
        " in a transaction and acknowledges it, durably. Bare: the same transactions on the books"
        f" ({spread:.0f} statements each), with nobody who makes them, reads the stream or acknowledges."
    )
    return Group("settlement into PostgreSQL", figures, about)


def _settle(settings: Settings, grounds: Grounds, kind: Kind, booked: Booked | None = None) -> Settled:
    with grounds.place(kind, state=grounds.state(kind, settings.events)) as place, booked or nullcontext():
        rung = open_rung(address_of(place.url, place.ledger), "strict", TIMEOUT_MS)
        try:
            settling, done = Settling(rung.store, rung.ledger), 0
            if booked:
                booked.mark()
            before, written = _books(grounds, place), _written(grounds)
            begun, busy = perf_counter(), process_time()
            while moved := drive(settling.step(batch=rung.batch)).done:
                done += moved
            took, busy = perf_counter() - begun, process_time() - busy
            spent = _books(grounds, place) - before
        finally:
            rung.close()
    if done != settings.events:
        raise RuntimeError(f"the benchmark expects {settings.events} events booked, found {done}")
    return Settled(done / took, busy / done * 1e6, spent / done, (_written(grounds) - written) / done)


def _bare(settings: Settings, grounds: Grounds, kind: Kind, booked: Booked) -> Settled:
    with grounds.place(kind, state=grounds.state(kind, settings.events)) as place:
        books = place._replace(kind="postgres", url=place.ledger or place.url, server=grounds.postgres)
        before = _events(books)
        run = booked.replay(books, settings.events)
        if _events(books) - before != settings.events:
            raise RuntimeError("the benchmark expects the bare run to book what the settler did")
    return Settled(run.rate, 0, run.server)


def _events(books: Place) -> int:
    with psycopg.connect(books.url) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM spillover_usage.usage_events").fetchall()
    return int(count)


def _written(grounds: Grounds) -> int:
    with psycopg.connect(grounds.postgres.url) as connection:
        [(place,)] = connection.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchall()
    return int(place)


def _books(grounds: Grounds, place: Place) -> float:
    return place._replace(server=grounds.postgres).spent()

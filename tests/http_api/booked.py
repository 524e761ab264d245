"""The books as they are, and what a caller's own ledger says: each answer stands in them once, with its numbers."""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from spillover.model.event import Event, decode_event
from spillover.postgres.layout import SEARCH_PATH


class Books:
    """Read once, by the caller's key; endings and extensions by that of their hold, with -e and -x."""

    def __init__(self, url: str) -> None:
        rows = list(read(url, "SELECT sequence, key, payload FROM usage_events"))
        placed = [(sequence, key, decode_event(bytes(payload))) for sequence, key, payload in rows]
        holds = {event.hold.id: key for _, key, event in placed if event.kind == "hold" and event.hold}
        self.events: dict[str, list[tuple[int, Event]]] = defaultdict(list)
        for sequence, key, event in placed:
            match event.kind:
                case "usage" | "hold":
                    self.events[key].append((sequence, event))
                case "extend":
                    assert event.hold
                    self.events[f"{holds[event.hold.id]}-x"].append((sequence, event))
                case "commit" | "release" | "expire":
                    self.events[f"{holds[event.ends]}-e"].append((sequence, event))
        rows = list(read(url, "SELECT key, version, answer FROM orders"))
        self.orders = {key: (version, answer) for key, version, answer in rows}
        self.lots = Counter(key for (key,) in read(url, "SELECT key FROM lots"))


def read(url: str, asked: str) -> Iterator[tuple[Any, ...]]:
    """Rows of a database, by no code of the product."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?mode=ro", uri=True)) as file:
            yield from file.execute(asked)
        return
    with psycopg.connect(url, options=f"-c search_path={SEARCH_PATH.replace(' ', '')}") as server:
        yield from server.execute(asked.encode())


class Asked(msgspec.Struct):
    """One call of the ledger, and what became of it."""

    verb: str
    account: str
    key: str
    how: str = "lost"
    told: Any = None


def asked_in(path: Path) -> dict[str, Asked]:
    """All calls of a ledger. One that was under way when its caller ended is lost."""
    found: dict[str, Asked] = {}
    written = path.read_bytes()
    for line in written[: written.rfind(b"\n") + 1].splitlines():  # the last may be on its way
        said = msgspec.json.decode(line)
        if "verb" in said:
            assert said["key"] not in found
            found[said["key"]] = Asked(said["verb"], said["account"], said["key"])
            continue
        one = found[said["key"]]
        one.how = next(how for how in ("told", "refused", "lost") if how in said)
        one.told = said.get("told")
    return found


def compare(ledger: dict[str, Asked], books: Books) -> Iterator[str]:
    """What does not agree, a line each."""
    for key, one in ledger.items():
        found = sum(len(part) for part in entries(books, one))
        allowed = one.how == "told" and one.told is not None
        if allowed and found != 1:
            yield f"{one.verb} {key}: answered, and {found} times on the books"
        elif one.how == "lost" and found > 1:
            yield f"{one.verb} {key}: not answered, and {found} times on the books"
        elif not allowed and one.how != "lost" and found:
            yield f"{one.verb} {key}: {one.how} {one.told}, and {found} times on the books"
        elif allowed:
            yield from numbers_of(one, books)
    for key in {*books.events, *books.orders} - set(ledger):
        yield f"{key}: on the books, and nobody asked for it"


def entries(books: Books, one: Asked) -> tuple[list[Any], ...]:
    """Where a call stands in the books."""
    orders = [books.orders[one.key]] if one.key in books.orders else []
    if one.verb == "lot":
        return (orders if books.lots[one.key] == 1 else [one.key] * books.lots[one.key],)
    if one.verb in ("order", "refund"):
        return (orders,)
    return (books.events.get(one.key, []),)


def numbers_of(one: Asked, books: Books) -> Iterator[str]:
    """The numbers that were answered, beside those that are booked."""
    if one.verb == "refund":
        booked = msgspec.json.decode(books.orders[one.key][1])
        if any(one.told[name] != booked[name] for name in ("units", "lots")):
            yield f"refund {one.key}: answered {one.told}, and booked {booked}"
        return
    if one.verb in ("lot", "order"):
        if one.verb == "order" and one.told["version"] != books.orders[one.key][0]:
            yield f"order {one.key}: answered {one.told}, and booked {books.orders[one.key]}"
        return
    sequence, event = books.events[one.key][0]
    booked = {
        "sequence": sequence, "granted": event.granted, "legs": event.legs, "overshoot": event.overshoot,
        "kind": event.kind,
    }  # fmt: skip
    for name, value in msgspec.json.decode(msgspec.json.encode(booked)).items():
        if name in one.told and one.told[name] != value:
            yield f"{one.verb} {one.key}: answered {name} {one.told[name]}, and booked {value}"

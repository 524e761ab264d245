"""Run as a process of its own: asks a service for everything that changes something, and keeps its own ledger.

Reads a line of JSON, asks until its input is closed, and ends. Of each call the ledger has what was asked, before it
was sent, and what came back: `told` the numbers of the answer, `refused` the error, or `lost` where nobody knows.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import traceback
import uuid
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

import spillover
from spillover.engine.answers import Decision
from spillover.model.errors import SpilloverError, StoreError

CALLERS = 6
PATIENCE = (1.0, 10.0)
"""Deadlines of callers, by turns: one gives up while the service is away, the other asks again under the same key."""


class Ledger:
    """What was asked, and what came back; from any thread."""

    def __init__(self, path: str) -> None:
        self._file, self._lock = open(path, "ab", buffering=0), threading.Lock()  # noqa: SIM115  # until the end

    def ask(self, verb: str, account: str, key: str, call: Callable[[], Any], **more: Any) -> Any:
        """Make a call; what it answered, or None where it answered nothing."""
        self._write({"verb": verb, "account": account, "key": key, **more})
        try:
            answer = call()
        except (StoreError, OSError, HTTPException) as error:
            self._write({"key": key, "lost": str(error)})
            return None
        except SpilloverError as error:
            self._write({"key": key, "refused": str(error)})
            return None
        self._write({"key": key, "told": numbers(answer)})
        return answer

    def many(self, asked: list[dict[str, Any]], call: Callable[[], list[Any]]) -> None:
        """Several calls at once."""
        for one in asked:
            self._write({"verb": "consume", "account": one["account"], "key": one["key"]})
        try:
            answers = call()
        except SpilloverError as error:
            answers = [error] * len(asked)
        for one, answer in zip(asked, answers, strict=True):
            how = "lost" if isinstance(answer, StoreError) else "refused" if isinstance(answer, Exception) else "told"
            self._write({"key": one["key"], how: numbers(answer) if how == "told" else str(answer)})

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock:
            self._file.write(msgspec.json.encode(line) + b"\n")


def numbers(answer: Any) -> Any:
    """The numbers of an answer."""
    if isinstance(answer, Decision) and not answer.allowed:
        return None
    names = ("sequence", "granted", "legs", "overshoot", "kind", "version", "id", "units", "lots")
    return {name: getattr(answer, name) for name in names if hasattr(answer, name)}


class Caller(threading.Thread):
    """Asks for one thing after the other, whatever comes back."""

    def __init__(self, told: dict[str, Any], ledger: Ledger, number: int, ended: threading.Event) -> None:
        super().__init__()
        self.ledger, self.ended, self.dice = ledger, ended, random.Random(f"{told['seed']} {number}")
        deadline = PATIENCE[number % len(PATIENCE)]
        self.access: Any = spillover.connect(f"http://127.0.0.1:{told['port']}", deadline=deadline)
        self.port, self.deadline, self.accounts = told["port"], deadline, told["accounts"]
        self.before: list[tuple[str, str]] = []

    def run(self) -> None:
        """Until the end is told."""
        kinds = [self.consume] * 6 + [self.record, self.hold, self.hold, self.many, self.event, self.order, self.refund]
        while not self.ended.is_set():
            self.dice.choice(kinds)(self.dice.choice(self.accounts), uuid.UUID(int=self.dice.getrandbits(128)).hex)
        self.access.close()

    def request(self) -> tuple[str, int]:
        """A feature, and how much of it; sometimes more than anybody has."""
        if self.dice.random() < 0.5:
            return "chat.messages", 1
        return "video.seconds", self.dice.choice((1, 2, 3, 5, 8, 1_000_000_000))

    def consume(self, account: str, key: str) -> None:
        feature, usage = self.request()
        mode = self.dice.choice(("exact", "partial"))
        call = lambda: self.access.consume(account, feature, usage, key=key, subject="ada", mode=mode)  # noqa: E731
        if self.ledger.ask("consume", account, key, call):
            self.before.append((account, key))

    def record(self, account: str, key: str) -> None:
        feature, usage = self.request()
        usage = min(usage, 10)
        self.ledger.ask("record", account, key, lambda: self.access.record(account, feature, usage, key=key))

    def many(self, account: str, key: str) -> None:
        asked = [
            {"account": self.dice.choice(self.accounts), "feature": "chat.messages", "key": f"{key}-{at}"}
            for at in range(10)
        ]
        self.ledger.many(asked, lambda: self.access.consume_many(asked))

    def hold(self, account: str, key: str) -> None:
        """Opened, perhaps extended, ended."""
        opening = lambda: self.access.open_hold(account, "video.seconds", 3, key=key, lasts=3_600_000)  # noqa: E731
        if not self.ledger.ask("hold", account, key, opening):
            return
        holds = self.access.holds
        if self.dice.random() < 0.5:
            extending = lambda: holds.extend(account, key, estimate=5, extension_key=f"{key}-x")  # noqa: E731
            self.ledger.ask("extend", account, f"{key}-x", extending, hold=key)
        if self.dice.random() < 0.7:
            self.ledger.ask("commit", account, f"{key}-e", lambda: holds.commit(account, key, 4), hold=key)
        else:
            self.ledger.ask("release", account, f"{key}-e", lambda: holds.release(account, key), hold=key)

    def order(self, account: str, key: str) -> None:
        access = self.access
        match self.dice.randrange(3):
            case 0:
                self.ledger.ask("lot", account, key, lambda: access.credits.add(account, "7.5", key=key))
            case 1:
                self.ledger.ask("lot", account, key, lambda: access.units.add(account, "video.seconds", 9, key=key))
            case _:
                most = self.dice.randrange(10**6, 10**7)
                setting = lambda: access.limits.set(account, "chat.messages", "burst", most, key=key)  # noqa: E731
                self.ledger.ask("order", account, key, setting)

    def refund(self, account: str, key: str) -> None:
        if not self.before:
            return
        account, before = self.before.pop(0)
        giving = lambda: self.access.refund(account, before, key=key, reason="wrong")  # noqa: E731
        self.ledger.ask("refund", account, key, giving)

    def event(self, account: str, key: str) -> None:
        """A CloudEvent, for which there is no verb; its key is its source and its id."""
        said = {
            "specversion": "1.0", "id": key, "source": "/load", "subject": account, "type": "video.seconds", "data": 2,
        }  # fmt: skip
        self.ledger.ask("record", account, f"/load {key}", lambda: self.send(said))

    def send(self, event: dict[str, Any]) -> Told:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=self.deadline)
        try:
            heads = {"content-type": "application/cloudevents+json"}
            connection.request("POST", "/v1/events", json.dumps(event), heads)
            answer = connection.getresponse()
            found = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise OSError(str(found))
        return Told(found["sequence"], found["granted"]["units"])


class Told(msgspec.Struct):
    """What is read of the answer to an event."""

    sequence: int
    granted: int


def fail(what: Any) -> None:
    """One that stops asking makes the rest worth nothing."""
    traceback.print_exception(what.exc_value)
    os._exit(1)


def main() -> None:
    """Ask until the input is closed."""
    threading.excepthook = fail
    told = json.loads(sys.stdin.readline())
    ledger, ended = Ledger(told["ledger"]), threading.Event()
    callers = [Caller(told, ledger, number, ended) for number in range(CALLERS)]
    for caller in callers:
        caller.start()
    sys.stdin.read()
    ended.set()
    for caller in callers:
        caller.join()


if __name__ == "__main__":
    main()

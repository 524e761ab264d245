"""An engine with a journal over a real store that goes away: another program holds the SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from spillover.access.clock import TurnableClock
from spillover.access.desk import Desk
from spillover.core.intake import Ask
from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.engine.items import Answer
from spillover.engine.outage import Outage
from spillover.engine.settlement import settle_all
from spillover.journal import SQLiteJournal
from spillover.ledgers.sqlite import SQLiteLedger
from spillover.model.policy import Policy
from spillover.policy import policy_from_document
from spillover.ports import Grant, HotStore, Ledger, Terms
from spillover.stores.sqlite import SQLiteHotStore
from tests.support import policy as shared

POLICY = """
spillover: 1
attributes: [team]
features:
  chat: {unit: message, count: requests, price: {credits: 1}}
  video: {unit: second, count: seconds, price: [{when: {size: large}, credits: 2}, {credits: 1}]}
  tokens: {count: cost, price: {input: 1, per: 1k}}
plans:
  plus:
    outage: {admit: {chat: 5, video: 10, tokens: "0.5"}}
    rules:
      - for: [chat]
        waterfall: [{from: allowance, windows: [{name: daily, max: 3, every: day, in: UTC}]}, {from: credits}]
      - for: [video]
        only: {size: [small, large]}
        ceilings: [{name: team, max: 100, ever: true, per: team}]
        waterfall: [{from: credits}]
      - {for: [tokens], waterfall: [{from: credits}]}
  closed:
    rules: [{for: [chat], waterfall: [{from: allowance, windows: [{name: daily, max: 3, every: day, in: UTC}]}]}]
"""
START = "2026-03-02T09:00:00Z"
WAIT_MS = 20
"""How long the store waits for the file before it says that it is unavailable."""


def policy(text: str = POLICY) -> Policy:
    """The policy of this room, or another."""
    return shared(text)


class Bed:
    """One engine. Several may share the file and the journal."""

    def __init__(
        self, folder: Path, *, clock: TurnableClock | None = None, journal: str = "journal.db", rules: str = POLICY,
        rows_max: int = 100_000, handles: tuple[HotStore, Ledger] | None = None,
    ) -> None:  # fmt: skip
        """`handles`: a store and a ledger on servers, in place of the file."""
        self.path, self.clock = folder / "x.db", clock or TurnableClock(START)
        self.policy = policy(rules)
        self.store: HotStore
        self.ledger: Ledger
        self.store, self.ledger = handles or (
            SQLiteHotStore(self.path, wait_ms=WAIT_MS), SQLiteLedger(self.path, wait_ms=WAIT_MS),
        )  # fmt: skip
        drive(self.ledger.publish(self.policy.hash, self.policy.document, at=self.clock()))
        self.desk = Desk(self.policy, self.store, self.ledger, self.clock, policy_from_document)
        self.journal = SQLiteJournal(folder / journal, rows_max=rows_max)
        desk = self.desk
        self.outage = Outage(
            desk.deciding, desk.policies, desk.known, desk.tending, self.ledger, self.clock, self.journal
        )

    def put(self, name: str = "acme", plan: str = "plus", state: str | None = None) -> None:
        """An account under a plan, with what the engine has seen of it: one denied or granted request."""
        terms = Terms(plan=plan, state=state)  # type: ignore[arg-type]
        drive(self.desk.put(name, terms, reason="", actor="", at=None))

    def see(self, name: str = "acme", key: str = "first") -> Decision:
        """The engine decides for the account once, and so knows its plan."""
        found = self.ask(name, key=key)
        assert isinstance(found, Decision)
        return found

    def wish(self, account: str = "acme", feature: str = "chat", usage: Any = None, *, key: str, **options: Any) -> Ask:
        """A checked request."""
        return self.desk.take_in(account, feature, usage, key, options)

    def ask(
        self, account: str = "acme", feature: str = "chat", usage: Any = None, *, key: str, **options: Any
    ) -> Answer:
        """The answer to one request, an error as the value that it is."""
        return self.answer(self.wish(account, feature, usage, key=key, **options))[0]

    def answer(self, *wishes: Any) -> list[Answer]:
        """The answers to a batch; what is raised of the whole is each one's."""
        try:
            return drive(self.outage.answer(wishes))
        except Exception as failure:
            return [failure] * len(wishes)  # type: ignore[list-item]

    @contextmanager
    def away(self) -> Iterator[None]:
        """The store cannot be written meanwhile: another program holds the file."""
        other = apsw.Connection(str(self.path))
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.close()

    def forget_keys(self) -> None:
        """The hot state remembers no key any more, as on a server after 24 hours."""
        other = apsw.Connection(str(self.path))
        other.execute("DELETE FROM keys")
        other.close()

    def drain(self) -> int:
        """Record all that waits; how many entries ended."""
        total = 0
        while ended := drive(self.outage.drain()):
            total += ended
        return total

    def waiting(self) -> list[str]:
        """The keys that wait in the journal, the oldest first."""
        return [entry.key for entry in self.journal.waiting(1_000)]

    def refused(self) -> list[tuple[str, str]]:
        """The keys that could not be recorded, with the reasons."""
        return [(one.entry.key, one.reason) for one in self.outage.refused()]

    def booked(self, name: str = "acme") -> dict[str, Any]:
        """The usage events of an account by key, after settlement; each key once."""
        drive(settle_all(self.store, self.ledger))
        account = drive(self.ledger.find_account(name))
        rows = drive(self.ledger.events(account=account)).rows
        events = [row.event for row in rows if row.event.kind != "terms"]
        assert len({event.key for event in events}) == len(events)
        return {event.key: event for event in events}

    def grant(self, credits: int, name: str = "acme", key: str = "lot") -> None:
        """Whole credits for an account."""
        from spillover.model.account import Lot

        account = drive(self.ledger.find_account(name))
        assert account is not None
        lot = Grant(Lot(0, "credits"), credits * 1_000_000, key, "", "")
        drive(self.ledger.grant(account, lot, at=self.clock()))
        drive(self.desk.push())

    def close(self) -> None:
        """Close all, the journal first: it records what waits."""
        drive(self.outage.close())
        drive(self.desk.close())

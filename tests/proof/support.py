"""An account in which every kind of event was booked, and its receipts."""

from __future__ import annotations

import random
from functools import cache
from typing import Any, NamedTuple

import msgspec

import spillover
from spillover.access.clock import TurnableClock
from spillover.access.plain import Access
from spillover.model.errors import InvalidInput, NewerRules
from spillover.policy import read_policy_text
from spillover.proof import Finding, Receipt, build, check, export_statement
from spillover.proof.chain import canonical, event_row, link
from spillover.proof.receipt import document_of, with_digests

POLICY = """
spillover: 1
features:
  codex.messages: {unit: message, count: requests, price: {credits: 5}}
  codex.tokens: {unit: credit, count: cost, price: [{input: "1.25", output: 10, per: 1M}]}
plans:
  plus:
    rules:
      - for: [codex.messages]
        ceilings: [{name: parallel, max: 2, of: open_holds}, {name: seats, max: 2, of: subjects, every: month, in: UTC}]
        waterfall:
          - {from: allowance, windows: [{name: hourly, max: 3, sliding: 1h}, {name: burst, max: 9, refill: 1m}]}
          - from: credits
      - for: [codex.tokens]
        hold: {default: {input: 1000, output: 1000}, for: 1m}
        waterfall:
          - {from: allowance, windows: [{name: five, max: "0.02", every: 5h, starting: first_use}]}
          - from: credits
        overshoot: {forgive: "0.001", every: day, in: UTC}
"""
KINDS = {"usage", "hold", "extend", "commit", "release", "expire"}


class Told(NamedTuple):
    """The receipts of all decisions, in order, and the account's statement."""

    account: int
    receipts: tuple[Receipt, ...]
    statement: bytes


def lived(url: str = "memory://") -> Access:
    """The account `acme` after all that can happen to it; everything is booked."""
    clock = TurnableClock("2026-03-01T00:00:00Z")
    access = spillover.connect(url, policy=read_policy_text(POLICY), clock=clock, settle=False)
    access.accounts.put("acme", "plus")
    access.credits.add("acme", "0.05", key="c1", paid="1.00 EUR", ref="ch_1")
    tokens = "codex.tokens"
    access.open_hold("acme", tokens, key="h1")
    access.holds.commit("acme", "h1", {"input": 100, "output": 500})
    access.open_hold("acme", tokens, key="h2", subject="ada")
    access.holds.extend("acme", "h2", {"output": 1300})
    clock.turn(minutes=2)
    access.tend()
    access.holds.commit("acme", "h2", {"output": 100})
    access.open_hold("acme", tokens, key="h3")
    access.holds.release("acme", "h3")
    access.open_hold("acme", tokens, key="h4")
    access.holds.commit("acme", "h4", {"output": 8000})
    access.record("acme", tokens, {"output": 10000}, key="r1")
    access.credits.add("acme", "1", key="c2")
    access.consume("acme", tokens, {"output": 10}, key="u3")
    access.consume("acme", tokens, {"output": 400000}, key="u4", mode="partial")
    access.credits.add("acme", "50", key="c3", reason='"quoted", § and \\')
    for index in range(6):
        access.consume("acme", "codex.messages", subject=f"s{index % 3}", key=f"m{index}")
    access.settle()
    return access


@cache
def told() -> Told:
    """The same account once for all tests."""
    with lived() as access:
        ledger, account = access.desk.ledger, access.run(access.desk.account("acme"))
        page = access.look(ledger.events(account=account))
        keys = [row.event.key for row in page.rows if row.event.kind != "terms"]
        receipts = tuple(access.look(build(ledger, account, key)) for key in keys)
        return Told(account, receipts, access.look(export_statement(ledger, account)))


def receipt_of(kind: str, late: bool = False) -> Receipt:
    """The last receipt of an event of that kind."""
    found = [one for one in told().receipts if (one.decided.kind, one.decided.late) == (kind, late)]
    return found[-1]


def forged(receipt: Receipt, event: dict[str, Any] | None = None, **fields: Any) -> bytes:
    """A receipt with other content, whose forger has computed every hash anew."""
    document = document_of(receipt) | fields
    if event is not None:
        document["event"] = msgspec.json.encode(msgspec.json.decode(receipt.event) | event).decode()
    decided = msgspec.convert(document, Receipt).decided
    row = event_row(document["epoch"], document["sequence"], decided, document["event"])
    document["hash"] = link(bytes.fromhex(document["hash_before"]), row).hex()
    return canonical(with_digests(document)) + b"\n"


def damage(data: bytes, times: int, rng: random.Random) -> None:
    """Change one byte at a time; each must be found."""
    for _ in range(times):
        at, by = rng.randrange(len(data)), rng.randrange(1, 256)
        changed = data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]
        try:
            found = check(changed)
        except (InvalidInput, NewerRules):
            continue
        assert isinstance(found, Finding), (at, data[at - 20 : at + 20], found)

"""Two engines decide on what each remembers; the state that a receipt tells gives the same decision, always."""

from __future__ import annotations

import random

import spillover
from spillover.access.clock import TurnableClock
from spillover.model.errors import SpilloverError
from spillover.policy import read_policy_text
from spillover.proof import Proved, build, check, write_receipt
from tests.proof.support import POLICY


def test_decisions_made_on_a_remembered_state_are_those_of_the_state_that_they_met(tmp_path):
    rng, clock = random.Random(5), TurnableClock("2026-03-01T00:00:00Z")
    policy, url = read_policy_text(POLICY), f"sqlite:///{tmp_path}/a.db"
    with (
        spillover.connect(url, policy=policy, clock=clock, settle=False) as one,
        spillover.connect(url, policy=policy, clock=clock, settle=False) as other,
    ):
        one.accounts.put("acme", "plus")
        for number in range(3):
            one.credits.add("acme", "0.1", key=f"c{number}")
        one.credits.add("acme", "40", key="more")
        for index in range(150):
            _act(rng.choice((one, other)), rng, index)
            clock.turn(milliseconds=rng.choice((0, 1, 400, 9_000, 400_000)))
        one.settle()
        account = one.run(one.desk.account("acme"))
        page = one.look(one.desk.ledger.events(account=account))
        decided = [row.event for row in page.rows if row.event.kind != "terms"]
        assert len(decided) > 80
        assert {event.kind for event in decided} == {"usage", "hold", "extend", "commit", "release", "expire"}
        for event in decided:
            found = check(write_receipt(one.look(build(one.desk.ledger, account, event.key))))
            assert isinstance(found, Proved), (event, found)


def _act(access: spillover.Access, rng: random.Random, index: int) -> None:
    tokens, messages, key = "codex.tokens", "codex.messages", f"k{index}"
    opened = f"k{rng.randrange(index + 1)}"
    subject = rng.choice((None, "ada", "bob", "eve"))
    try:
        match rng.randrange(9):
            case 0:
                access.consume("acme", messages, key=key, subject=subject)
            case 1:
                access.record("acme", tokens, {"output": rng.randrange(3000)}, key=key, subject=subject)
            case 2:
                access.holds.release("acme", opened)
            case 3:
                access.holds.extend("acme", opened, {"output": rng.randrange(4000)})
            case 4:
                access.holds.commit("acme", opened, {"input": 5, "output": rng.randrange(4000)})
            case 5:
                access.consume("acme", tokens, {"output": rng.randrange(1, 3000)}, key=key, mode="partial")
            case 6:
                access.open_hold("acme", messages, key=key, subject=subject)
            case _:
                access.open_hold("acme", tokens, {"output": rng.randrange(1, 3000)}, key=key, subject=subject)
    except SpilloverError:
        pass  # the hold has ended, or never was

"""A process killed between any two steps of anything: another finishes, and the books are as if nobody had died.

Every kind of event, and its settlement, on every rung that outlives a process. Each case has an account of its own. One
engine, which lives, makes it; a child does one thing more and is gone at one of its steps; the engine does the same
again under the same keys, ends what is open and settles. Rebuild and move have their own: tests/rebuild/test_killed*.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest

from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.model.errors import HoldEnded
from tests.crash.dying import Steps, run_to_death
from tests.faults.shop import POLICY, Where, audited, booked, looks, quarantined
from tests.support import clock, policy

MINUTE = 60_000
NEVER = -1
SAMPLE = 2
"""Deaths of each kind in a quick run."""
Act = Callable[[Access, str], object]


def extend(access: Access, name: str) -> None:
    """Asked once more it would be one more extension, so who does not know looks."""
    if access.opened(name, "held").usage != {"seconds": 9}:
        access.holds.extend(name, "held", 9)


def expire(access: Access, name: str) -> None:
    access.desk.clock.turn(minutes=2)  # type: ignore[attr-defined]
    access.tend()
    access.desk.clock.turn(minutes=-2)  # type: ignore[attr-defined]


ACTS: dict[str, Act] = {
    "usage": lambda access, name: access.consume(name, "video", 40, key="used", subject="ada"),
    "hold": lambda access, name: access.open_hold(name, "video", 8, key="another", lasts=MINUTE),
    "extend": extend,
    "commit": lambda access, name: access.holds.commit(name, "held", 7),
    "release": lambda access, name: access.holds.release(name, "held"),
    "expire": expire,
    "terms": lambda access, name: access.credits.add(name, 7, key="late", paid="1.00 EUR"),
    "order": lambda access, name: access.lots.revoke(name, 1, key="back"),
    "settle": lambda access, name: access.settle(tend=False),
}


def begin(access: Access, name: str) -> None:
    """An account with lots, usage and an open hold, none of it settled."""
    access.accounts.put(name, "plus")
    access.credits.add(name, 1_000, key="first")
    access.units.add(name, "video", 12, key="gift")
    access.consume(name, "video", 3, key="before")
    access.open_hold(name, "video", 6, key="held", lasts=MINUTE)


def finish(access: Access, name: str, act: Act) -> None:
    """What a client does that got no answer, and then all that is open ends and is settled."""
    try:
        act(access, name)
    except HoldEnded:
        assert act is ACTS["expire"]
    for hold in access.holds.list(name):
        access.holds.commit(name, hold.key, 4)
    access.settle()


def books(access: Access, name: str) -> dict[str, Any]:
    """All that the books have of an account, without its id."""
    account, ledger = access.run(access.desk.account(name)), access.desk.ledger
    standing = drive(ledger.standing(account, keys_since=0))
    found = {
        "events": [(row.epoch, row.sequence, row.event) for row in booked(access, name)],
        "statement": drive(ledger.statement(account)).rows,
        "lots": drive(ledger.lots(account)),
        "balances": drive(ledger.balances(account)),
        "standing": standing,
        "profile": drive(ledger.profile(account)),
    }
    return plain(msgspec.to_builtins(found))  # type: ignore[no-any-return]


def plain(found: Any) -> Any:
    """Without what names an account or a person at random."""
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items() if key not in ("account", "subject")}
    return [plain(one) for one in found] if isinstance(found, list | tuple) else found


class Matrix(NamedTuple):
    """One rung, with the engine that lives."""

    where: Where
    access: Access
    names: Iterator[str]

    def dying(self, kind: str, name: str, steps: Steps) -> None:
        """What the child does."""
        with self.where.connect(clock=clock()) as access:
            if kind == "settle":
                access.run(access.desk.account(name))
            steps.armed = True
            ACTS[kind](access, name)
            steps.armed = False

    def case(self, kind: str, at: int) -> tuple[bool, int, dict[str, Any]]:
        """Die at that step; whether it did, how many steps there are if not, and the books in the end."""
        name = next(self.names)
        begin(self.access, name)
        died, steps = run_to_death(lambda steps: self.dying(kind, name, steps), at)
        finish(self.access, name, ACTS[kind])
        return died, steps, books(self.access, name)


@pytest.fixture(params=["sqlite", "postgres", "valkey", "redis62", "cluster"])
def matrix(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Matrix]:
    if request.param == "sqlite":
        where = Where(f"sqlite:///{tmp_path}/shop.db")
    else:
        url = request.getfixturevalue("postgres_url")
        fixture = {"valkey": "valkey_url", "redis62": "redis_url", "cluster": "cluster_url"}.get(request.param)
        where = Where(request.getfixturevalue(fixture), url) if fixture else Where(url)
    with where.connect(policy=policy(POLICY), clock=clock()) as access:
        found = Matrix(where, access, (f"account {number}" for number in count()))
        yield found
        assert quarantined(access) == ()
        assert {one.status for one in looks(access)} == {"same"}
        report = audited(where, access)
        assert report.ok, [str(finding) for finding in report.findings]
        assert not report.unsettled


def deaths(matrix: Matrix, kind: str, chosen: Callable[[int], list[int]]) -> int:
    died, steps, undisturbed = matrix.case(kind, NEVER)
    assert not died
    assert steps > 4
    for step in chosen(steps):
        died, _, found = matrix.case(kind, step)
        assert died, f"step {step} of {steps}"
        assert found == undisturbed, f"died at step {step} of {steps}"
    return steps


def test_a_process_killed_at_some_steps_leaves_books_as_if_it_had_lived(matrix: Matrix) -> None:
    pick = Random("deaths")
    for kind in ACTS:
        deaths(matrix, kind, lambda steps: sorted(pick.sample(range(steps), SAMPLE)))


@pytest.mark.soak
@pytest.mark.parametrize("kind", ACTS)
def test_a_process_killed_at_any_step_leaves_books_as_if_it_had_lived(matrix: Matrix, kind: str) -> None:
    assert deaths(matrix, kind, lambda steps: list(range(steps))) > 4

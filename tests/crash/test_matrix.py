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
from typing import Any

import msgspec
import psycopg
import pytest

from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.model.errors import HoldEnded
from tests.crash.dying import Steps, run_to_death
from tests.faults.shop import POLICY, Where, audited, booked, looks, quarantined
from tests.servers.process import wait_for
from tests.support import clock, policy

CLOCK = clock()
"""Of the engine that lives and, as it is at that moment, of each child."""
MINUTE = 60_000
NEVER = -1
SAMPLE = 3
"""Deaths of each kind in a quick run."""
RANDOM = ("account", "subject", "fingerprint", "actor")
"""What names an account or a person at random, or is made from that."""
Act = Callable[[Access, str], object]


def extend(access: Access, name: str) -> None:
    """Asked once more it would be one more extension, so who does not know looks."""
    if access.opened(name, "held").usage != {"seconds": 9}:
        access.holds.extend(name, "held", 9)


def expire(access: Access, name: str) -> None:
    CLOCK.turn(minutes=2)
    access.tend()
    CLOCK.turn(minutes=-2)


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
    """Without what is random."""
    if isinstance(found, dict):
        return {key: plain(value) for key, value in found.items() if key not in RANDOM}
    return [plain(one) for one in found] if isinstance(found, list | tuple) else found


def parting(one: Any, other: Any, path: str = "books") -> str:
    """Where the first difference lies."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return next((parting(one[key], other[key], f"{path}.{key}") for key in one if one[key] != other[key]), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next((parting(*both, f"{path}[{at}]") for at, both in pairs if both[0] != both[1]), "")
    return f"{path}: {one!r} beside {other!r}"


class Matrix:
    """One rung, with the engine that lives."""

    def __init__(self, where: Where) -> None:
        self.where, self.names = where, (f"account {number}" for number in count())
        self.access = where.connect(policy=policy(POLICY), clock=CLOCK)
        self.embedded = where.url.startswith("sqlite")

    def sessions(self) -> set[int]:
        """Who is connected to the books, where a server keeps them."""
        if self.embedded:
            return set()
        with psycopg.connect(self.where.books) as connection:
            asked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            return {pid for (pid,) in connection.execute(asked).fetchall()}

    def dying(self, kind: str, name: str, steps: Steps) -> None:
        """What the child does."""
        with self.where.connect(clock=CLOCK) as access:
            access.run(access.desk.account(name))
            steps.armed = True
            ACTS[kind](access, name)
            steps.armed = False

    def case(self, kind: str, at: int) -> tuple[bool, int, dict[str, Any]]:
        """Die at that step; whether it did, how many steps there are if not, and the books in the end."""
        name = next(self.names)
        begin(self.access, name)
        if self.embedded:  # a child may not open a file that its parent has open
            self.access.close()
        before = self.sessions()
        died, steps = run_to_death(lambda steps: self.dying(kind, name, steps), at)
        # What the child had sent is done or not: who looks meanwhile would look too early.
        wait_for(lambda: self.sessions() <= before, "found a session of the dead child")
        if self.embedded:
            self.access = self.where.connect(clock=CLOCK)
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
    found = Matrix(where)
    try:
        yield found
        assert quarantined(found.access) == ()
        assert {one.status for one in looks(found.access)} == {"same"}
        report = audited(where, found.access)
        assert report.ok, [str(finding) for finding in report.findings]
        assert not report.unsettled
    finally:
        found.access.close()


def deaths(matrix: Matrix, kind: str, chosen: Callable[[int], list[int]]) -> int:
    died, steps, undisturbed = matrix.case(kind, NEVER)
    assert not died
    assert steps > 4
    for step in chosen(steps):
        died, _, found = matrix.case(kind, step)
        assert died, f"step {step} of {steps}"
        assert found == undisturbed, f"died at step {step} of {steps}: {parting(found, undisturbed)}"
    return steps


def test_a_process_killed_at_some_steps_leaves_books_as_if_it_had_lived(matrix: Matrix) -> None:
    pick = Random("deaths")
    for kind in ACTS:
        deaths(matrix, kind, lambda steps: sorted(pick.sample(range(steps), SAMPLE)))


@pytest.mark.soak
@pytest.mark.parametrize("kind", ACTS)
def test_a_process_killed_at_any_step_leaves_books_as_if_it_had_lived(matrix: Matrix, kind: str) -> None:
    assert deaths(matrix, kind, lambda steps: list(range(steps))) > 4

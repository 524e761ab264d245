"""What every measurement does: one policy, accounts that pay in different ways, requests spread by a fixed seed."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import NamedTuple

import spillover
from spillover.policy import read_policy_text

SEED = 20
FEATURE = "chat.messages"
PLAN = "plus"

POLICY = """\
spillover: 1
features:
  chat.messages: {unit: message, count: requests, price: {credits: "0.01"}}
plans:
  plus:
    rules:
      - for: [chat.messages]
        ceilings: [{name: burst, max: 100000, refill: 1m, per: subject}]
        waterfall:
          - from: allowance
            windows:
              - {name: five_hour, max: 5000, every: 5h, starting: first_use}
              - {name: weekly, max: 30000, every: 7d, starting: billing_day}
          - from: units
          - from: credits
default_plan: plus
"""
"""Two windows, one ceiling; with the lots below, the waterfall of the whole benchmark. Nothing is ever denied."""

INCLUDED = 5000
"""Units of the tighter window."""


class Asked(NamedTuple):
    """One request to come; keys are as random as those of a caller who uses UUIDs."""

    account: str
    subject: str
    key: str

    def words(self) -> dict[str, str]:
        """As `consume` and `consume_many` take it."""
        return {"account": self.account, "feature": FEATURE, "subject": self.subject, "key": self.key}


def policy() -> spillover.Policy:
    """The policy, read from its text like any other."""
    return read_policy_text(POLICY, "benchmark.yaml")


def account(number: int) -> str:
    """The name of an account."""
    return f"account-{number:05d}"


def requests(count: int, accounts: int, seed: int) -> list[Asked]:
    """That many requests over the accounts, always the same for the same seed."""
    dice = random.Random(seed)
    numbers = (dice.randrange(accounts) for _ in range(count))
    return [Asked(account(n), f"user-{n:05d}", f"{dice.getrandbits(128):032x}") for n in numbers]


def once_each(accounts: int, seed: int) -> list[Asked]:
    """One request of each account, which teaches an engine all that it remembers of them."""
    dice = random.Random(f"once {seed}")
    return [Asked(account(n), f"user-{n:05d}", f"{dice.getrandbits(128):032x}") for n in range(accounts)]


def populate(access: spillover.Access, accounts: int) -> None:
    """Accounts with three lots each. Of four, two pay from their allowance; the others have used it up already, and
    one of them pays with gifted units, the other (its units are drained by the first request) with credits."""
    for number in range(accounts):
        name, pays = account(number), number % 4
        access.accounts.put(name, PLAN)
        access.credits.add(name, "5000", key="gift")
        access.credits.add(name, "50000", paid="50.00 EUR", key="purchase")
        access.units.add(name, FEATURE, 1 if pays == 3 else 1_000_000, key="units")
        if pays >= 2:
            access.consume(name, FEATURE, INCLUDED, subject=f"user-{number:05d}", key="all that is included")
    answers = access.consume_many([asked.words() for asked in once_each(accounts, 0)])
    require_allowed(answers)


def require_allowed(answers: list[spillover.Decision | spillover.SpilloverError]) -> None:
    """A benchmark of refusals would flatter."""
    for answer in answers:
        if isinstance(answer, spillover.SpilloverError) or not answer:
            raise RuntimeError(f"the benchmark expects grants only, found {answer!r}")


class Files:
    """Databases for measurements: a settled one with all accounts, made once, and copies of it."""

    def __init__(self, directory: Path, accounts: int) -> None:
        self.directory, self.accounts = directory, accounts
        self._settled: Path | None = None
        self._copies = 0

    def settled(self) -> Path:
        """Every account with its lots and one decision, all settled, nobody using it."""
        if self._settled is None:
            path = self.directory / "settled.db"
            with spillover.connect(f"sqlite:///{path}", policy=policy(), durability="fast", settle=False) as access:
                populate(access, self.accounts)
                access.settle()
            self._settled = path
        return self._settled

    def copy(self, source: Path | None = None) -> Path:
        """A copy of `source` (the settled one), written through to the disk."""
        self._copies += 1
        path = self.directory / f"copy-{self._copies}.db"
        shutil.copyfile(source or self.settled(), path)
        with path.open("rb") as file:
            os.fsync(file.fileno())
        return path

    def remove(self, path: Path) -> None:
        """Give the space of a copy back."""
        for file in self.directory.glob(f"{path.name}*"):
            file.unlink()

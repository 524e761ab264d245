"""What the engine really decides can be booked, and leaves hot state and books equal."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import spillover
from tests.ledger.verifier import faults
from tests.support import POLICY, clock, policy

# One layer more than the shared policy has, so that all four are booked.
OVERAGE = POLICY.replace(
    "          - from: units\n          - from: credits\n",
    '          - from: units\n          - from: credits\n          - {from: overage, price_times: "1.33"}\n',
)


@pytest.mark.parametrize("seed", range(3))
def test_after_settlement_hot_state_and_books_are_equal(tmp_path: Path, seed: int) -> None:
    path, pick, turning = tmp_path / "x.db", random.Random(seed), clock()
    url = f"sqlite:///{path}"
    with spillover.connect(url, policy=policy(OVERAGE), durability="fast", clock=turning, settle=False) as access:
        names = ["acme", "bolt", "core"]
        for name in names:
            access.accounts.put(name, "plus")
        for step in range(300):
            name = pick.choice(names)
            match pick.randint(0, 12):
                case 0:
                    amount = pick.choice(["5", "0.5", "31.25"])
                    access.credits.add(name, amount, key=f"c{step}", priority=pick.randint(1, 3))
                case 1:
                    access.units.add(name, pick.choice(["chat.messages", "video.seconds"]), 3, key=f"u{step}")
                case 2:
                    access.accounts.put(name, zone=pick.choice(["UTC", "Asia/Tokyo"]))
                case 3:
                    turning.turn(hours=pick.randint(0, 9))
                case 4:
                    access.settle()
                case 5 | 6:
                    access.consume(name, "video.seconds", pick.randint(1, 9), key=f"v{step}")
                case 7:
                    counts = {"input": pick.randint(1, 10**6), "output": pick.randint(0, 1000)}
                    access.consume(name, "chat.tokens", counts, attributes={"team": pick.choice("xy")}, key=f"t{step}")
                case _:
                    units, subject = pick.randint(1, 4), pick.choice("ab")
                    access.consume(name, "chat.messages", units, subject=subject, key=f"m{step}")
        progress = access.settle()
        assert (progress.parked, progress.quarantined) == (0, 0)

    with closing(sqlite3.connect(path)) as file:
        hot = file.execute("SELECT account, name, value FROM cells ORDER BY 1, 2").fetchall()
        assert hot == file.execute("SELECT account, name, value FROM settled_cells ORDER BY 1, 2").fetchall()
        assert file.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)
        places = file.execute("SELECT account, epoch, sequence, version FROM hot_accounts ORDER BY 1").fetchall()
        assert places == file.execute(
            "SELECT id, epoch, settled_sequence, settled_version FROM accounts ORDER BY 1"
        ).fetchall()  # fmt: skip
        kinds = file.execute("SELECT DISTINCT kind FROM balance_updates ORDER BY 1").fetchall()
        assert kinds == [("debit",), ("grant",), ("overage",), ("state_change",)]
    assert faults(path) == []

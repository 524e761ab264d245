"""Events that could not be booked are findings of their own, and what follows from them is not mistaken for another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import spillover
from spillover.audit import audit
from tests.audit.forger import Forger
from tests.audit.planting import ACME


def settle_with(shop: Path, change: Callable[[dict[str, Any]], bytes]) -> None:
    """Three more requests, of which the middle one is changed in the stream before it is settled."""
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        access.units.add("acme", "video", 9, key="more")
        for number in range(3):
            assert access.consume("acme", "video", 1, key=f"late {number}")
    with Forger(shop) as forger:
        payload = forger.one("SELECT payload FROM stream WHERE key = 'late 1'")
        changed = change(msgspec.json.decode(payload))
        forger.run("UPDATE stream SET payload = ? WHERE key = 'late 1'", changed)
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        assert access.settle().quarantined == 1


def poisoned(event: dict[str, Any]) -> bytes:
    return msgspec.json.encode(event | {"granted": 2})


def test_a_poison_event_is_one_finding_and_its_neighbours_are_audited(shop: Path) -> None:
    settle_with(shop, poisoned)
    report = audit(shop)
    (finding,) = report.findings
    assert (finding.check, finding.row) == ("quarantine", "0.15 key 'late 1'")
    assert "expected the 2 granted" in finding.found
    assert report.events == 14 + 3, "the terms and two of the three"


def test_beside_a_poison_event_forgery_is_still_found(shop: Path) -> None:
    settle_with(shop, poisoned)
    with Forger(shop) as forger:
        forger.run(f"UPDATE lots SET balance = balance + 1, spent = spent - 1 WHERE account = {ACME} AND lot = 4")
        forger.run(f"UPDATE settled_cells SET value = value + 1 WHERE account = {ACME} AND name = 'lot:4'")
    assert {"quarantine", "history", "settled-state"} <= audit(shop).found.keys()


@pytest.mark.parametrize("payload", [b"no event", b"\xff", b"{}", b"[1]"])
def test_what_nobody_can_read_parts_books_and_hot_state_and_both_are_said(shop: Path, payload: bytes) -> None:
    settle_with(shop, lambda _: payload)
    report = audit(shop)
    assert report.found.keys() <= {"quarantine", "hot-state"}
    assert any(one.row == "cell lot:4" and one.found == "6" for one in report.findings)

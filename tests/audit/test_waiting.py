"""Faults planted while terms wait to be pushed and events to be settled: each is found, and named."""

from __future__ import annotations

from pathlib import Path

import pytest

import spillover
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.model.account import Lot
from spillover.ports import Grant
from tests.audit.forger import Forger
from tests.audit.planting import expect, sql

# What is planted -> (check, table, what its row is called) of a finding that there must be; None: there is none.
WAITING = {
    "nothing": (sql(), None),
    "the outbox is lost": (sql("DELETE FROM outbox"), ("hot-state", "outbox", "version 5")),
    "the outbox raises more": (
        sql("UPDATE outbox SET push = replace(push, '[[4,5]]', '[[4,6]]')"), ("hot-state", "outbox", "version 5")
    ),
    "the outbox relieves": (
        sql("UPDATE outbox SET push = json_set(push, '$.relieved', 3)"), ("hot-state", "outbox", "version 5")
    ),
    "the outbox is for another reason": (
        sql("UPDATE outbox SET push = replace(push, 'gift', 'joke')"), ("hot-state", "outbox", "version 5")
    ),
    "the outbox cannot be read": (sql("UPDATE outbox SET push = 'x'"), ("form", "outbox", "version 5")),
    "an entry is lost": (sql("DELETE FROM stream WHERE key = 'late 0'"), ("complete", "stream", "0.14 ")),
    "the last entry is lost": (sql("DELETE FROM stream WHERE key = 'late 1'"), ("hot-state", "hot_accounts", "")),
    "an entry is edited": (
        sql("UPDATE stream SET payload = CAST(replace(CAST(payload AS TEXT), '\"units\":1', '\"units\":2') AS BLOB)"
            " WHERE key = 'late 1'"),
        ("rating", "stream", "0.14 "),
    ),
    "an entry's key is another's": (
        sql("UPDATE stream SET key = 'other' WHERE key = 'late 1'"), ("form", "stream", "0.14 ")
    ),
    "a cell has drifted by one": (
        sql("UPDATE cells SET value = value + 1 WHERE account = {acme} AND name = 'lot:1'"),
        ("hot-state", "cells", "cell lot:1"),
    ),
    "the newest terms are lost": (
        sql("DELETE FROM profiles WHERE account = {acme} AND version = 5"), ("complete", "profiles", "lot 4")
    ),
    "the newest terms are another's": (
        sql("UPDATE profiles SET payload = replace(payload, '\"version\":5', '\"version\":6') WHERE version = 5"),
        ("terms", "profiles", "version 5"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WAITING)
def test_what_is_planted_in_the_middle_of_things_is_found(shop: Path, what: str) -> None:
    plant, wanted = WAITING[what]
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        for number in range(2):
            assert access.consume("acme", "video", 1, key=f"late {number}")
        account = drive(access._desk.ledger.find_account("acme"))
        assert account
        drive(access._desk.ledger.grant(account, Grant(Lot(0, "credits"), 5, "late", "gift", ""), at=2))
    with Forger(shop) as forger:
        plant(forger)
    report = audit(shop)
    if wanted is None:
        assert report.ok, [str(one) for one in report.findings]
    else:
        expect(report, *wanted)

"""What leaves: expired lots from the terms, by a rule that the audit knows too; events from the stream, by a key."""

from __future__ import annotations

from pathlib import Path

import pytest

import spillover
from spillover.audit import audit
from spillover.engine.drive import drive
from spillover.engine.pushing import push_terms
from spillover.model.account import Lot, Profile
from spillover.ports import Grant, Terms
from tests.audit.forger import Forger
from tests.audit.planting import ACME, ZETA, expect

START = 1_780_272_000_000


def ids(profile: Profile) -> list[int]:
    return sorted(lot.id for lot in profile.lots)


def test_expired_lots_leave_the_terms_and_no_other_lot_that_has_something_left(shop: Path) -> None:
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        ledger, store = access._desk.ledger, access._desk.store
        zeta = drive(ledger.find_account("zeta"))
        assert zeta
        for key, expires in (("first", START), ("second", START + 1)):
            drive(ledger.grant(zeta, Grant(Lot(0, "credits", expires=expires), 5, key, "gift", ""), at=START - 9))
        made = drive(ledger.put_account("zeta", Terms(zone="Asia/Tokyo"), at=START + 1000, reason="", actor=""))
        assert ids(made) == [2], "the first one expired a second before, the other one less"
        drive(push_terms(store, ledger, now=START + 1000))
        access.settle()
    report = audit(shop)
    assert report.ok, [str(one) for one in report.findings]
    with Forger(shop) as forger:
        forger.run(f"UPDATE profiles SET at = at - 1 WHERE account = {ZETA} AND version = 4")
    expect(audit(shop), "terms", "usage_events", "0.5 ")


@pytest.mark.parametrize("settled", [False, True])
def test_a_key_that_says_another_place_in_the_stream_is_found(shop: Path, settled: bool) -> None:
    with spillover.connect(f"sqlite:///{shop}", settle=False) as access:
        for number in range(2):
            assert access.consume("acme", "video", 1, key=f"late {number}")
        if settled:  # and killed before it was acknowledged
            drive(access._desk.ledger.settle(drive(access._desk.store.read(10))))
    assert audit(shop).ok
    with Forger(shop) as forger:
        assert forger.run(f"UPDATE keys SET entry = entry + 7 WHERE account = {ACME} AND key = 'late 0'")
    report = audit(shop)
    expect(report, "keys", "keys", "key 'late 0'")
    assert len(report.findings) == 1

"""A receipt proves a past decision: every kind verifies offline, and whatever is changed in it is found and named."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from spillover.core.decide import RULES
from spillover.model.errors import InvalidInput, NewerRules, UnknownName
from spillover.proof import Finding, Proved, build, check, evaluate, read_receipt, write_receipt
from spillover.proof.chain import canonical, event_text, genesis
from spillover.proof.receipt import document_of
from tests.proof.support import KINDS, damage, forged, lived, receipt_of, told


def test_every_kind_of_decision_gives_a_receipt_that_verifies():
    assert {receipt.decided.kind for receipt in told().receipts} == KINDS
    for receipt in told().receipts:
        found = check(write_receipt(receipt))
        assert isinstance(found, Proved), (receipt.decided, found)
        assert evaluate(receipt) is None
        assert read_receipt(write_receipt(receipt)) == receipt


def test_the_hashes_are_those_of_the_books(tmp_path):
    import sqlite3

    with lived(f"sqlite:///{tmp_path}/a.db") as access:
        ledger, account = access.desk.ledger, access.run(access.desk.account("acme"))
        receipts = [access.look(build(ledger, account, key)) for key in ("h1", "u3", "m0")]
    with sqlite3.connect(tmp_path / "a.db") as books:
        for receipt in receipts:
            before, after = books.execute(
                "SELECT (SELECT hash FROM usage_events WHERE account = ?1 AND sequence = ?2 - 1), hash"
                " FROM usage_events WHERE account = ?1 AND sequence = ?2", (account, receipt.sequence),
            ).fetchone()  # fmt: skip
            assert (receipt.hash_before, receipt.hash) == (before.hex(), after.hex())
    books.close()


def test_the_first_event_of_an_account_stands_behind_the_hash_that_begins_its_chain():
    with lived() as access:
        ledger, account = access.desk.ledger, access.run(access.desk.account("acme"))
        page = access.look(ledger.events(account=account, limit=1))
        assert page.rows[0].event.kind == "terms"
        with pytest.raises(InvalidInput, match="terms were ordered"):
            access.look(build(ledger, account, page.rows[0].event.key))
    assert len(genesis("usage_events", 1)) == 32


def test_a_key_without_a_booked_decision_is_unknown():
    with lived() as access:
        account = access.run(access.desk.account("acme"))
        access.consume("acme", "codex.tokens", {"output": 10}, key="waits")
        for key in ("nobody", "waits"):
            with pytest.raises(UnknownName, match="is booked"):
                access.look(build(access.desk.ledger, account, key))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_any_byte_that_is_changed_is_found(kind):
    damage(write_receipt(receipt_of(kind)), 60, random.Random(kind))


@pytest.mark.soak
def test_10000_of_10000_changed_bytes_are_found():
    rng = random.Random(1)
    for receipt in told().receipts:
        damage(write_receipt(receipt), 10_000 // len(told().receipts) + 1, rng)


FIELDS: list[tuple[str, Any, str]] = [
    ("account", 5, "account"),
    ("epoch", 1, "hash"),
    ("sequence", 99, "hash"),
    ("hash_before", "0" * 64, "hash"),
    ("hash_before", "zz", "hash_before"),
    ("hash", "0" * 64, "hash"),
    ("rules", 1, "rules"),
    ("policy", "{}", "policy"),
    ("cells", {"t": 1}, "cells"),
    ("digests", {}, "digests"),
]


@pytest.mark.parametrize(("field", "value", "name"), FIELDS)
def test_a_changed_field_is_named(field, value, name):
    document = document_of(receipt_of("usage")) | {field: value}
    found = check(canonical(document) + b"\n")
    assert isinstance(found, Finding)
    assert found.name == name
    assert found.sentence.startswith(f"{name}: ")


def test_a_changed_profile_or_hold_is_named():
    document = document_of(receipt_of("commit"))
    for name, change in (("profile", {"zone": "Asia/Tokyo"}), ("hold", {"units": 3})):
        found = check(canonical(document | {name: document[name] | change}) + b"\n")
        assert isinstance(found, Finding)
        assert found.name == name


EVENT_FIELDS: list[tuple[str, bool, dict[str, Any], str]] = [
    ("usage", False, {"units": 2}, "units"),
    ("usage", False, {"granted": 2}, "granted"),
    ("usage", False, {"legs": [{"layer": "allowance", "units": 1}]}, "legs"),
    ("usage", False, {"overshoot": {"units": 1, "price": 1, "amount": 1, "forgiven": 0}}, "overshoot"),
    ("usage", False, {"changes": []}, "changes"),
    ("usage", False, {"profile": 1}, "profile"),
    ("usage", False, {"policy": "0" * 64}, "policy"),
    ("usage", False, {"rules": 1}, "rules"),
    ("extend", False, {"units": 1}, "units"),
    ("commit", False, {"usage": {"output": 1}}, "units"),
    ("commit", False, {"ends": "0" * 16}, "hold"),
    ("commit", True, {"late": False}, "changes"),
    ("release", False, {"kind": "expire"}, "kind"),
    ("expire", False, {"moves": [{"kind": "expire", "lot": 1, "amount": 1, "held": True}]}, "moves"),
]


@pytest.mark.parametrize(("kind", "late", "change", "name"), EVENT_FIELDS)
def test_a_forger_who_computes_every_hash_anew_meets_the_rules(kind, late, change, name):
    found = check(forged(receipt_of(kind, late), change))
    assert isinstance(found, Finding), found
    assert found.name == name


def test_a_forger_who_takes_away_the_lots_gets_another_decision():
    receipt = next(one for one in told().receipts if one.decided.key == "u3")
    cells = {name: 0 if name.startswith("lot:") else value for name, value in receipt.cells.items()}
    found = check(forged(receipt, cells=cells))
    assert isinstance(found, Finding)
    assert found.name == "verdict"
    assert "denied: credits" in found.sentence


def test_a_receipt_of_newer_rules_or_form_is_not_judged():
    receipt = receipt_of("usage")
    with pytest.raises(NewerRules, match="a newer Spillover"):
        check(forged(receipt, {"rules": RULES + 1}, rules=RULES + 1))
    with pytest.raises(InvalidInput, match="a newer Spillover"):
        check(canonical(document_of(receipt) | {"spillover_receipt": 2}) + b"\n")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]\n", b"{}\n", b"\xff\n", b'{"a":"\\ud83d"}\n', b"[" * 99999])
def test_what_is_no_receipt_is_refused(data):
    with pytest.raises(InvalidInput):
        check(data)


def test_an_event_of_the_first_form_is_written_as_it_was():
    profile = {"account": 1, "version": 1, "plan": "p", "anchor": 0, "zone": "UTC", "state": "active", "consent": True}
    text = msgspec.json.encode(
        {
            "schema": 1, "rules": 1, "kind": "terms", "account": 1, "key": "k", "fingerprint": "", "at": 5,
            "profile": 1, "changes": [["lot:1", None, 5]],
            "terms": {**profile, "lots": [{"id": 1, "measure": "credits"}]},
        }
    ).decode()  # fmt: skip
    from spillover.model.event import decode_event

    assert event_text(decode_event(text)) == text


def test_a_receipt_behind_a_thousand_events():
    import spillover
    from spillover.access.clock import TurnableClock
    from spillover.policy import read_policy_text
    from tests.proof.support import POLICY

    clock = TurnableClock("2026-03-01T00:00:00Z")
    with spillover.connect("memory://", policy=read_policy_text(POLICY), clock=clock, settle=False) as access:
        access.accounts.put("acme", "plus")
        access.credits.add("acme", "50", key="c1")
        for index in range(1000):
            clock.turn(seconds=7)
            access.consume("acme", "codex.tokens", {"output": 10}, key=f"u{index}")
        access.settle()
        account = access.run(access.desk.account("acme"))
        receipt = access.look(build(access.desk.ledger, account, "u999"))
    assert receipt.sequence > 1000
    assert isinstance(check(write_receipt(receipt)), Proved)


def test_a_receipt_is_checked_without_any_database(tmp_path):
    (tmp_path / "r.json").write_bytes(write_receipt(receipt_of("commit")))
    program = (
        "import sys; from spillover.proof import check; found = check(open(sys.argv[1], 'rb').read());"
        " assert 'apsw' not in sys.modules and 'spillover.engine' not in sys.modules; print(found.sentence)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "r.json")], capture_output=True, text=True, check=True
    )
    assert "rules 2 give the same decision" in done.stdout

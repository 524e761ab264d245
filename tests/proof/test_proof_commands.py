"""`explain` of past decisions, `verify` and `proof` on the command line; refusals are one line."""

from __future__ import annotations

import json
import re

import pytest

from spillover.model.errors import InvalidInput
from spillover.proof import Finding, Proved, check, write_receipt
from spillover.proof.receipt import document_of
from spillover.proof.signing import is_signed_well, public_key, sign
from tests.cli.support import Done, run
from tests.proof.support import lived, receipt_of, told


@pytest.fixture(scope="module")
def books(tmp_path_factory):
    folder = tmp_path_factory.mktemp("books")
    lived(f"sqlite:///{folder}/a.db").close()
    assert run("proof", "key", str(folder / "k.pem")).status == 0
    return folder


def asked(books, *args: str) -> Done:
    return run(*args, environment={"SPILLOVER_DB": f"sqlite:///{books}/a.db"})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--key", "u3"], "0.0001 credits from credits"),
        (["--key", "u4"], "not granted"),
        (["--key", "h1"], "held"),
        (["--key", "h1", "--end"], "given back"),
        (["--key", "h2", "--step", "1"], "extended"),
        (["--key", "h2", "--end"], "committed after it had expired"),
        (["--key", "h3", "--end"], "released, nothing was charged"),
        (["--key", "h4", "--end"], "0.015125 credits owed"),
        (["--key", "r1"], "0.1 beyond what was there"),
    ],
)
def test_a_past_decision_is_shown_the_same_from_the_books_and_from_its_receipt_alone(books, tmp_path, options, said):
    out = str(tmp_path / "r.json")
    shown = asked(books, "explain", "--account", "acme", *options, "--receipt-out", out)
    assert shown.status == 0
    assert said in shown.out
    assert "█" in shown.out
    alone = run("explain", "--receipt", out)
    # The database knows who the tokens are.
    assert alone.out.endswith("; names stand as tokens\n")
    named = re.sub(r", subject [0-9a-f]{20};", ", subject ada;", alone.out.replace("; names stand as tokens", ""))
    assert shown.out == f"{named}\nreceipt saved in {out}; `spillover verify {out}` checks it\n"
    assert '"ada"' not in (tmp_path / "r.json").read_text()  # in quotes: hashes are hexadecimal
    verified = run("verify", out)
    assert verified.status == 0
    assert "nobody signed it" in verified.out


def test_a_signed_receipt_says_who_signed_it(books, tmp_path):
    out, key = str(tmp_path / "r.json"), str(books / "k.pem")
    asked(books, "explain", "--account", "acme", "--key", "u3", "--receipt-out", out, "--sign", key)
    done = run("verify", out, "--key", f"{key}.pub", "--json")
    assert done.document["proved"]
    assert done.document["signed_by"] == public_key(f"{key}.pub")
    assert asked(books, "proof", "key", str(tmp_path / "other.pem")).status == 0
    wrong = run("verify", out, "--key", str(tmp_path / "other.pem.pub"))
    assert wrong.status == 1
    assert wrong.out.startswith("not proved: signature: found one by ")


def test_who_signs_anew_after_a_change_signs_as_himself_only(books):
    document = sign(document_of(receipt_of("usage")), str(books / "k.pem"))
    assert is_signed_well(document)
    for change in ({"epoch": 1}, {"signature": document["signature"] | {"value": "0" * 128}}):
        assert not is_signed_well(document | change)
    unsigned = check(write_receipt(receipt_of("usage")), document["signature"]["key"])
    assert isinstance(unsigned, Finding)
    assert unsigned.name == "signature"


def test_a_signed_statement_is_proved(books, tmp_path):
    out, key = str(tmp_path / "s.jsonl"), str(books / "k.pem")
    assert asked(books, "proof", "statement", "acme", "--out", out, "--sign", key).status == 0
    done = run("verify", out, "--key", f"{key}.pub")
    assert (done.status, "running balances and sums fit; signed by" in done.out) == (0, True)
    text = (tmp_path / "s.jsonl").read_bytes()
    (tmp_path / "s.jsonl").write_bytes(text.replace(b'"purchases"', b'"promotion"', 1))
    done = run("verify", out)
    assert (done.status, done.out) == (1, "not proved: row 1 does not fit its chain\n")


def test_a_past_decision_as_json(books):
    done = asked(books, "explain", "--account", "acme", "--key", "h4", "--end", "--json")
    assert done.document["kind"] == "commit"
    assert done.document["overshoot"]["owed"]["micro_credits"] == 15125
    assert done.document["limits"][0]["name"] == "five"


def test_what_would_be_answered_as_a_hold_partial_or_recorded(books):
    held = asked(books, "explain", "acme", "codex.tokens", "output=1000", "--hold", "--lasts", "5m")
    assert "▓" in held.out
    assert "held until" in held.out
    partial = asked(books, "explain", "acme", "codex.tokens", "output=90000000", "--mode", "partial")
    assert "not granted" in partial.out
    recorded = asked(books, "explain", "acme", "codex.tokens", "output=90000000", "--mode", "record")
    assert "overshoot" in recorded.out
    assert "▚" in recorded.out
    document = asked(books, "explain", "acme", "codex.tokens", "output=90000000", "--json").document
    assert set(document["denial"]) >= {"opens_at", "closes_at", "unlock"}


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["explain", "--account", "acme", "--key", "nope"], "of which the books have this decision"),
        (["explain", "--account", "acme", "--key", "u3", "--end"], "have this end"),
        (["explain", "--account", "nobody", "--key", "u3"], "nobody"),
        (["explain", "--key", "u3"], "--account NAME"),
        (["explain", "acme"], "ACCOUNT FEATURE"),
        (["explain", "acme", "codex.tokens", "9", "--end"], "--key of a past decision"),
        (["explain", "acme", "codex.tokens", "output=9", "--lasts", "5m"], "--hold beside it"),
        (["explain", "--account", "acme", "--key", "u3", "--sign", "x"], "--receipt-out"),
        (["explain", "--receipt", "none.json"], "cannot be read"),
        (["verify", "none.json"], "cannot be read"),
        (["verify", __file__], "expected a receipt or a statement"),
        (["explain", "--receipt", __file__], "expected a receipt"),
    ],
)  # fmt: skip
def test_what_cannot_be_explained_is_refused_in_one_line(books, args, complaint):
    assert complaint in asked(books, *args).complaint


def test_a_decision_that_waits_in_the_stream_is_said_to(tmp_path):
    with lived(f"sqlite:///{tmp_path}/w.db") as access:
        access.consume("acme", "codex.tokens", {"output": 10}, key="waits")
    done = run("explain", "--account", "acme", "--key", "waits", "--db", f"sqlite:///{tmp_path}/w.db")
    assert "`spillover settle` books it" in done.complaint


def test_keys_are_not_overwritten_and_no_other_file_is_taken_for_one(books, tmp_path):
    assert "keys are not overwritten" in run("proof", "key", str(books / "k.pem")).complaint
    assert (books / "k.pem").stat().st_mode & 0o777 == 0o600
    (tmp_path / "no.pem").write_text("no key")
    with pytest.raises(InvalidInput, match="which is no key"):
        public_key(str(tmp_path / "no.pem"))
    with pytest.raises(InvalidInput, match="no private key"):
        sign({}, str(books / "k.pem.pub"))


def test_a_receipt_whose_decision_the_rules_do_not_give_is_not_explained(tmp_path):
    document = document_of(receipt_of("usage"))
    event = json.loads(document["event"]) | {"units": 77}
    (tmp_path / "f.json").write_text(
        json.dumps(document | {"event": json.dumps(event)}, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        + "\n"
    )
    assert "units: the receipt says 77" in run("explain", "--receipt", str(tmp_path / "f.json")).complaint
    assert isinstance(check(told().statement), Proved)

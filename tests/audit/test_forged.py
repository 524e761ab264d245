"""A clever forger makes every hash, head, balance and sum right again: what was done still breaks the rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from spillover.audit import audit
from tests.audit.forger import Forger
from tests.audit.forgeries import FORGED
from tests.audit.planting import ACME, expect


@pytest.mark.parametrize("what", FORGED)
def test_forged_books_with_right_hashes_are_found(shop: Path, what: str) -> None:
    forge, (check, table, row) = FORGED[what]
    with Forger(shop) as forger:
        forger.run("PRAGMA ignore_check_constraints = 1")
        forge(forger, forger.one(f"SELECT {ACME}"))
        forger.resum()
        forger.rechain()
    report = audit(shop)
    expect(report, check, table, row)
    assert "chain" not in report.found, [str(one) for one in report.findings if one.check == "chain"]


def test_rechaining_honest_books_changes_nothing(shop: Path) -> None:
    before = audit(shop)
    with Forger(shop) as forger:
        forger.resum()
        forger.rechain()
    after = audit(shop)
    assert (before.ok, after.ok, after.digest) == (True, True, before.digest)

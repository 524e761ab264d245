"""Damaged files never break the audit: it ends with findings, or with one clear error."""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

import pytest

from spillover.audit import audit, crew
from spillover.model.errors import StoreError
from tests.audit.forger import Forger
from tests.audit.planting import ACME
from tests.audit.worlds import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return World(tmp_path_factory.mktemp("world") / "x.db", 4, accounts=4).play(250).close()


@pytest.mark.parametrize("seed", range(60))
def test_any_damage_ends_in_findings_or_an_error(world: Path, tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    path = Path(shutil.copy(world, tmp_path / "x.db"))
    content = bytearray(path.read_bytes())
    for _ in range(pick.choice([1, 1, 3, 40])):
        content[pick.randrange(100, len(content))] ^= 1 << pick.randrange(8)
    if pick.random() < 0.1:
        del content[pick.randrange(4096, len(content)) :]
    path.write_bytes(content)
    try:
        report = audit(path)
    except StoreError:
        return
    assert report.ok == (not report.findings)


def test_bytes_of_an_event_are_flipped_and_every_flip_is_found(shop: Path) -> None:
    pick = random.Random(1)
    with Forger(shop) as forger:
        payload = bytes(forger.one(f"SELECT payload FROM usage_events WHERE account = {ACME} AND sequence = 8"))
    for _ in range(120):
        changed = bytearray(payload)
        changed[pick.randrange(len(changed))] ^= 1 << pick.randrange(8)
        with Forger(shop) as forger:
            forger.run(f"UPDATE usage_events SET payload = ? WHERE account = {ACME} AND sequence = 8", bytes(changed))
        report = audit(shop, accounts=["acme"])
        assert next(one.row for one in report.findings if one.check == "chain").startswith("0.8 ")


def test_a_page_that_cannot_be_read_hides_one_account_only(world: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(world, tmp_path / "x.db"))
    with Forger(path) as forger:
        page = forger.one("SELECT rootpage FROM sqlite_schema WHERE name = 'lots'")
        size = forger.one("PRAGMA page_size")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : (page - 1) * size + 8] = b"\xff" * 8
    path.write_bytes(content)
    report = audit(path)
    assert report.found["pages"] >= 1
    assert not report.ok


def test_texts_that_are_no_utf8_are_named_and_the_others_read_on(shop: Path) -> None:
    with Forger(shop) as forger:
        forger.run(f"UPDATE lots SET tax = CAST(x'fffe' AS TEXT) WHERE account = {ACME} AND lot = 1")
        forger.run("UPDATE names SET name = CAST(x'fffe' AS TEXT) WHERE kind = 'account' AND name = 'acme'")
    report = audit(shop)
    assert report.accounts == 2
    (finding,) = report.findings
    assert (finding.table, finding.row, finding.name) == ("lots", "lot 1", None)


def test_findings_are_bounded_and_all_counted(tmp_path: Path) -> None:
    path = World(tmp_path / "x.db", 2).play(400).close()
    with Forger(path) as forger:
        forger.run("UPDATE usage_events SET hash = zeroblob(32)")
    for processes in (1, 2):
        report = audit(path, processes=processes)
        assert report.found["chain"] > 200
        assert len([one for one in report.findings if one.check == "chain"]) == 100


def test_a_worker_that_dies_is_an_error_that_says_so(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_BOOT", "import sys")
    with pytest.raises(StoreError, match="ended before its work was done"):
        audit(shop, processes=2)


def test_workers_need_no_main_guard(shop: Path, tmp_path: Path) -> None:
    import subprocess

    script = tmp_path / "script.py"
    script.write_text(f"from spillover.audit import audit\nprint(audit({str(shop)!r}, processes=2).ok)\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"

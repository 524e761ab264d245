"""Each test of the command line runs in an empty directory; `shop` has a database made by `spillover init`, and
in it a first decision that is booked."""

import pytest

import spillover
from tests.cli.support import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPILLOVER_DB", raising=False)
    return tmp_path


@pytest.fixture
def shop(folder):
    assert run("init").status == 0
    with spillover.connect("sqlite:///spillover.db", settle=False) as access:
        assert access.consume("acme", "video.seconds", 8, subject="ada", key="first").charged == 30_000_000
        access.settle()
    return folder

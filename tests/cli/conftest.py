"""Each test of the command line runs in an empty directory; `shop` has a database made by `spillover init`."""

import pytest

from tests.cli.support import run


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPILLOVER_DB", raising=False)
    return tmp_path


@pytest.fixture
def shop(folder):
    assert run("init").status == 0
    return folder

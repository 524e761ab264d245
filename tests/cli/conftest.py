"""Each test of the command line runs in an empty directory; `shop` has a database made by `spillover init`, and
in it a first decision that is booked."""

import shutil
import time
from contextlib import chdir
from functools import cache

import pytest

import spillover
from tests.cli.support import run

DAY = 86_400


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPILLOVER_DB", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def shop_of(tmp_path_factory):
    """The shop as made on a day, its window's: once, as making it takes longer than most tests."""

    @cache
    def made(day):
        where = tmp_path_factory.mktemp(f"shop{day}")
        with chdir(where):
            assert run("init").status == 0
            with spillover.connect("sqlite:///spillover.db", settle=False) as access:
                assert access.consume("acme", "video.seconds", 8, subject="ada", key="first").charged == 30_000_000
                access.settle()
        return where

    return made


@pytest.fixture
def shop(folder, shop_of):
    shutil.copytree(shop_of(int(time.time()) // DAY), folder, dirs_exist_ok=True)
    return folder

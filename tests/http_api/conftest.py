"""One service for the tests of a module, without keys, on the starter's policy."""

from importlib.resources import files

import pytest

from tests.http_api.served import Served

PACKS = """
packs:
  small: {credits: 100, price: "9.00 EUR", expires: 365d}
"""
STARTER = files("spillover.cli").joinpath("starter.yaml").read_text("utf-8") + PACKS


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("served"), "--log-level", "access", policy=STARTER) as found:
        for name in ("acme", "other"):
            assert found.post("accounts/put", {"account": name, "plan": "starter"}).status == 200
        yield found

"""What the tests of outages share: a service that can be taken away, an account, clients of both faces."""

import os
from contextlib import suppress

import pytest

import spillover
from spillover.access.clock import system_clock
from spillover.http_client import drainer, tries
from tests.http_client.clocked import Clocked
from tests.http_client.faces import FACES, open_face
from tests.support import policy

BOUND = {"chat.messages": 3, "video.seconds": 10}


@pytest.fixture(scope="module")
def away_service():
    """A service of one module, by the machine's clock."""
    with Clocked(policy(), system_clock) as found:
        yield found


@pytest.fixture
def put(away_service, monkeypatch):
    """The account acme anew, with credits, and a client that has no journal. Clients look often for their service."""
    monkeypatch.setattr(drainer, "LOOK_SECONDS", 0.03)
    monkeypatch.setattr(tries, "PAUSES", (0.001, 0.001))  # so that a deadline may be long, and tests short
    with spillover.connect(away_service.url, deadline=30) as client:
        with suppress(spillover.UnknownName):
            client.accounts.erase("acme")
        client.accounts.put("acme", "plus")
        client.credits.add("acme", "1000", key=os.urandom(4).hex())
        yield client


@pytest.fixture(params=FACES)
def open_client(request, away_service, put, tmp_path):
    """Opens a client of either face with a journal."""

    def opened(features=None, **options):
        bound = BOUND if features is None else features
        admit = spillover.Admit(bound, journal=tmp_path / "x.journal", **options.pop("admit", {}))
        return open_face(request.param, away_service.url, **{"deadline": 30, "when_unreachable": admit} | options)

    return opened

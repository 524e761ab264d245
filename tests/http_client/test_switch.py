"""Operators open for all, for at most a day; it is written down why, and all that was admitted is recorded."""

import os
import time

import pytest

from spillover.access.clock import system_clock
from spillover.core.instants import to_moment
from spillover.http_client import switch
from spillover.http_client.notes import Notes
from spillover.model.errors import InvalidInput, StoreUnavailable
from tests.http_client.faces import Away, recorded, requests_of, units_of, until

CHAT, VIDEO = ("acme", "chat.messages"), ("acme", "video.seconds")
HOUR = 3_600_000


def test_while_it_is_open_all_is_admitted_without_asking_and_recorded_by_and_by(open_client, away_service):
    with open_client({}) as client:
        assert not client.consume(*VIDEO, 10**6)
        away = Away(away_service)
        client.open_until(system_clock() + HOUR, reason="the database is moved", actor="ops")
        status = client.journal_status()
        assert (status.reason, status.actor, status.open_until > system_clock()) == (
            "the database is moved",
            "ops",
            True,
        )
        with away:
            found = client.consume(*VIDEO, 10**6, key="huge")
            assert found.sentence.startswith("1,000,000 seconds admitted while operators had opened (the d")
            assert [client.consume(*CHAT).journaled for _ in range(20)] == [True] * 20
            assert client.consume_many([{"account": "acme", "feature": "chat.messages"}] * 2)[1].journaled
            with client.hold(*VIDEO, 50) as hold:
                hold.report(seconds=5)
            assert set(away.asked) <= {"/v1/consume-many", "/v1/record", "/v1/holds/commit"}  # it is recorded, only
            client.open_until(None)
            with pytest.raises(StoreUnavailable):
                client.consume(*CHAT)
        recorded(client)
        assert client.journal_status().open_until is None
        assert (requests_of(client), units_of(client)) == (22, 10**6 + 5)


def test_holds_of_the_service_go_on_and_end_while_it_is_open(open_client, away_service):
    with open_client({}) as client:
        assert client.open_hold(*VIDEO, 3, key="job").due
        client.open_until(system_clock() + HOUR, reason="r")
        with Away(away_service):
            assert client.holds.extend("acme", "job", 9).journaled
            assert client.holds.commit("acme", "job", 8).granted == 8
        recorded(client)
        assert units_of(client) == 8


def test_it_stays_open_over_a_restart_and_what_was_set_is_kept(open_client, away_service, tmp_path):
    until_then = system_clock() + HOUR
    with open_client({}) as client, Away(away_service):
        client.open_until(until_then, reason="first", actor="ada")
        client.open_until(f"{to_moment(until_then).isoformat()}", reason="second", actor="bob")
    with Away(away_service), open_client({}) as client:
        assert client.journal_status().reason == "second"
        assert client.consume(*CHAT)
        client.open_until(None)
    with Away(away_service), open_client({}) as client:
        assert client.journal_status().open_until is None
        with pytest.raises(StoreUnavailable):
            client.consume(*CHAT)
    notes = Notes(str(tmp_path / "x.journal"))
    kept = [(one.reason, one.actor, one.until == until_then, one.ended is not None) for one in notes.switches(9)]
    notes.close()
    assert kept == [("second", "bob", True, True), ("first", "ada", True, True)]
    with open_client({}) as client:
        recorded(client)


def test_it_closes_by_itself_at_its_instant(open_client, away_service):
    with open_client({}) as client, Away(away_service):
        client.open_until(system_clock() + 150, reason="short")
        assert client.consume(*CHAT).journaled
        until(lambda: client.journal_status().open_until is None)
        with pytest.raises(StoreUnavailable):
            client.consume(*CHAT)


WHY = {"reason": "r"}


@pytest.mark.parametrize(
    ("instant", "options"),
    [
        (system_clock() + 25 * HOUR, WHY), (system_clock() - HOUR, WHY), ("soon", WHY), ("2026-01-01T00:00:00", WHY),
        ("9" * 5_000, WHY),
        (1.5, WHY), (system_clock() + HOUR, {}),
    ],
)  # fmt: skip
def test_what_is_no_instant_within_a_day_or_has_no_reason_opens_nothing(open_client, instant, options):
    with open_client({}) as client:
        with pytest.raises(InvalidInput, match=r"until|reason"):
            client.open_until(instant, **options)
        assert client.journal_status().open_until is None


def test_a_file_opens_while_it_is_there_and_is_looked_at_once_a_second(
    open_client, away_service, tmp_path, monkeypatch
):
    file = tmp_path / "open"
    with open_client({}, admit={"switch": file}) as client, Away(away_service):
        with pytest.raises(StoreUnavailable):
            client.consume(*CHAT)
        file.write_text(f"{to_moment(system_clock() + HOUR).isoformat()} the region is down\n")
        looked = time.monotonic()
        until(lambda: client.journal_status().open_until)
        assert time.monotonic() - looked > switch.LOOK_SECONDS / 2
        assert client.journal_status().reason == "the region is down"
        assert client.consume(*CHAT).journaled
        monkeypatch.setattr(switch, "LOOK_SECONDS", 0)
        file.unlink()
        with pytest.raises(StoreUnavailable):
            client.consume(*CHAT)
        for wrong in ("soon", "2019-01-01T00:00:00Z old", f"{system_clock() - 5} over", "", "\0\xff"):
            file.write_text(wrong)
            with pytest.raises(StoreUnavailable):
                client.consume(*CHAT)
        file.write_text(str(system_clock() + 1000 * HOUR))
        day = (system_clock() + 24 * HOUR, system_clock() + 23 * HOUR)
        assert day[0] + 1_000 > client.journal_status().open_until > day[1]
        os.utime(file, (time.time() + 900_000, time.time() + 900_000))
        assert day[0] + 60_000 > client.journal_status().open_until > day[1], "the clock of who wrote it was ahead"
        os.utime(file, (time.time() - 90_000, time.time() - 90_000))
        with pytest.raises(StoreUnavailable):
            client.consume(*CHAT)

"""Holds through an outage: what was used under them is billed once, as it was; what was not is not."""

import pytest

import spillover
from spillover.model.errors import HoldEnded, KeyReused, StoreUnavailable
from tests.http_client.faces import Away, find_again, lose, recorded, requests_of, units_of

VIDEO = ("acme", "video.seconds")


def test_work_under_a_hold_that_is_opened_in_an_outage_is_billed_as_it_was(open_client, away_service):
    with open_client() as client:
        with Away(away_service):
            with client.hold(*VIDEO, 4, key="job") as hold:
                for _ in range(6):
                    hold.report(seconds=1)
            assert (hold.ending.granted, hold.ending.kind, hold.ending.estimated) == (6, "commit", True)
            assert hold.ending.sentence.endswith("while the service was unreachable, to be settled later")
            with client.hold(*VIDEO, 4) as hold:
                pass
            assert hold.ending.kind == "release"
        recorded(client)
        assert units_of(client) == 6
        again = client.holds.commit("acme", "job", 6)
        assert again.granted == 6
        with pytest.raises(HoldEnded):
            client.holds.commit("acme", "job", 7)


def test_open_holds_and_what_was_used_under_them_count_in_the_bound(open_client, away_service):
    with open_client() as client, Away(away_service):
        assert client.open_hold(*VIDEO, 6, key="one").journaled
        with pytest.raises(StoreUnavailable):
            client.open_hold(*VIDEO, 5, key="two")
        with pytest.raises(StoreUnavailable, match="found no room for more while the service was unreachable"):
            client.holds.extend("acme", "one", 11)
        assert client.holds.extend("acme", "one", 10).journaled
        client.holds.commit("acme", "one", 7)
        with pytest.raises(StoreUnavailable):
            client.consume(*VIDEO, 4)
        assert client.consume(*VIDEO, 3)


def test_a_hold_of_the_service_ends_in_an_outage_and_the_service_hears_of_it_later(open_client, away_service):
    with open_client() as client:
        for key in ("used", "unused", "short"):
            assert client.open_hold(*VIDEO, 3, key=key).due
        with Away(away_service):
            assert client.holds.commit("acme", "used", {"seconds": 2}).granted == 2
            assert client.holds.commit("acme", "used", {"seconds": 2}).replayed
            with pytest.raises(KeyReused):
                client.holds.commit("acme", "used", 3)
            assert client.holds.release("acme", "unused").kind == "release"
            with pytest.raises(StoreUnavailable):
                client.holds.extend("acme", "short", 9)
            assert client.holds.commit("acme", "short", {"seconds": 9}).granted == 9
        recorded(client)
        assert client.holds.list("acme") == ()
        assert units_of(client) == 11


def test_work_that_began_before_an_outage_ends_in_it(open_client, away_service):
    with open_client() as client:
        away = Away(away_service)
        with client.hold(*VIDEO, 4, key="job") as hold:
            hold.report(seconds=2)
            away.__enter__()
            for _ in range(5):
                hold.report(seconds=1)
        assert hold.ending.granted == 7
        away.__exit__()
        recorded(client)
        assert units_of(client) == 7


def test_a_hold_that_the_service_opened_before_its_answer_was_lost_is_billed_once(open_client, away_service):
    with open_client() as client:
        for key, end in (("used", lambda: client.holds.commit("acme", "used", 2)), ("unused", None)):
            lose(away_service, "/v1/holds/open")
            assert client.open_hold(*VIDEO, 3, key=key).journaled
            if end:
                assert end().granted == 2
            else:
                assert client.holds.release("acme", key).kind == "release"
            find_again(away_service)
            recorded(client)
        assert client.holds.list("acme") == ()
        assert units_of(client) == 2
        assert requests_of(client, "video.seconds") == 1


def test_an_end_whose_answer_was_lost_is_one_end(open_client, away_service):
    with open_client() as client:
        assert client.open_hold(*VIDEO, 3, key="job")
        lose(away_service, "/v1/holds/commit")
        assert client.holds.commit("acme", "job", 2).granted == 2
        find_again(away_service)
        recorded(client)
        assert units_of(client) == 2


def test_a_hold_outlives_its_program_and_is_billed_by_the_next(open_client, away_service):
    with Away(away_service):
        with open_client() as client:
            assert client.open_hold(*VIDEO, 4, key="job").journaled
            with pytest.raises(KeyReused):
                client.consume(*VIDEO, 4, key="job")
            assert client.open_hold(*VIDEO, 4, key="job").replayed
            with pytest.raises(KeyReused):
                client.open_hold(*VIDEO, 5, key="job")
        with open_client() as client:
            assert client.journal_status().holds == 1
            with pytest.raises(StoreUnavailable):
                client.consume(*VIDEO, 7)
    with open_client() as client:
        assert client.holds.commit("acme", "job").granted == 4
        with pytest.raises(HoldEnded):
            client.open_hold(*VIDEO, 4, key="job")
        recorded(client)
        assert client.journal_status().holds == 0
        assert units_of(client) == 4


def test_a_hold_without_room_is_not_opened(open_client, away_service):
    with open_client() as client, Away(away_service):
        with pytest.raises(StoreUnavailable), client.hold(*VIDEO, 40):
            pass
        with pytest.raises(StoreUnavailable), client.hold("acme", "chat.tokens", {"input": 4}):
            pass
        assert client.journal_status().holds == 0


def test_the_middleware_lets_through_what_is_admitted_and_asks_nothing_beside(put, away_service, tmp_path):
    import asyncio

    from spillover.integrations.asgi import SpilloverMiddleware
    from tests.integrations.driven import ask
    from tests.integrations.test_from_afar import hello

    async def play():
        admit = spillover.Admit({"chat.messages": 2}, journal=tmp_path / "x.journal")
        async with spillover.connect_async(away_service.url, deadline=30, when_unreachable=admit) as access:
            door = SpilloverMiddleware(hello, access, feature="chat.messages", account="acme")
            found = await ask(door)
            assert '"five_hour";q=10;w=18000' in found.headers["ratelimit-policy"]
            assert '"five_hour";r=9;t=' in found.headers["ratelimit"]
            with Away(away_service) as away:
                assert [(await ask(door)).status for _ in range(3)] == [200, 200, 503]
                assert not any("overview" in path for path in away.asked)

    asyncio.run(play())

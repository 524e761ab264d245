"""What a client admits while its service is away is bounded, on disk before it is told, and recorded once after."""

import os

import pytest

import spillover
from spillover.access.clock import system_clock
from spillover.http_client.problems import NotAllowed
from spillover.model.errors import InvalidInput, KeyReused, StoreUnavailable
from tests.cli.support import run
from tests.http_client.conftest import BOUND
from tests.http_client.faces import Away, find_again, lose, recorded, requests_of, units_of
from tests.http_client.test_tries import until
from tests.support import policy

CHAT = ("acme", "chat.messages")
VIDEO = ("acme", "video.seconds")


def test_the_first_units_are_admitted_told_as_such_and_recorded_once_under_their_keys(open_client, away_service):
    with open_client() as client:
        assert not client.consume(*CHAT, key="before").journaled
        with Away(away_service):
            found = [client.consume(*CHAT, key=f"k{one}") for one in range(3)]
            with pytest.raises(StoreUnavailable, match=f"{away_service.url}: found no service that answers"):
                client.consume(*CHAT, key="k3")
            with pytest.raises(StoreUnavailable):
                client.consume("acme", "chat.tokens", {"input": 5}, key="closed")
            assert client.consume("other", "chat.messages", key="k0").journaled
            assert (client.journal_status().waiting, client.journal_status().is_away) == (4, True)
        assert all(one.allowed and one.journaled and one.granted == 1 and not one.legs for one in found)
        assert found[0].sentence == "1 message admitted while the service was unreachable, to be settled later"
        until(lambda: not client.journal_status().waiting)
        assert client.journal_status().refused == 1  # of an account that the service does not know
        assert requests_of(client) == 4
        assert not client.consume(*CHAT, key="k3").journaled


def test_a_404_of_a_proxy_is_an_outage_and_one_of_the_service_is_none(open_client, away_service):
    with open_client() as client:
        with Away(away_service, 404):
            assert [client.consume(*CHAT, key=f"k{one}").journaled for one in range(3)] == [True] * 3
            with pytest.raises(StoreUnavailable, match=r"\(status 404 of another program: a proxy, or the address"):
                client.consume(*CHAT, key="k3")
        recorded(client)
        with pytest.raises(spillover.UnknownName):
            client.consume("nobody", "chat.messages")
        assert not client.journal_status().is_away
        assert requests_of(client) == 3


def test_the_bound_is_whole_again_when_all_is_recorded_and_not_before(open_client, away_service):
    with open_client() as client:
        for outage in range(2):
            with Away(away_service):
                for one in range(3):
                    assert client.consume(*CHAT, key=f"{outage}-{one}")
                for _ in range(2):
                    with pytest.raises(StoreUnavailable):
                        client.consume(*CHAT)
            recorded(client)
        assert requests_of(client) == 6


def test_the_same_request_under_its_key_is_admitted_once_and_told_who_paid_when_that_is_known(
    open_client, away_service
):
    with open_client() as client:
        with Away(away_service):
            first = client.consume(*VIDEO, 4, key="k")
            again = client.consume(*VIDEO, 4, key="k")
            assert (first.replayed, again.replayed, again.journaled, again.at) == (False, True, True, first.at)
            with pytest.raises(KeyReused):
                client.consume(*VIDEO, 5, key="k")
        recorded(client)
        later = client.consume(*VIDEO, {"seconds": 4}, key="k")
        assert (later.replayed, later.journaled, later.granted, bool(later.legs)) == (True, False, 4, True)
        with pytest.raises(KeyReused):
            client.consume(*VIDEO, 5, key="k")
        assert units_of(client) == 4


def test_what_was_done_before_its_answer_was_lost_is_charged_once(open_client, away_service):
    with open_client() as client:
        lose(away_service, "/v1/consume", "/v1/record", "/v1/consume-many")
        assert client.consume(*VIDEO, 4, key="consumed").journaled
        lose(away_service, "/v1/consume", "/v1/record", "/v1/consume-many")
        assert client.record(*VIDEO, 5, key="recorded").journaled
        many = [{"account": "acme", "feature": "chat.messages", "key": f"m{one}"} for one in range(2)]
        assert [one.journaled for one in client.consume_many(many)] == [True, True]
        find_again(away_service)
        recorded(client)
        assert (units_of(client), requests_of(client)) == (9, 2)


def test_denials_refusals_and_errors_are_the_services_and_nothing_is_admitted_for_them(open_client, put):
    put.accounts.put("idle", "free")
    with open_client({"chat.messages": 3, "video.seconds": 10**6}) as client:
        assert not client.consume(*VIDEO, 10**6)
        assert not client.consume("idle", "video.seconds", 5)
        with pytest.raises(spillover.UnknownName):
            client.consume("nobody", "chat.messages")
        with pytest.raises(InvalidInput):
            client.consume(*CHAT, at=17)
        assert client.journal_status().waiting == 0


def test_whom_the_service_would_not_serve_is_not_served_in_an_outage_either(open_client, away_service, put):
    put.accounts.put("idle", "free")
    with open_client() as client:
        assert not client.consume("idle", "video.seconds", 5)
        with pytest.raises(spillover.UnknownName):
            client.consume("nobody", "chat.messages")
        client.accounts.suspend("acme")
        assert not client.consume(*CHAT)
        with Away(away_service):
            for account, feature in (("idle", "video.seconds"), ("nobody", "chat.messages"), CHAT):
                with pytest.raises(StoreUnavailable):
                    client.consume(account, feature)
            with pytest.raises(StoreUnavailable):
                client.consume("idle", "chat.messages", at=system_clock() - 60_000)
            assert client.consume("idle", "chat.messages").journaled
        client.accounts.put("acme", state="active")
        until(lambda: not client.journal_status().waiting)


def test_only_so_many_accounts_are_admitted_in_an_outage(open_client, away_service, put):
    for one in range(3):
        put.accounts.put(f"a{one}", "plus")
    with open_client(admit={"accounts": 2}) as client, Away(away_service):
        assert client.consume("a0", "chat.messages")
        assert client.consume("a1", "chat.messages")
        assert client.consume("a0", "chat.messages")
        with pytest.raises(StoreUnavailable):
            client.consume("a2", "chat.messages")


def test_usage_that_has_happened_is_always_taken_and_counts_at_its_own_time(open_client, away_service):
    with open_client({}) as client:
        with Away(away_service):
            found = client.record(*VIDEO, 500, key="r")
            assert found.journaled
            with pytest.raises(StoreUnavailable):
                client.consume(*VIDEO, 1)
            wait = system_clock() + 1_100  # the journal's time, not that of the settlement
            until(lambda: system_clock() > wait)
        recorded(client)
        assert abs(client.record(*VIDEO, 500, key="r").at - found.at) <= 1
        assert units_of(client) == 500


def test_what_is_older_than_the_account_takes_by_now_is_recorded_all_the_same(open_client, away_service, put):
    with Away(away_service), open_client() as client:
        found = client.consume(*VIDEO, 3, key="late")
    until(lambda: system_clock() > found.at + 1_200)
    assert put.consume(*VIDEO, 1)
    assert not put.record(*VIDEO, 1, at=found.at)
    with open_client() as client:
        recorded(client)
        assert units_of(client) == 4
        assert client.consume(*VIDEO, 3, key="late").at > found.at + 1_000


def test_many_requests_are_admitted_one_by_one(open_client, away_service):
    ask = {"account": "acme", "feature": "chat.messages"}
    with open_client() as client:
        with Away(away_service):
            many = [{**ask, "key": f"m{one}"} for one in range(5)]
            found = client.consume_many([*many, {"account": "acme"}])
            assert [isinstance(one, spillover.Decision) for one in found] == [True] * 3 + [False] * 3
            assert [type(one) for one in found[3:]] == [StoreUnavailable, StoreUnavailable, InvalidInput]
            with pytest.raises(StoreUnavailable):
                client.consume_many([{**ask, "feature": "chat.tokens", "usage": {"input": 1}}])
        recorded(client)
        assert requests_of(client) == 3
        again = client.consume_many(many[:2])
        assert [(one.replayed, bool(one.legs)) for one in again] == [(True, True)] * 2


def test_while_it_is_away_what_has_room_does_not_wait_for_it(open_client, away_service):
    with open_client({"chat.messages": 50}) as client:
        with Away(away_service) as away:
            assert client.consume(*CHAT)
            seen = len([path for path in away.asked if path == "/v1/consume"])
            for _ in range(20):
                assert client.consume(*CHAT)
            assert len([path for path in away.asked if path == "/v1/consume"]) == seen
        recorded(client)
        assert requests_of(client) == 21


def test_a_journal_is_one_clients_alone_and_no_engines(open_client, away_service, tmp_path):
    with open_client() as client:
        with pytest.raises(InvalidInput, match=r"when_unreachable.journal: found .* open in another client, expected"):
            open_client().__enter__()
        with pytest.raises(InvalidInput, match=r"journal: .*not one with a client's journal"):
            spillover.connect("memory://", policy=policy(), journal=tmp_path / "x.journal")
        assert client.consume(*CHAT)
    with open_client() as client:
        assert client.journal_status().waiting == 0


def test_what_waits_when_a_program_ends_is_recorded_when_the_journal_is_opened_again(open_client, away_service):
    with Away(away_service):
        with open_client() as client:
            assert client.consume(*CHAT, key="k")
            assert client.journal_status().waiting == 1
        with open_client() as client:
            assert client.consume(*CHAT, key="k").replayed
            assert [bool(client.consume(*CHAT)) for _ in range(2)] == [True, True]
            with pytest.raises(StoreUnavailable):
                client.consume(*CHAT)
    with open_client() as client:
        recorded(client)
        assert requests_of(client) == 3


def test_a_full_journal_is_closed(open_client, away_service):
    with open_client({"chat.messages": 50}) as client, Away(away_service):
        journal = (getattr(client, "_what", None) or client)._standin._keeping.journal
        journal._rows_max = 2
        assert client.consume(*CHAT)
        assert client.consume(*CHAT)
        with pytest.raises(StoreUnavailable):
            client.consume(*CHAT)
        with pytest.raises(StoreUnavailable):
            client.record(*CHAT)


def test_what_can_never_be_recorded_is_kept_with_its_reason_and_listed(open_client, away_service, put, tmp_path):
    with open_client() as client:
        assert client.consume(*CHAT, key="first")
        with Away(away_service):
            assert client.consume("gone", "chat.messages", key="k")
            assert client.consume(*CHAT, key="good")
        until(lambda: not client.journal_status().waiting)
        assert client.journal_status().refused == 1
        listed = run("journal", "list", str(tmp_path / "x.journal"), "--json")
        assert listed.status == 1
        [refused] = listed.document["refused"]
        assert (refused["account"], refused["key"]) == ("gone", "k")
        assert refused["reason"].startswith("account: found 'gone', expected an account that was put")


def test_a_key_that_opens_nothing_any_more_loses_nothing(open_client, away_service, tmp_path):
    with open_client(key="sp_none_none") as client:
        with Away(away_service):
            assert client.consume(*CHAT, key="k")
            assert client.record(*CHAT, key="r")
            assert client.open_hold(*CHAT, key="h")
            assert client.holds.commit("acme", "h", 1)
        with pytest.raises(NotAllowed):
            client.balance("acme")
        until(lambda: "opens nothing" in client.journal_status().trouble)
        asked = []
        away_service.before = lambda request: asked.append(request.path)
        until(lambda: "/v1/holds/commit" in asked and len(asked) > 12)  # by then each was tried alone
        find_again(away_service)
        assert (client.journal_status().waiting, client.journal_status().refused) == (3, 0)
    with open_client() as client:
        recorded(client)
        assert requests_of(client) == 3


def test_a_forked_child_is_closed_and_its_parent_goes_on(away_service, put, tmp_path):
    admit = spillover.Admit(BOUND, journal=tmp_path / "x.journal")
    with spillover.connect(away_service.url, deadline=30, when_unreachable=admit) as client, Away(away_service):
        assert client.consume(*CHAT)
        child = os.fork()
        if not child:
            try:
                client.consume(*CHAT)
            except StoreUnavailable:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert client.consume(*CHAT).journaled


def test_without_a_journal_there_is_neither_switch_nor_status(away_service):
    with spillover.connect(away_service.url) as client:
        for ask in (client.journal_status, lambda: client.open_until(None)):
            with pytest.raises(InvalidInput, match="when_unreachable: found none, expected connect"):
                ask()
    with pytest.raises(InvalidInput, match="when_unreachable: found it beside the address of a database"):
        spillover.connect("memory://", policy=policy(), when_unreachable=spillover.Admit({}, journal="x"))
    for features, options in ((5, {}), ({"chat": 0}, {}), ({"chat": 1}, {"accounts": 0})):
        with pytest.raises(InvalidInput, match="when_unreachable"):
            spillover.Admit(features, journal="x", **options)

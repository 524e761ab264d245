"""Envoy asks, and is answered by the same rules as everybody: who pays, or why not, and when."""

import grpc
import pytest

from spillover.grpc_api import taking
from spillover.model.errors import StoreUnavailable
from tests.grpc_api.asked import OK, OVER, decisions_of, headers_of, inside

ACME, POOR = {"account": "acme"}, {"account": "poor"}
VIDEO = {"account": "acme", "feature": "video.seconds"}


def test_what_is_allowed_is_told_with_its_window_and_who_paid():
    async def scene(ask, service, clock):
        answer = await ask(VIDEO, hits=2)
        assert answer.overall_code == OK
        (status,) = answer.statuses
        assert (status.code, status.limit_remaining) == (OK, 3)
        assert (status.current_limit.name, status.current_limit.requests_per_unit) == ("daily", 5)
        assert status.current_limit.unit == status.current_limit.DAY
        assert status.duration_until_reset.seconds == 14 * 3600  # 10:00 in Paris
        assert headers_of(answer) == {
            "ratelimit-policy": '"daily";q=5;w=86400', "ratelimit": '"daily";r=3;t=50400',
        }  # fmt: skip
        (told,) = decisions_of(answer)
        assert (told["account"], told["allowed"], told["sentence"]) == ("acme", True, "2 seconds included")
        assert [(leg["layer"], leg["units"]) for leg in told["legs"]] == [("allowance", 2)]
        assert not answer.raw_body

    inside(scene)


def test_a_window_that_is_full_denies_and_says_when_to_come_back():
    async def scene(ask, service, clock):
        for _ in range(3):
            assert (await ask(POOR)).overall_code == OK
        answer = await ask(POOR)
        assert answer.overall_code == OVER
        assert (answer.statuses[0].code, answer.statuses[0].limit_remaining) == (OVER, 0)
        assert headers_of(answer)["retry-after"] == str(15 * 3600)
        (told,) = decisions_of(answer)
        assert told["denial"]["status"] == 429
        assert answer.raw_body.decode() == told["sentence"]
        clock.turn(hours=15)
        assert (await ask(POOR)).overall_code == OK

    inside(scene)


def test_credits_pay_and_without_them_it_is_denied_with_what_would_unlock_it():
    async def scene(ask, service, clock):
        tokens = {"account": "acme", "feature": "video.seconds", "resolution": "1080p"}
        await service.access.credits.add("acme", credits=100, key="c")
        paid = await ask(tokens, hits=9)
        assert decisions_of(paid)[0]["charged"]["credits"] == "100"
        answer = await ask(tokens, hits=1)
        assert answer.overall_code == OVER
        assert decisions_of(answer)[0]["denial"]["unlock"] == "25 more credits unlock it"

    inside(scene)


def test_hits_count_the_descriptors_own_before_the_requests_and_none_as_one():
    async def scene(ask, service, clock):
        assert (await ask(VIDEO)).statuses[0].limit_remaining == 4
        assert (await ask(VIDEO, hits=2)).statuses[0].limit_remaining == 2
        assert (await ask({**VIDEO, "hits": 1}, hits=2)).statuses[0].limit_remaining == 1

    inside(scene)


def test_hits_of_zero_ask_and_take_nothing_and_what_happened_already_is_recorded():
    async def scene(ask, service, clock):
        for _ in range(3):
            assert (await ask({**POOR, "hits": 0})).overall_code == OK
        assert (await ask({**POOR, "mode": "record", "hits": 7})).overall_code == OK
        assert (await ask({**POOR, "hits": 0})).overall_code == OVER

    inside(scene)


def test_several_descriptors_are_all_taken_where_all_pass():
    async def scene(ask, service, clock):
        answer = await ask(POOR, {**VIDEO, "hits": 4})
        assert [one.code for one in answer.statuses] == [OK, OK]
        assert [one["sentence"] for one in decisions_of(answer)] == [
            "committed: 1 message included", "committed: 4 seconds included",
        ]  # fmt: skip
        assert not await service.access.holds.list("acme")
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 1

    inside(scene)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_where_one_of_several_is_denied_nothing_is_taken(place):
    async def scene(ask, service, clock):
        several = [{**VIDEO, "hits": 3}, {**POOR, "hits": 2}]
        several.insert(place, {**VIDEO, "hits": 99})
        answer = await ask(*several)
        assert answer.overall_code == OVER
        assert [one.code for one in answer.statuses] == [OVER if at == place else OK for at in range(3)]
        assert [one["legs"] for one in decisions_of(answer)] == [[], [], []]
        for account in ("acme", "poor"):
            assert not await service.access.holds.list(account)
        whole = await ask({**VIDEO, "hits": 5}, {**POOR, "hits": 3})  # all that there ever was
        assert whole.overall_code == OK

    inside(scene)


def test_the_same_key_is_taken_once_and_answered_alike():
    async def scene(ask, service, clock):
        first, again = [await ask({**VIDEO, "key": "r1"}, hits=2) for _ in range(2)]
        assert [decisions_of(one)[0]["replayed"] for one in (first, again)] == [False, True]
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 3
        with pytest.raises(grpc.aio.AioRpcError) as other:
            await ask({**VIDEO, "key": "r1"}, hits=1)
        assert other.value.code() == grpc.StatusCode.ALREADY_EXISTS
        for _ in range(3):  # of several, one key is enough
            answer = await ask({**VIDEO, "key": "r2"}, {**POOR, "hits": 3}, hits=1)
            assert answer.overall_code == OK
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 2

    inside(scene)


def test_a_key_that_was_denied_is_decided_afresh_though_part_of_it_had_been_held():
    async def scene(ask, service, clock):
        assert (await ask({**POOR, "hits": 3})).overall_code == OK
        for _ in range(3):
            assert (await ask({**VIDEO, "key": "r"}, POOR, hits=1)).overall_code == OVER
        clock.turn(hours=15)
        for _ in range(2):
            assert (await ask({**VIDEO, "key": "r"}, POOR, hits=1)).overall_code == OK
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 4

    inside(scene)


def test_a_commit_that_was_cut_short_is_finished_by_the_same_key():
    async def scene(ask, service, clock):
        commit, calls = service.access.holds.commit, []

        async def broken(*words, **more):
            calls.append(words)
            if len(calls) == 2:
                raise StoreUnavailable("store: found it gone, expected it there")
            return await commit(*words, **more)

        service.access.holds.commit = broken
        several = [{**VIDEO, "key": "r", "hits": 2}, {**POOR, "hits": 2}]
        with pytest.raises(grpc.aio.AioRpcError) as cut:
            await ask(*several)
        assert cut.value.code() == grpc.StatusCode.UNAVAILABLE
        clock.turn(milliseconds=2 * taking.LASTS)
        assert (await ask(*several)).overall_code == OK
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 3
        assert (await ask({**POOR, "hits": 0})).statuses[0].limit_remaining == 1

    inside(scene)


WRONG = [
    ([], {}, "descriptors"), ([ACME], {"domain": ""}, "domain"), ([{"subject": "ada"}], {}, "an entry 'account'"),
    ([{"account": "nobody"}], {}, "nobody"), ([ACME], {"domain": "gateway"}, "gateway"),
    ([ACME] * 17, {}, "at most 16"), ([{**ACME, "mode": "maybe"}], {}, "mode"),
    ([{"account": "a" * 900}], {}, "account"), ([{**ACME, **{f"a{at}": "x" for at in range(40)}}], {}, "at most 24"),
    ([{**VIDEO, "hits": 1}, {"account": "nobody"}], {}, "nobody"),
]  # fmt: skip


@pytest.mark.parametrize(("descriptors", "more", "named"), WRONG)
def test_what_cannot_be_asked_is_refused_in_one_line_and_takes_nothing(descriptors, more, named):
    async def scene(ask, service, clock):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(*descriptors, **more)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert named in refused.value.details()
        assert "\n" not in refused.value.details()
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 5

    inside(scene)


def test_a_message_beyond_the_bound_is_refused_unread():
    async def scene(ask, service, clock):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask({**ACME, "team": "x" * 70_000})
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

    inside(scene)


def test_domains_stand_for_features_and_another_entry_for_the_account_where_that_is_set():
    async def scene(ask, service, clock):
        answer = await ask({"tenant": "acme"}, domain="edge", hits=2)
        assert decisions_of(answer)[0]["feature"] == "video.seconds"

    inside(scene, envoy_account="tenant", envoy_features={"edge": "video.seconds"})


def test_a_store_that_is_away_is_unavailable_so_that_the_gateway_judges():
    async def scene(ask, service, clock):
        async def away(*_, **__):
            raise StoreUnavailable("store: found it gone,\nexpected it there")

        service.access.consume = away
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(ACME)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
        assert refused.value.details() == "store: found it gone, expected it there"

    inside(scene)

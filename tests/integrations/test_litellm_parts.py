"""What the hook for LiteLLM's proxy does that needs no proxy to show: what is asked and counted, and how holds end."""

import asyncio
from types import SimpleNamespace

import pytest

import spillover
from spillover.integrations import litellm_holds
from spillover.integrations.litellm_answers import Answer, answer_of, answering_model, told
from spillover.integrations.litellm_calls import FREE, Asked, Kind, NotServed, Terms, kind_name, of_tokens, team
from spillover.integrations.litellm_holds import Held, Holds
from spillover.integrations.openai_tokens import Tokens, four_characters, split_cached
from tests.support import clock, policy

POLICY = """
spillover: 1
attributes: [model]
features:
  chat:
    count: cost
    price:
      - {when: {model: dear}, input: 100, cached_input: 100, output: 100, per: 1M}
      - {input: 1, cached_input: 1, output: 1, per: 1M}
plans:
  plus: {rules: [{for: [chat], hold: {default: {input: 1000, output: 1000}, for: 10m}, waterfall: [{from: credits}]}]}
"""
START = 1_000_000
KINDS = of_tokens("chat", split_cached, None, four_characters)
KEY = SimpleNamespace(team_id="acme")


def terms(**options):
    given = {"account": team, "subject": None, "attributes": {}, "kinds": KINDS, "unmetered": FREE}
    return Terms(**(given | options))


def call(**options):
    return {"model": "good", "messages": [{"role": "user", "content": "q" * 40}], **options}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 12, "prompt_tokens_details": {"cached_tokens": 10}, "completion_tokens": 3}, (12, 10, 3)),
        ({"input_tokens": 12, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 3}, (12, 10, 3)),
        ({"input_tokens": 2, "cache_read_input_tokens": 10, "output_tokens": 3}, (12, 10, 3)),
        ({"input_tokens": 2, "cache_creation_input_tokens": 10, "output_tokens": 3}, (12, 0, 3)),
        ({"prompt_tokens": 12, "cache_read_input_tokens": 10, "completion_tokens": 3}, (12, 0, 3)),
        ({"prompt_tokens": None, "total_tokens": 5}, (0, 0, 0)),
    ],
    ids=["chat", "responses", "read beside", "written beside", "both ways", "not told"],
)
def test_cached_tokens_are_counted_once_however_they_are_told(usage, tokens):
    assert told(usage)[:3] == tokens
    assert told(SimpleNamespace(**{name: usage[name] for name in usage if "details" not in name}))[2] == tokens[2]


def test_an_answer_tells_pictures_seconds_and_characters():
    made = SimpleNamespace(data=[{"url": "x"}, {"b64_json": "y"}, {"url": None}], usage=None)
    assert answer_of(made, None)[:4] == (Tokens(0), 2, 0, 0)
    assert answer_of({"usage": {"type": "duration", "seconds": 61.2}}, None).seconds == 62
    assert answer_of(SimpleNamespace(duration=7), "hello")[2:4] == (7, 5)


def test_the_model_that_answers_is_told_by_the_proxy_alone():
    about = {"standard_logging_object": {"model_group": "good"}}
    assert answering_model(about) == "good"
    assert answering_model(about | {"litellm_params": {"model_info": {"team_public_model_name": "ours"}}}) == "ours"
    assert answering_model({}) is None


@pytest.mark.parametrize(
    "name",
    [
        "anthropic_messages", "apply_guardrail", "audio_transcription", "audio_speech", "add_message", "agent_run",
        "image_generation", "ocr", "transcription",
    ],
)  # fmt: skip
def test_an_awaited_call_is_of_the_same_kind_and_no_name_loses_a_letter_of_its_own(name):
    assert kind_name(name) == name
    assert kind_name(f"a{name}") == name
    with pytest.raises(NotServed, match=f"kind {name} are"):
        terms(kinds={}).asked(KEY, call(), name)


def test_a_call_holds_its_own_bound_and_prompt_else_what_the_policy_says():
    def estimate(name="acompletion", **options):
        return terms().asked(KEY, call(**options), name).estimate

    assert estimate(max_tokens=500) == {"input": 11, "output": 500}
    assert estimate(max_tokens=500, n=2) == {"input": 11, "output": 1000}
    assert estimate(max_tokens="500") is estimate(max_tokens=True) is estimate() is None
    assert estimate(max_tokens=500, n="2" * 9) == {"input": 11, "output": 500}
    assert estimate("aembedding", messages=None, input=["q" * 40]) == {"input": 10}


def test_who_pays_and_the_labels_are_values_or_functions_of_key_and_call():
    own = terms(
        account=lambda key, call: call["user"], subject="ada", attributes={"model": lambda *_: "any", "app": "web"}
    )
    asked = own.asked(KEY, call(user="globex"), "acompletion")
    assert (asked.account, asked.subject, asked.labels) == ("globex", "ada", {"model": "any", "app": "web"})
    assert asked.pinned
    plain = terms().asked(KEY, call(), "acompletion")
    assert (plain.account, plain.labels, plain.pinned) == ("acme", {"model": "good"}, False)


@pytest.mark.parametrize(
    ("kind", "options", "status"),
    [
        ("arerank", {}, 403),
        ("_arealtime", {}, 403),
        ("pass_through_endpoint", {}, 403),
        ("acompletion", {"model": "good,dear"}, 400),
        ("aresponses", {"background": True}, 400),
    ],
)
def test_what_cannot_be_metered_is_refused_unless_it_is_said_to_be_free(kind, options, status):
    with pytest.raises(NotServed) as refused:
        terms().asked(KEY, call(**options), kind)
    assert refused.value.refusal.status == status
    if status == 403:
        assert terms(unmetered={kind_name(kind)}).asked(KEY, call(**options), kind) is None


def test_nobody_pays_for_a_key_without_a_team():
    with pytest.raises(NotServed) as refused:
        terms().asked(SimpleNamespace(team_id=None), call(), "acompletion")
    assert refused.value.refusal.status == 403


def played(scene, **options):
    """Play a scene with holds over an engine in memory; the credits that were spent in the end."""

    async def play():
        async with spillover.connect_async(
            "memory://", policy=policy(POLICY), clock=clock(), settle=False, tend=False
        ) as access:
            await access.accounts.put("acme", plan="plus")
            await access.credits.add("acme", 1, key="gift")
            await scene(access, Holds(lambda: access, None, None, limits=True, **options))
            async with asyncio.timeout(10):
                while await access.holds.list("acme"):
                    await asyncio.sleep(0)
            return START - (await access.overview("acme")).credits

    return asyncio.run(play())


def held(kind=None, model="good", key="k1", **options):
    asked = Asked("acme", kind or KINDS["completion"], None, None, {"model": model}, False)
    return Held(asked, key, None, **options)


def test_a_call_is_charged_or_released_once():
    async def scene(access, holds):
        one, other = held(), held(key="k2")
        await holds.open(one)
        await holds.charge(one, {"input": 10}, "good", estimated=False)
        await holds.release(one)
        await holds.open(other)
        await holds.release(other)
        await holds.release(other)

    assert played(scene) == 10


def test_an_answer_after_the_call_was_given_up_is_charged_all_the_same():
    async def scene(access, holds):
        one = held()
        await holds.open(one)
        await holds.release(one)
        await holds.charge(one, {"input": 10}, None, estimated=False)

    assert played(scene) == 10


def test_another_model_that_answers_is_charged_at_its_own_price():
    async def scene(access, holds):
        one, pinned = held(), held(key="k2")
        pinned.asked = Asked("acme", pinned.asked.kind, None, None, {"model": "good"}, True)
        for each in (one, pinned):
            await holds.open(each)
            await holds.charge(each, {"input": 10}, "dear", estimated=False)

    assert played(scene) == 10 * 100 + 10


def test_a_caller_that_goes_away_while_the_hold_opens_leaves_none_behind():
    async def scene(access, holds):
        opening = asyncio.ensure_future(holds.open(held()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with asyncio.timeout(10):
            while not ended:
                await asyncio.sleep(0.001)

    ended = []
    real = Holds.release

    async def release(self, one):
        await real(self, one)
        ended.append(one.ended)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Holds, "release", release)
        assert played(scene) == 0
    assert ended == ["released"]


def test_a_count_that_the_feature_does_not_have_is_refused_before_anything_is_sent():
    async def scene(access, holds):
        with pytest.raises(spillover.InvalidInput, match=r"usage: found words, expected counts of chat"):
            await holds.open(held(Kind("chat", lambda answer: {"words": 0})))

    assert played(scene) == 0


def test_a_denial_says_where_what_unlocks_it_is_bought_and_tells_limits():
    async def scene(access, holds):
        asked = Asked("acme", KINDS["completion"], {"output": 2 * START}, None, {"model": "good"}, False)
        with pytest.raises(NotServed) as refused:
            await holds.open(Held(asked, "k1", None))
        assert refused.value.refusal.status == 402
        assert refused.value.refusal.problem["unlock"]

    assert played(scene) == 0


@pytest.mark.parametrize("times", [1, 4])
def test_a_store_that_fails_for_a_while_is_tried_again_and_what_stays_undone_is_logged(times, caplog, monkeypatch):
    monkeypatch.setattr(litellm_holds, "PAUSES", (0.001, 0.001, 0.001))
    failures = [spillover.StoreError("the store is away")] * times

    async def scene(access, holds):
        one = held()
        await holds.open(one)
        real = access.holds.commit

        async def commit(*args, **options):
            if failures:
                raise failures.pop()
            return await real(*args, **options)

        monkeypatch.setattr(access.holds, "commit", commit)
        await holds.charge(one, {"input": 10}, None, estimated=False)
        if times > 3:
            await real("acme", "k1", {"input": 10})

    assert played(scene) == 10
    lost = "hold 'k1' of account 'acme' could not be committed with {'input': 10}; commit it later: the store is away"
    assert (lost in caplog.text) == (times > 3)


def test_an_answer_is_read_whatever_it_is():
    assert answer_of(None, None) == Answer(Tokens(0))

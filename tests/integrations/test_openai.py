"""A wrapped OpenAI client, for plain code, against a real server: what is held, sent, charged and refused."""

import gc
import importlib
import runpy
import sys
import threading
from pathlib import Path

import openai
import pydantic
import pytest

import spillover
from tests.integrations.openai_upstream import TEXT, upstream

POLICY = """
spillover: 1
features:
  chat.tokens:
    count: cost
    price:
      - {when: {model: dear}, input: 100, cached_input: 100, output: 100, per: 1M}
      - {input: "1.25", cached_input: "0.125", output: 10, per: 1M}
  chat.plain: {count: cost, price: [{input: 1, output: 1, per: 1M}]}
  chat.messages: {count: requests, unit: message, price: {credits: "0.5"}}
plans:
  plus:
    rules:
      - for: [chat.tokens]
        hold: {default: {input: 1000, output: 4000}, for: 10m}
        waterfall: [{from: credits}]
      - {for: [chat.plain], hold: {default: {input: 10, output: 10}}, waterfall: [{from: credits}]}
      - {for: [chat.messages], waterfall: [{from: credits}]}
"""
TRUE = 200 * 1.25 + 1000 * 0.125 + 300 * 10
"""Micro-credits of the usage that the server tells: 1,200 tokens in of which 1,000 cached, 300 out."""
LOST = (
    openai.APIError,
    importlib.import_module("httpx" if openai.VERSION.startswith("2.") else "httpx2").TransportError,
)
"""What the client raises when its connection breaks: openai 2 lets that of its HTTP library through."""
ASKED = [{"role": "user", "content": "q" * 400}]
START = 10_000_000
CALLS = [
    lambda client, **more: client.chat.completions.create(messages=ASKED, **more),
    lambda client, **more: client.responses.create(input="q" * 400, **more),
]
each_api = pytest.mark.parametrize("call", CALLS, ids=["chat", "responses"])


@pytest.fixture
def server():
    with upstream() as found:
        yield found


@pytest.fixture
def access(tmp_path):
    (tmp_path / "policy.yaml").write_text(POLICY)
    with spillover.connect("memory://", policy=tmp_path / "policy.yaml") as found:
        found.accounts.put("acme", plan="plus")
        found.credits.add("acme", 10, key="gift")
        yield found


@pytest.fixture
def plain(server):
    with openai.OpenAI(base_url=server.url, api_key="none", max_retries=0) as found:
        yield found


@pytest.fixture
def client(plain, access):
    return spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme")


def spent(access):
    assert access.holds.list("acme") == ()
    return START - access.overview("acme").credits


def rough(server, pieces):
    """Micro-credits of the prompt and so many pieces of 40 characters, by the rule of four."""
    if "input" in server.calls[0]:  # 400 characters; the first event holds no text
        return 100 * 1.25 + (pieces - 1) * 10 * 10
    return int(101 * 1.25) + pieces * 10 * 10  # with the word "user"


def wait_for_the_end():
    for thread in threading.enumerate():
        if thread.name == "spillover-stream":
            thread.join(10)


@each_api
def test_a_call_is_charged_what_the_model_reports(call, client, access):
    answer = call(client, model="good")
    assert (answer.usage.total_tokens, spent(access)) == (1500, TRUE)


@each_api
def test_a_stream_is_charged_what_the_model_reports(call, client, access):
    with call(client, model="good", stream=True) as stream:
        assert isinstance(stream, openai.Stream)
        pieces = list(stream)
    assert len(pieces) >= len(TEXT)
    assert spent(access) == TRUE


@each_api
def test_client_side_retries_are_one_charge(call, client, access, server):
    call(client.with_options(max_retries=2), model="flaky")
    assert (len(server.calls), spent(access)) == (2, TRUE)


@each_api
def test_an_error_before_any_answer_costs_nothing(call, client, access):
    with pytest.raises(openai.InternalServerError):
        call(client, model="broken")
    assert spent(access) == 0


@each_api
def test_a_denial_is_raised_before_anything_is_sent(call, client, access, server):
    with pytest.raises(spillover.Denied) as caught:
        call(client, model="dear", spillover={"estimate": {"output": 1_000_000}})
    assert (server.calls, spent(access), caught.value.decision.allowed) == ([], 0, False)


@each_api
def test_a_stream_that_breaks_is_charged_for_what_came_as_an_estimate(call, client, access, server):
    stream = call(client, model="cut", stream=True, spillover={"key": "turn-1"})
    next(stream), next(stream), next(stream)
    server.cut.set()
    with pytest.raises(LOST):
        list(stream)
    assert spent(access) == rough(server, 3)
    counts = {"input": 100, "output": 20} if "input" in server.calls[0] else {"input": 101, "output": 30}
    ending = access.holds.commit("acme", "turn-1", counts, estimated=True)
    assert (ending.replayed, ending.estimated) == (True, True)


@each_api
@pytest.mark.parametrize("how", ["close", "context", "forgotten"])
def test_a_stream_that_is_left_half_way_is_charged_for_what_came(call, how, client, access, server):
    stream = call(client, model="long", stream=True)
    if how == "context":
        with stream:
            next(stream), next(stream)
    else:
        next(stream), next(stream)
    if how == "close":
        stream.close()
    stream = None
    gc.collect()
    wait_for_the_end()
    assert spent(access) == rough(server, 2)


def test_a_stream_without_usage_is_counted_by_its_text(plain, access):
    client = spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme", count_tokens=len)
    list(client.chat.completions.create(model="silent", messages=ASKED, stream=True))
    assert spent(access) == 404 * 1.25 + 200 * 10


def test_usage_that_was_told_half_way_counts_where_it_is_more_than_the_text(client, access):
    own = {"key": "turn-1"}
    stream = client.chat.completions.create(model="chatty", messages=ASKED, stream=True, spillover=own)
    next(stream), next(stream)
    stream.close()
    ending = access.holds.commit("acme", "turn-1", {"input": 101, "output": 100}, estimated=True)
    assert (ending.replayed, ending.charged) == (True, spent(access))


def test_the_extra_chunk_is_hidden_unless_it_was_asked_for(client, server):
    def chunks(**more):
        return list(client.chat.completions.create(model="good", messages=ASKED, stream=True, **more))

    assert [len(chunk.choices) for chunk in chunks()] == [1] * 5
    assert chunks(stream_options={"include_usage": True})[-1].usage.total_tokens == 1500
    assert all(call["stream_options"]["include_usage"] for call in server.calls)


def test_loops_over_a_stream_may_stop_and_go_on(client, access):
    stream = client.chat.completions.create(model="good", messages=ASKED, stream=True)
    for _ in stream:
        break
    assert len(list(stream)) == 4
    assert spent(access) == TRUE


def test_a_call_says_for_itself_who_pays_and_under_which_key(client, access, server):
    access.accounts.put("other", plan="plus")
    access.credits.add("other", 10, key="gift")
    own = {"account": "other", "key": "turn-1", "subject": "ada"}
    client.chat.completions.create(model="good", messages=ASKED, spillover=own)
    assert (spent(access), access.overview("other").credits) == (0, START - TRUE)
    assert "spillover" not in server.calls[0]
    with pytest.raises(spillover.HoldEnded):
        client.chat.completions.create(model="good", messages=ASKED, spillover=own)
    assert len(server.calls) == 1
    with pytest.raises(spillover.InvalidInput):
        client.chat.completions.create(model="good", messages=ASKED, spillover={"acount": "other"})


def test_the_model_is_an_attribute_that_prices_read(client, access):
    client.chat.completions.create(model="dear", messages=ASKED)
    assert spent(access) == 1500 * 100


def test_a_bound_on_tokens_is_what_is_held(client, access, plain):
    held = []
    wrapped = spillover.openai.wrap(
        plain, access, feature="chat.tokens", account="acme",
        usage=lambda tokens: held.append(access.holds.list("acme")) or spillover.openai.split_cached(tokens),
    )  # fmt: skip
    wrapped.chat.completions.create(model="good", messages=ASKED, max_completion_tokens=500)
    usages = [dict(hold.usage) for holds in held for hold in holds]
    assert usages[0] == {"input": 101, "output": 500}


def test_counts_that_the_feature_lacks_are_refused_before_anything_is_sent(plain, access, server):
    with pytest.raises(spillover.InvalidInput, match="cached_input"):
        CALLS[0](spillover.openai.wrap(plain, access, feature="chat.plain", account="acme"), model="good")
    assert (server.calls, spent(access)) == ([], 0)
    whole = spillover.openai.whole_input
    CALLS[0](spillover.openai.wrap(plain, access, feature="chat.plain", account="acme", usage=whole), model="good")
    assert spent(access) == 1500


def test_a_feature_may_count_calls(plain, access):
    client = spillover.openai.wrap(
        plain, access, feature="chat.messages", account="acme", usage=lambda _: {"requests": 1}
    )
    CALLS[0](client, model="good")
    list(CALLS[1](client, model="good", stream=True))
    assert spent(access) == 1_000_000


def test_parse_and_raw_answers_are_charged_too(client, access):
    class Named(pydantic.BaseModel):
        name: str

    found = client.chat.completions.parse(model="good", messages=ASKED, response_format=Named)
    assert found.choices[0].message.parsed.name == "x"
    assert client.responses.parse(model="good", input="q", text_format=Named).output_parsed.name == "x"
    assert client.chat.completions.with_raw_response.create(model="good", messages=ASKED).parse().id == "c"
    assert client.responses.with_raw_response.create(model="good", input="q").headers["content-type"]
    assert spent(access) == 4 * TRUE


@pytest.mark.parametrize(
    "door",
    [
        lambda client: client.embeddings.create(model="good", input="q"),
        lambda client: client.completions.create(model="good", prompt="q"),
        lambda client: client.beta.chat,
        lambda client: client.with_raw_response.chat,
        lambda client: client.with_streaming_response.chat,
        lambda client: client.post("/chat/completions", cast_to=object),
        lambda client: client.copy().images,
        lambda client: client.chat.with_raw_response,
        lambda client: client.chat.completions.stream(model="good", messages=ASKED),
        lambda client: client.chat.completions.with_streaming_response,
        lambda client: client.chat.completions.with_raw_response.create(model="good", messages=ASKED, stream=True),
        lambda client: client.responses.stream(model="good", input="q"),
        lambda client: client.responses.connect(),
        lambda client: client.responses.compact(model="good"),
        lambda client: client.responses.create(model="good", input="q", background=True),
        lambda client: client.responses.parse(model="good", input="q", stream=True),
    ],
)
def test_a_door_that_cannot_be_metered_is_shut(door, client, server):
    with pytest.raises(spillover.InvalidInput):
        door(client)
    assert server.calls == []


def test_doors_that_cost_nothing_are_open_and_others_on_request(client, plain, access, server):
    assert list(client.models.list()) == []
    assert client.chat.completions.list().data == []
    assert (client.api_key, isinstance(client, openai.OpenAI)) == ("none", True)
    free = spillover.openai.wrap(plain, access, feature="chat.tokens", account="acme", unmetered=["embeddings"])
    assert free.embeddings is plain.embeddings


@each_api
def test_copies_stay_wrapped(call, client, access):
    call(client.copy(timeout=5).with_options(max_retries=0), model="good")
    assert spent(access) == TRUE


def test_what_does_not_fit_together_is_refused(client, plain, access):
    for found in ("client", client, openai.AsyncOpenAI(api_key="none")):
        with pytest.raises(spillover.InvalidInput):
            spillover.openai.wrap(found, access, feature="chat.tokens")
    with pytest.raises(spillover.InvalidInput, match="account"):
        CALLS[0](spillover.openai.wrap(plain, access, feature="chat.tokens"), model="good")


def test_the_example_runs(capsys, monkeypatch):
    folder = Path(__file__).parents[2] / "examples" / "openai_chat"
    monkeypatch.syspath_prepend(str(folder))
    try:
        runpy.run_path(str(folder / "app.py"), run_name="__main__")
    finally:
        sys.modules.pop("upstream", None)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Water flows over.", "Water flows over.", "left: 3250 micro-credits"]
    assert lines[3].startswith("denied: ")

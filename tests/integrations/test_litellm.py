"""The hook inside LiteLLM's real proxy: what is held, charged, given back and refused, over an engine and a service."""

import http.client
import json
import runpy
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiohttp import web

import spillover
from spillover.access.clock import system_clock
from tests.http_client.clocked import Clocked
from tests.integrations.litellm_proxy import EXAMPLE, PROGRAM, Proxy, proxies
from tests.integrations.openai_upstream import upstream

pytestmark = pytest.mark.litellm

TRUE = int(200 * 2.5 + 1000 * 1.25 + 300 * 10)
"""Micro-credits of the usage that the upstream tells: 1,200 tokens in, of which 1,000 cached, 300 out."""
MINI = int(200 * 0.15 + 1000 * 0.075 + 300 * 0.6)
"""The same at the price of gpt-4o-mini."""
MINUTE = 60_000


class Stage:
    """A proxy, the upstream behind it, and the access whose accounts it draws on."""

    def __init__(self, proxy, server, access, service=None, forward=None):
        self.proxy, self.server, self.access, self.service, self.forward = proxy, server, access, service, forward
        self.before = {}

    def fresh(self):
        self.server.calls.clear()
        for event in (self.server.cut, self.server.release, self.server.gone):
            event.clear()
        self.before = {name: self.access.overview(name).credits for name in ("acme", "initech")}
        return self

    def spent(self, account="acme"):
        """Micro-credits since the test began, when no hold is open any more."""
        self.until(lambda: not self.access.holds.list(account))
        return self.before[account] - self.access.overview(account).credits

    def until(self, holds):
        limit = time.monotonic() + 30
        while not holds():
            assert time.monotonic() < limit, self.proxy.log.read_text()[-4000:]
            time.sleep(0.01)


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """Two proxies on the example's files: `engine` has one inside, `service` asks one over HTTP."""
    where, monkey, turned = tmp_path_factory.mktemp("litellm"), pytest.MonkeyPatch(), [0]
    policy = spillover.read_policy(EXAMPLE / "policy.yaml")
    file = f"sqlite:///{where}/litellm.db"
    with upstream() as server, Clocked(policy, lambda: system_clock() + turned[0]) as service:
        asks = Proxy(where / "service", server.url, SPILLOVER_URL=service.url)
        has = Proxy(where / "engine", server.url, SPILLOVER_URL=file)
        with proxies(asks, has):
            for url in (service.url, file):
                monkey.setenv("SPILLOVER_URL", url)
                put_accounts(url)
            monkey.undo()

            def forward(milliseconds):
                turned[0] += milliseconds

            with spillover.connect(file, policy=policy) as one, spillover.connect(service.url, deadline=30) as other:
                yield {"engine": Stage(has, server, one), "service": Stage(asks, server, other, service, forward)}


def put_accounts(url):
    """As the example does; a service has a policy of its own."""
    if url.startswith("sqlite"):
        runpy.run_path(str(EXAMPLE / "accounts.py"))
        return
    with spillover.connect(url, deadline=30) as access:
        for account, plan in (("acme", "team"), ("globex", "team"), ("initech", "trial")):
            access.accounts.put(account, plan=plan)
        for account in ("acme", "initech"):
            access.credits.add(account, 10, key="welcome")


@pytest.fixture
def engine(stages):
    return stages["engine"].fresh()


@pytest.fixture(params=["engine", "service"])
def either(request, stages):
    return stages[request.param].fresh()


MESSAGES = [{"role": "user", "content": "hello"}]
CALLS = {
    "chat": ("/v1/chat/completions", {"messages": MESSAGES}),
    "responses": ("/v1/responses", {"input": "hello"}),
    "messages": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 500}),
}
each_api = pytest.mark.parametrize("api", CALLS)


@each_api
def test_a_call_and_a_stream_are_charged_what_the_model_reports(either, api):
    path, body = CALLS[api]
    assert either.proxy.post(path, model="gpt-4o", **body).status == 200
    assert either.spent() == TRUE
    answer = either.proxy.post(path, model="gpt-4o-mini", stream=True, **body)
    assert answer.status == 200
    assert b"data:" in answer.body
    assert either.spent() == TRUE + MINI


def test_the_key_of_a_hold_is_the_id_under_which_litellm_answers(engine):
    answer = engine.proxy.chat()
    assert engine.spent() == TRUE
    with pytest.raises(spillover.HoldEnded, match="committed"):
        engine.access.holds.release("acme", answer.headers["x-litellm-call-id"])


def test_a_try_that_fails_and_one_that_succeeds_are_one_charge(either):
    assert either.proxy.chat("flaky").status == 200
    assert len(either.server.calls) == 2
    assert either.spent() == TRUE


def test_a_call_that_fails_for_good_costs_nothing(either):
    assert either.proxy.chat("broken").status == 500
    assert len(either.server.calls) > 1
    assert either.spent() == 0


def test_a_fallback_is_one_charge_at_the_price_of_the_model_that_answered(either):
    assert either.proxy.chat("broken", fallbacks=["gpt-4o-mini"]).status == 200
    either.until(either.spent)  # the hold is released first
    assert either.spent() == MINI


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_stream_whose_caller_goes_away_is_charged_for_what_came(either, api):
    path, body = CALLS[api]
    connection = either.proxy.send("POST", path, {"model": "long", "stream": True, **body})
    answer = connection.getresponse()
    assert answer.readline()
    answer.close()
    connection.close()
    assert 0 < either.spent() <= TRUE  # the proxy reads some streams to their end


def test_a_stream_that_breaks_is_charged_for_what_came(either):
    either.server.cut.set()
    either.proxy.chat("cut", stream=True)
    assert 0 < either.spent() < TRUE


def test_a_denial_is_402_with_what_unlocks_it_and_nothing_is_sent(either):
    answer = either.proxy.chat(key="sk-globex-0001", max_tokens=1000)
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (402, "402")
    problem = error["provider_specific_fields"]
    assert problem["type"].endswith("#quota-exceeded")
    assert problem["unlock"].endswith("more credits unlock it")
    assert error["message"] == problem["sentence"]
    assert "retry-after" not in answer.headers
    picture = either.proxy.ask("POST", "/v1/images/generations", {"model": "m", "prompt": "x"}, key="sk-globex-0001")
    assert (picture.status, picture.json["error"]["message"][:7]) == (402, "denied:")
    assert either.server.calls == []


def test_a_denial_that_ends_by_itself_is_429_with_the_time_to_wait(either):
    answer = either.proxy.chat(key="sk-initech-0001")
    assert (answer.status, answer.headers["ratelimit-policy"][:17]) == (200, '"daily_calls";q=1')
    assert either.spent("initech") == TRUE
    answer = either.proxy.chat(key="sk-initech-0001")
    problem = answer.json["error"]["provider_specific_fields"]
    assert (answer.status, problem["violated-policies"]) == (429, ["daily_calls"])
    assert 0 < int(answer.headers["retry-after"]) <= 86_400
    assert problem["opens_at"]
    assert answer.headers["ratelimit-policy"].startswith('"daily_calls";q=1;')
    assert answer.headers["ratelimit"].startswith('"daily_calls";r=0;')
    assert len(either.server.calls) == 1


def test_a_key_without_a_team_is_403_and_so_is_a_call_that_cannot_be_metered(engine):
    assert engine.proxy.chat(key="sk-nobody-0001").status == 403
    assert engine.proxy.post("/v1/rerank", model="gpt-4o", query="q", documents=["d"]).status == 403
    assert engine.proxy.post("/v1/batches", input_file_id="f", endpoint="/v1/chat/completions").status != 200
    assert engine.server.calls == []


def test_what_would_be_charged_less_than_it_costs_is_refused(engine):
    several = engine.proxy.chat("gpt-4o,gpt-4o-mini")
    later = engine.proxy.post("/v1/responses", model="gpt-4o", input="hello", background=True)
    endless = engine.proxy.chat(max_tokens=10**17)
    many = engine.proxy.chat(max_tokens=10**9, n=10**9)
    assert [one.status for one in (several, later, endless, many)] == [400] * 4
    assert engine.server.calls == []


def test_a_caller_that_asks_for_no_log_is_charged_all_the_same(engine):
    assert engine.proxy.chat(**{"no-log": True}).status == 200
    assert engine.proxy.chat(stream=True, **{"no-log": True}).status == 200
    assert engine.spent() == 2 * TRUE


def test_calls_under_one_id_that_the_caller_chose_are_charged_one_by_one(engine):
    same = {"x_litellm_call_id": "mine"}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(engine.proxy.chat, "slow", heads=same) for _ in range(2)]
        engine.until(lambda: len(engine.server.calls) == 2)
        engine.server.release.set()
        assert [one.result().status for one in both] == [200, 200]
    assert engine.spent() == 2 * TRUE
    assert engine.proxy.chat(heads=same).status == 200
    assert engine.spent() == 3 * TRUE


def test_a_caller_cannot_name_the_model_that_is_charged(engine):
    about = {"metadata": {"model_group": "gpt-4o-mini"}, "litellm_metadata": {"model_group": "gpt-4o-mini"}}
    assert engine.proxy.post("/v1/responses", model="gpt-4o", input="hello", **about).status == 200
    assert engine.spent() == TRUE
    assert engine.proxy.chat(**about).status == 200
    assert engine.spent() == 2 * TRUE


def test_embeddings_pictures_and_speech_are_charged_by_what_their_usage_tells(engine):
    assert engine.proxy.post("/v1/embeddings", model="small", input="hello").status == 200
    spent = int(700 * 2.5)
    assert engine.spent() == spent
    assert engine.proxy.post("/v1/images/generations", model="painter", prompt="a cat", n=2).status == 200
    assert engine.spent() == spent + 2 * 40_000
    answer = engine.proxy.post("/v1/audio/speech", model="speaker", voice="alloy", input="hello")
    assert (answer.status, answer.body) == (200, b"sound")
    assert engine.spent() == spent + 2 * 40_000 + 5 * 15


def test_many_calls_at_once_are_charged_one_by_one(either):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda place: either.proxy.chat(stream=place % 2 == 0).status, range(24)))
    assert answers == [200] * 24
    assert either.spent() == 24 * TRUE


@pytest.fixture
def service(stages):
    stage = stages["service"].fresh()
    yield stage
    stage.service.before = lambda _: None


def test_while_the_service_cannot_tell_nothing_is_sent(service):
    service.service.before = lambda _: web.Response(status=503)
    answer = service.proxy.chat()
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert answer.json["error"]["message"] == "What is allowed cannot be told now; try again in a moment"
    assert service.server.calls == []
    service.service.before = lambda _: None
    assert service.spent() == 0


def test_a_charge_that_the_service_cannot_take_at_once_is_made_later(service):
    refused = []

    def shut(request):
        if request.path != "/v1/holds/commit" or len(refused) == 4:  # the client itself tries three times
            return None
        refused.append(request)
        return web.Response(status=503)

    service.service.before = shut
    assert service.proxy.chat().status == 200
    assert service.spent() == TRUE
    assert len(refused) == 4


def test_a_hook_that_litellm_would_not_ask_is_refused(stages):
    code = """
from spillover.litellm import SpilloverHook
for make in (lambda: type("Mine", (SpilloverHook,), {}), lambda: SpilloverHook("sqlite:///a.db", feature="chat")):
    try:
        make()
    except Exception as error:
        print(type(error).__name__, str(error).split(":")[0])
"""
    done = subprocess.run(
        [PROGRAM.with_name("python"), "-c", code],
        env={"LITELLM_LOCAL_MODEL_COST_MAP": "True"}, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["TypeError SpilloverHook", "InvalidInput access"]


def test_the_log_tells_of_nothing_that_failed_and_of_no_prompt(engine):
    log = engine.proxy.log.read_text()
    assert "could not be" not in log
    assert json.dumps(MESSAGES) not in log


def chat_that_is_lost(stage):
    with pytest.raises((OSError, http.client.HTTPException)):
        stage.proxy.chat("slow")


def test_what_a_proxy_held_when_it_was_killed_can_be_spent_again(stages):
    stage = stages["service"].fresh()
    calling = threading.Thread(target=chat_that_is_lost, args=(stage,))
    calling.start()
    stage.until(lambda: stage.server.calls)
    held = stage.before["acme"] - stage.access.overview("acme").credits
    assert held > 0
    stage.proxy.process.kill()
    stage.proxy.process.wait()
    calling.join()
    assert len(stage.access.holds.list("acme")) == 1
    stage.forward(11 * MINUTE)
    wanted = stage.before["acme"] // 40_000
    assert wanted * 40_000 > stage.before["acme"] - held
    assert stage.access.consume("acme", "images", wanted)
    assert stage.access.holds.list("acme") == ()

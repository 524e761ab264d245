"""The service for Envoy as `spillover serve` runs it: who may call, deadlines, and an end that loses nothing."""

import asyncio
import signal
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest
from envoy.service.ratelimit.v3 import rls_pb2_grpc

import spillover
from spillover.grpc_api.asking import Convention
from spillover.grpc_api.server import listen
from spillover.grpc_api.service import RateLimits
from spillover.grpc_api.taking import Taking
from tests.grpc_api.asked import OK, SECONDS, asked, inside
from tests.http_api.conftest import STARTER
from tests.http_api.served import PROGRAM, Served, environment, free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "envoy" / "client.py"
VIDEO, POOR = {"account": "acme", "feature": "video.seconds"}, {"account": "poor"}


def serving(folder):
    """A service of its own, and where Envoy finds it."""
    address = f"127.0.0.1:{free_port()}"
    service = Served(folder, "--envoy", address, policy=STARTER)
    assert service.post("accounts/put", {"account": "acme", "plan": "starter"}).status == 200
    return service, address


def code_of(stub, *descriptors, **more):
    try:
        return stub.ShouldRateLimit(asked(*descriptors), timeout=SECONDS, **more).overall_code
    except grpc.RpcError as error:
        return error.code().name


def test_with_keys_a_call_wants_one_that_may_decide_for_what_it_asks(tmp_path):
    service, address = serving(tmp_path)
    with service, grpc.insecure_channel(address) as channel:
        stub = rls_pb2_grpc.RateLimitServiceStub(channel)
        assert code_of(stub, VIDEO) == OK
        head, keys = {}, {}
        for name, told in {
            "admin": {"scopes": ["admin"]}, "decide": {"scopes": ["decide"]}, "read": {"scopes": ["read"]},
            "others": {"scopes": ["decide"], "accounts": ["other"]},
            "chats": {"scopes": ["decide"], "features": ["chat.messages"]},
        }.items():  # fmt: skip
            keys[name] = service.post("keys/make", {"name": "test", **told}, **head).json["key"]
            head = head or {"Authorization": f"Bearer {keys['admin']}"}
        service.post("accounts/put", {"account": "poor", "plan": "starter"}, **head)

        def told(*descriptors, **metadata):
            return code_of(stub, *descriptors, metadata=list(metadata.items()))

        assert told(VIDEO) == "UNAUTHENTICATED"
        assert told(VIDEO, authorization="Bearer sp_wrong_key") == "UNAUTHENTICATED"
        assert told(VIDEO, authorization=f"Bearer {keys['decide']}") == OK
        assert told(VIDEO, authorization=f"Bearer {keys['read']}") == "PERMISSION_DENIED"
        assert told(VIDEO, authorization=f"Bearer {keys['others']}") == "PERMISSION_DENIED"
        assert told(VIDEO, authorization=f"Bearer {keys['chats']}") == "PERMISSION_DENIED"
        chat = {"account": "acme", "feature": "chat.messages"}
        assert told(chat, authorization=f"Bearer {keys['chats']}") == OK
        assert told(chat, VIDEO, authorization=f"Bearer {keys['chats']}") == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("address", "named"), [("0.0.0.0:8081", "there is no API key"), ("8081", "HOST:PORT"), ("::1:x", "HOST:PORT")]
)
def test_without_keys_it_listens_on_loopback_only_and_only_where_it_is_told(tmp_path, address, named):
    (tmp_path / "policy.yaml").write_text(STARTER)
    ended = subprocess.run(
        [*PROGRAM, "serve", "--db", "memory://", "--policy", "policy.yaml", "--port", str(free_port()), "--envoy",
         address],
        capture_output=True, text=True, check=False, timeout=SECONDS, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert ended.returncode == 2
    assert named in ended.stderr
    assert "--envoy" in ended.stderr


def test_sigterm_answers_what_was_accepted_and_it_is_on_disk(tmp_path):
    service, address = serving(tmp_path)
    service.post("credits/add", {"account": "acme", "credits": "1000000", "key": "c"})
    answered, ended = [], []

    def asking():
        with grpc.insecure_channel(address) as channel:
            stub = rls_pb2_grpc.RateLimitServiceStub(channel)
            for at in range(100_000):
                key = f"{threading.get_ident()}-{at}"
                code = code_of(stub, {**VIDEO, "key": key})
                if code != OK:
                    ended.append(code)
                    return
                answered.append(key)

    threads = [threading.Thread(target=asking) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answered) < 40 and any(thread.is_alive() for thread in threads):
        threads[0].join(0.01)
    assert service.stop(signal.SIGTERM) == 0
    for thread in threads:
        thread.join()
    assert len(ended) == 4
    assert set(ended) <= {"UNAVAILABLE", "CANCELLED"}  # not begun: gRPC's own word for the port that is closed
    with spillover.connect(f"sqlite:///{tmp_path / 'served.db'}") as access:
        access.settle()
        assert access.usage("acme").rows[0].requests == len(answered)
        assert all(access.consume("acme", "video.seconds", 1, key=key).replayed for key in answered)


def test_an_end_waits_for_the_call_that_is_under_way():
    async def scene(ask, service, clock):
        entered, go = asyncio.Event(), asyncio.Event()

        async def admit(metadata, about):
            entered.set()
            await go.wait()

        address = f"127.0.0.1:{free_port()}"
        listening = await listen(RateLimits(service.access, service.desk, Convention(), admit), address)
        async with grpc.aio.insecure_channel(address) as channel:
            call = rls_pb2_grpc.RateLimitServiceStub(channel).ShouldRateLimit(asked(VIDEO), timeout=SECONDS)
            waiting = asyncio.ensure_future(call)
            await entered.wait()
            stopping = asyncio.create_task(listening.stop(SECONDS))
            await asyncio.wait([stopping], timeout=0.05)
            assert not stopping.done()
            go.set()
            assert (await waiting).overall_code == OK
            await stopping

    inside(scene)


@pytest.mark.parametrize("late", [1, 2])
def test_a_caller_whose_deadline_is_over_is_charged_nothing_of_several(late, monkeypatch):
    begun = []

    class Watched(Taking):
        def __init__(self, *words):
            super().__init__(*words)
            begun.append(self)

    monkeypatch.setattr("spillover.grpc_api.service.Taking", Watched)

    async def scene(ask, service, clock):
        hold, entered, go, opened = service.access.open_hold, asyncio.Event(), asyncio.Event(), []

        async def slow(*words, **more):
            decision = await hold(*words, **more)
            opened.append(decision)
            if len(opened) == late:
                entered.set()
                await go.wait()
            return decision

        service.access.open_hold = slow
        await ask({**POOR, "hits": 0})  # connected by now: the deadline is the call's alone
        begun.clear()
        calling = asyncio.ensure_future(ask({**VIDEO, "key": "r", "hits": 5}, POOR, timeout=1))
        async with asyncio.timeout(SECONDS):
            await entered.wait()
        with pytest.raises(grpc.aio.AioRpcError) as over:
            await calling
        assert over.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(SECONDS):
            while not begun[0].left:  # the service hears of the end by itself
                await asyncio.sleep(0.001)
            go.set()
            while await service.access.holds.list("acme") or await service.access.holds.list("poor"):
                await asyncio.sleep(0)
        service.access.open_hold = hold
        assert (await ask({**VIDEO, "hits": 0})).statuses[0].limit_remaining == 5
        assert (await ask({**VIDEO, "key": "r", "hits": 5}, POOR)).overall_code == OK

    inside(scene)


def test_the_example_asks_and_prints_who_paid(tmp_path):
    service, address = serving(tmp_path)
    with service:
        done = [
            subprocess.run(
                [sys.executable, str(EXAMPLE), address, "acme", "video.seconds", "5"], capture_output=True, text=True,
                check=False, timeout=SECONDS,
            )
            for _ in range(2)
        ]  # fmt: skip
    assert [one.returncode for one in done] == [0, 1], done
    assert done[0].stdout.startswith("OK: 5 seconds included\n")
    assert done[1].stdout.startswith("OVER_LIMIT: ")
    assert "retry-after: " in done[1].stdout


def test_the_example_configuration_is_in_envoys_own_words():
    from envoy.config.bootstrap.v3 import bootstrap_pb2
    from envoy.extensions.filters.http.ratelimit.v3 import rate_limit_pb2
    from envoy.extensions.filters.http.router.v3 import router_pb2
    from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2
    from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2
    from google.protobuf import json_format
    from ruamel.yaml import YAML

    assert router_pb2.Router
    assert http_protocol_options_pb2.HttpProtocolOptions
    document = YAML(typ="safe").load(EXAMPLE.with_name("envoy.yaml").read_text("utf-8"))
    found = json_format.ParseDict(document, bootstrap_pb2.Bootstrap())
    manager = http_connection_manager_pb2.HttpConnectionManager()
    assert found.static_resources.listeners[0].filter_chains[0].filters[0].typed_config.Unpack(manager)
    limit = rate_limit_pb2.RateLimit()
    assert manager.http_filters[0].typed_config.Unpack(limit)
    assert limit.failure_mode_deny
    actions = manager.route_config.virtual_hosts[0].routes[0].route.rate_limits[0].actions
    assert {"account", "key"} <= {one.request_headers.descriptor_key for one in actions}

"""What `connect` and the reports refuse: one clear line that names the field, before anything is made or read."""

from __future__ import annotations

from datetime import datetime

import pytest

import spillover
from spillover.bootstrap.addresses import path_of
from spillover.core.intake import TIME_MAX, TIME_MIN
from spillover.model.errors import InvalidInput, StoreError, StoreUnavailable
from tests.support import POLICY, clock, policy

NOW = 1_772_442_000_000


@pytest.mark.parametrize("reading", [float(NOW), NOW + 0.5, None, "now", True, 0, TIME_MIN - 1, TIME_MAX, 2**70])
def test_a_clock_that_gives_no_instant_is_refused_before_a_file_is_made(tmp_path, reading):
    with pytest.raises(InvalidInput, match=r"^clock: found"):
        spillover.connect(f"sqlite:///{tmp_path}/a.db", policy=policy(), clock=lambda: reading)
    assert not list(tmp_path.iterdir())


def test_a_clock_that_goes_wrong_later_books_nothing():
    reading: list[object] = [NOW]
    with spillover.connect("memory://", policy=policy(), clock=lambda: reading[0], settle=False) as access:  # type: ignore[arg-type,return-value]
        access.accounts.put("acme", "plus")
        access.consume("acme", "video.seconds", 1, key="a")
        reading[0] = float(NOW)
        for verb in (
            lambda: access.consume("acme", "video.seconds", 1, key="b"),
            lambda: access.credits.add("acme", "1", key="gift"),
            lambda: access.accounts.put("acme", "free"),
            access.settle,
        ):
            with pytest.raises(InvalidInput, match=r"^clock: found"):
                verb()
        reading[0] = NOW
        assert access.consume("acme", "video.seconds", 4, key="c").sequence == 3


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("sqlite:///:memory:", "memory://"),
        ("sqlite:///%3Amemory%3A", "memory://"),
        ("sqlite:///x.db?mode=ro", "%3F"),
        ("sqlite:///x.db?cache=shared&mode=ro", "%3F"),
        ("sqlite:///a%00b.db", "a path"),
        ("sqlite:///a\0b.db", "a path"),
        ("sqlite:///a\ud800.db", "a path"),
        ("sqlite:///", "sqlite:///FILE"),
        (b"memory://", "sqlite:///FILE"),
        (5, "sqlite:///FILE"),
    ],
)
def test_an_address_that_is_none_is_refused_naming_the_right_one(tmp_path, monkeypatch, url, advice):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidInput, match=r"^address: found") as refused:
        spillover.connect(url, policy=policy())
    assert advice in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("memory://", None),
        ("sqlite:///x.db", "x.db"),
        ("sqlite:////var/x.db", "/var/x.db"),
        ("sqlite:///x%3Fmode=ro", "x?mode=ro"),
        ("sqlite:///what?.db", "what?.db"),
        ("sqlite:///a%20b#c.db", "a b#c.db"),
    ],
)
def test_an_address_gives_its_path(url, path):
    assert path_of(url) == path


@pytest.mark.parametrize("given", [5, b"policy.yaml", POLICY, ["policy.yaml"], 1.5])
def test_a_policy_that_is_neither_a_path_nor_a_policy_is_refused_in_one_line(given):
    with pytest.raises(InvalidInput, match=r"^policy: found") as refused:
        spillover.connect("memory://", policy=given)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("clock_", [5, "now"])
def test_a_clock_that_cannot_be_asked_is_refused(clock_):
    with pytest.raises(InvalidInput, match=r"^clock: found"):
        spillover.connect("memory://", policy=policy(), clock=clock_)


@pytest.mark.parametrize("start", ["x", "2026-01-01", "2026-01-01T00:00:00", datetime(2026, 1, 1), 5, None])  # noqa: DTZ001
def test_a_turnable_clock_wants_a_moment_with_its_zone(start):
    with pytest.raises(InvalidInput, match=r"^clock: found"):
        spillover.TurnableClock(start)


@pytest.fixture
def access():
    with spillover.connect("memory://", policy=policy(), clock=clock(), settle=False) as engine:
        engine.accounts.put("acme", "plus")
        engine.consume("acme", "video.seconds", 1, subject="ada", key="k")
        engine.settle()
        yield engine


PAGES = [
    ({"limit": "5"}, "limit"),
    ({"limit": 0}, "limit"),
    ({"limit": True}, "limit"),
    ({"limit": 2**70}, "limit"),
    ({"limit": None}, "limit"),
    ({"after": "5"}, "after"),
    ({"after": -1}, "after"),
    ({"after": 2**70}, "after"),
]
PERIODS = [
    ({"since": "2026-01-01"}, "since"),
    ({"since": 2**70}, "since"),
    ({"since": 1.0}, "since"),
    ({"until": None}, "until"),
    ({"until": -1}, "until"),
]
GROUPS = [
    ({"by": 5}, "by"),
    ({"by": ("feature", 5)}, "by"),
    ({"by": None}, "by"),
    ({"after": 5}, "after"),
    ({"after": ("a", "b")}, "after"),
    ({"after": (5,)}, "after"),
]


@pytest.mark.parametrize(("options", "field"), [*PAGES, *PERIODS])
def test_a_statement_refuses_what_it_cannot_be_asked(access, options, field):
    with pytest.raises(InvalidInput, match=f"^{field}: found"):
        access.statement("acme", **options)


@pytest.mark.parametrize(("options", "field"), PAGES)
def test_a_list_of_accounts_refuses_what_it_cannot_be_asked(access, options, field):
    with pytest.raises(InvalidInput, match=f"^{field}: found"):
        access.accounts.list(**options)


@pytest.mark.parametrize(("options", "field"), [*PAGES, *PERIODS, *GROUPS])
def test_usage_refuses_what_it_cannot_be_asked(access, options, field):
    with pytest.raises(InvalidInput, match=f"^{field}: found"):
        access.usage("acme", **options)


def test_one_name_is_a_group_of_one_and_a_place_may_be_a_list(access):
    assert access.usage("acme", by="feature") == access.usage("acme", by=["feature"])
    assert access.usage("acme", by="feature").rows[0].group == ("video.seconds",)
    assert not access.usage("acme", by="feature", after=["video.seconds"]).rows


def test_a_request_that_is_none_is_an_error_among_the_answers(access):
    answers = access.consume_many([None, {"account": "acme", "feature": "chat.messages"}, 5, "acme"])
    assert [isinstance(answer, InvalidInput) for answer in answers] == [True, False, True, True]
    with pytest.raises(InvalidInput, match=r"^requests: found"):
        access.consume_many(None)


def test_what_was_decided_is_given_back_though_a_later_group_failed(access, monkeypatch):
    commit, calls = access._desk.store.commit, []

    async def failing(*args):
        calls.append(1)
        if len(calls) == 2:
            raise StoreUnavailable("planted")
        return await commit(*args)

    requests = [{"account": "acme", "feature": "video.seconds", "usage": 9, "key": f"{n}"} for n in range(300)]
    monkeypatch.setattr(access._desk.store, "commit", failing)
    answers = access.consume_many([*requests, None])
    assert [isinstance(answer, spillover.Decision) for answer in answers] == [True] * 128 + [False] * 173
    assert all(isinstance(answer, StoreUnavailable) for answer in answers[128:300])
    assert len(calls) == 2, "nothing is tried behind the failure"
    calls[:] = [1]
    with pytest.raises(StoreError):
        access.consume_many(requests)

"""The two faces are one: same verbs, same words, and what is concurrent shares commits in both."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import spillover
from spillover.access.asynchronous import AsyncAccess
from spillover.access.mirror import Mirror
from spillover.access.plain import Access
from spillover.access.verbs import Verbs
from tests.engine.houses import clock, engine, policy

GROUPS = ("accounts", "credits", "units", "holds", "lots", "limits", "windows", "policies", "packs")
PLUMBING = {
    Access: {"desk", "run", "look", "take_in", "submit", "decide", "settle_with", "watched_by", "opened"},
    AsyncAccess: {"desk", "submit", "decided", "now", "opened"},
}
"""What the faces are made of; nobody is told of it."""


def verbs_of(kind: type, plumbing: set[str] = frozenset()) -> dict[str, object]:  # type: ignore[assignment]
    return {name: found for name, found in inspect.getmembers(kind) if name[0] != "_" and name not in plumbing}


def words_of(verb: object) -> object:
    if not callable(verb):
        return type(verb)
    parameters = list(inspect.signature(verb).parameters.values())
    return [(one.name, one.kind, one.default, one.annotation) for one in parameters]


def assert_same(plain: dict[str, object], other: dict[str, object]) -> None:
    assert plain.keys() == other.keys()
    for name, verb in plain.items():
        assert words_of(verb) == words_of(other[name]), name
        assert inspect.getdoc(other[name]), name


def test_both_faces_have_the_same_verbs_with_the_same_words():
    assert_same(verbs_of(Access, PLUMBING[Access]), verbs_of(AsyncAccess, PLUMBING[AsyncAccess]))
    answers = {
        name: inspect.signature(verb).return_annotation for name, verb in verbs_of(Access).items() if callable(verb)
    }
    for name, verb in verbs_of(AsyncAccess, PLUMBING[AsyncAccess]).items():
        if callable(verb) and name != "hold":
            assert inspect.signature(verb).return_annotation == answers[name], name
            assert inspect.iscoroutinefunction(verb), name


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_the_same_verbs_in_both_faces(group):
    async def run() -> None:
        async with spillover.connect_async("memory://", policy=policy(), settle=False) as access:
            plain, other = getattr(access._access, group), getattr(access, group)
            assert isinstance(plain, Verbs)
            assert isinstance(other, Mirror)
            assert_same(verbs_of(type(plain), {"asked"}), verbs_of(type(other)))

    asyncio.run(run())


def test_no_group_is_left_out():
    with engine("memory://", clock=clock()) as access:
        assert {name for name, found in vars(access).items() if isinstance(found, Verbs)} == set(GROUPS)


def test_every_public_name_can_be_had():
    for name in spillover.__all__:
        assert getattr(spillover, name) is not None
    assert spillover.__all__ == sorted(spillover.__all__, key=lambda name: (name[0].islower(), name))


def test_what_is_concurrent_in_an_event_loop_shares_commits(monkeypatch):
    async def run() -> None:
        async with spillover.connect_async("memory://", policy=policy(), clock=clock(), settle=False) as access:
            await access.accounts.put("acme", "plus")
            await access.credits.add("acme", "100", key="c")
            batches: list[int] = []
            decide = access._gather._decide
            monkeypatch.setattr(access._gather, "_decide", lambda wishes: batches.append(len(wishes)) or decide(wishes))
            for number in range(20):
                assert await access.open_hold("acme", "codex.tokens", key=f"h{number}")
            batches.clear()
            answers = await asyncio.gather(
                *(access.consume("acme", "codex.tokens", {"output": 1}, key=f"c{n}") for n in range(20)),
                *(access.record("acme", "codex.tokens", {"output": 1}, key=f"r{n}") for n in range(20)),
                *(access.open_hold("acme", "codex.tokens", key=f"o{n}") for n in range(20)),
                *(access.holds.extend("acme", f"h{n}", {"output": 200}) for n in range(20)),
                *(access.holds.commit("acme", f"h{n}", {"output": 1}) for n in range(10)),
                *(access.holds.release("acme", f"h{n}") for n in range(10, 20)),
            )
            assert all(answers)
            assert sum(batches) == 100
            assert len(batches) <= 3
            assert len(await access.holds.list("acme")) == 20

    asyncio.run(run())


@pytest.mark.parametrize("url", ["memory://", "http://127.0.0.1:1"])
def test_what_was_not_awaited_says_so(url):
    opening = spillover.connect_async(url)
    with pytest.raises(AttributeError, match=r"consume: found .* that is not open, expected `await connect_async"):
        opening.consume("acme", "chat", 1)

"""One program runs on the engine itself or on a service: the same words, the same results, the same errors."""

import asyncio
import inspect
from collections import Counter

import pytest

import spillover
from spillover.access.asynchronous import AsyncAccess
from spillover.access.plain import Access
from spillover.http_client.asynchronous import AsyncClient
from spillover.http_client.lacking import LACKING
from spillover.http_client.plain import Client
from spillover.model.errors import SpilloverError
from tests.documents.telling import told
from tests.http_client.clocked import Clocked
from tests.rungs.opening import ORACLE, dice, opened
from tests.rungs.worlds import world
from tests.support import clock, policy

GROUPS = ("accounts", "credits", "units", "holds", "lots", "limits", "windows", "policies", "packs")
INSIDE = {
    "run", "look", "submit", "decide", "decided", "take_in", "desk", "policy", "trouble", "shadow", "watched_by",
    "settle_with", "asked", "tend", "open_until", "journal_status",
}  # fmt: skip
"""What the engine has for itself, or for who runs it; and what only a client has, for when its service is away."""
NO_CLOSING = frozenset({"closes_at"})


def verbs(one):
    """name -> signature, of an object and its groups."""
    found = {
        f"{name}.{verb}": inspect.signature(getattr(getattr(one, name), verb))
        for name in GROUPS
        for verb in dir(getattr(one, name))
        if not verb.startswith("_") and verb not in INSIDE and verb != "ask"
    }
    kind = type(one)
    for name in dir(kind):
        if not name.startswith("_") and name not in INSIDE and name != "ask" and callable(getattr(kind, name)):
            found[name] = inspect.signature(getattr(one, name))
    return found


def test_every_verb_has_the_signature_of_the_engines_own():
    with (
        spillover.connect("memory://", policy=policy(), settle=False) as access,
        spillover.connect("http://127.0.0.1:9") as client,
    ):
        assert (type(access), type(client)) == (Access, Client)
        assert len(verbs(access)) > 30
        assert verbs(client) == verbs(access)


def test_every_asynchronous_verb_has_the_signature_of_the_engines_own():
    async def play():
        async with (
            spillover.connect_async("memory://", policy=policy(), settle=False) as access,
            spillover.connect_async("http://127.0.0.1:9") as client,
        ):
            assert (type(access), type(client)) == (AsyncAccess, AsyncClient)
            assert all(inspect.iscoroutinefunction(getattr(client, name)) for name in ("consume", "settle", "refund"))
            return verbs(client), verbs(access)

    mine, others = asyncio.run(play())
    assert len(others) > 30
    assert mine == others


def test_what_a_client_has_not_says_what_to_do():
    with spillover.connect("http://127.0.0.1:9") as client:
        for name in LACKING:
            with pytest.raises(AttributeError, match=f"{name}: found a client of a service, expected the engine"):
                getattr(client, name)
        assert not hasattr(client, "policy")
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = client.nothing


def verb_of(access, name):
    for part in name.split("."):
        access = getattr(access, part)
    return access


def heard(verb, args, options):
    """What a verb gave, or the error that it raised, in a form that can be compared."""
    try:
        found = spoken(verb(*args, **options))
    except SpilloverError as error:
        return spoken(error)
    if verb.__name__ in ("check", "explain"):  # what is only asked has a key that nobody gave
        del found.get("decision", found)["key"]
    return found


def spoken(found):
    if isinstance(found, SpilloverError):
        return type(found), str(found), vars(found)
    if isinstance(found, list):
        return [spoken(one) for one in found]
    return told(found, asks=NO_CLOSING)


def no_fixture(name):
    raise LookupError(f"nothing in memory asks for {name}")


def played(seed, decisions):
    """Each step of a world on an engine and through a client of a service: (step, engine's answer, client's)."""
    one = world(seed, decisions, denials=True)
    at = one.steps[0].at
    with (
        opened(ORACLE, no_fixture, one.policy, at) as engine,
        Clocked(one.policy, engine.clock, dice()) as served,
        spillover.connect(served.url, deadline=60) as client,
    ):
        for step in one.steps:
            engine.clock.at = step.at
            verb = verb_of(engine.access, step.verb)
            by = {"actor": "ops"} if "actor" in inspect.signature(verb).parameters else {}
            other = served.service.plain if step.verb == "tend" else client
            mine = heard(verb, step.args, {**step.options, **by})
            yield step, mine, heard(verb_of(other, step.verb), step.args, {**step.options, **by})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_world_is_answered_alike(seed):
    compare(seed, 300)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(200, 230))
def test_many_worlds_are_answered_alike(seed):
    compare(seed, 1_500)


def compare(seed, decisions):
    count = Counter()
    for step, mine, others in played(seed, decisions):
        assert mine == others, str(step)
        count[step.verb] += 1
        count["errors"] += isinstance(mine, tuple) and len(mine) == 3 and isinstance(mine[0], type)
    assert len(count) > 15
    assert count["errors"]


WRONG = [
    ("consume", ("acme", "chat.messages"), {"key": ""}),
    ("consume", ("", "chat.messages"), {}),
    ("consume", ("nobody", "chat.messages"), {}),
    ("consume", ("acme", "chat.massages"), {}),
    ("consume", ("acme", "video.seconds"), {"usage": {"seconds": -1}}),
    ("consume", ("acme", "video.seconds"), {"usage": {"seconds": 1.5}}),
    ("consume", ("acme", "video.seconds"), {"usage": -1}),
    ("consume", ("acme", "chat.messages"), {"mode": "some"}),
    ("consume", ("acme", "chat.messages"), {"at": 17}),
    ("consume", ("acme", "chat.messages"), {"subject": " ada"}),
    ("consume", ("acme", "chat.messages"), {"attributes": {str(one): "x" for one in range(17)}}),
    ("consume", ("acme", "chat.messages"), {"attributes": 5}),
    ("consume", ("acme", "chat.messages"), {"key": "k1", "subject": "eve"}),
    ("open_hold", ("acme", "video.seconds"), {"lasts": 5}),
    ("open_hold", ("acme", "video.seconds"), {"mode": "record"}),
    ("holds.commit", ("acme", "none"), {"usage": 3}),
    ("holds.commit", ("acme", "ended"), {"usage": 3}),
    ("holds.extend", ("acme", "ended", 9), {}),
    ("opened", ("acme", "ended"), {}),
    ("credits.add", ("acme", 1.5), {"key": "c"}),
    ("credits.add", ("acme", "-3"), {"key": "c"}),
    ("units.add", ("acme", "video.seconds", 0), {"key": "u"}),
    ("lots.adjust", ("acme", 99, 5), {"key": "a", "reason": "r"}),
    ("lots.revoke", ("acme", 99), {"key": "a"}),
    ("limits.set", ("acme", "video.seconds", "monthly", 3), {"key": "a"}),
    ("windows.reset", ("acme", "video.seconds", "monthly"), {"key": "a"}),
    ("refund", ("acme", "none"), {"key": "r"}),
    ("refund", ("acme", "k1"), {"key": "r", "reason": "\n"}),
    ("accounts.put", ("acme",), {"zone": "Mars/Olympus"}),
    ("accounts.plan", ("acme", "gold"), {}),
    ("accounts.erase", ("nobody",), {}),
    ("balance", ("nobody",), {}),
    ("balance_at", ("acme", 5), {}),
    ("usage", ("acme",), {"by": 5}),
    ("usage", ("acme",), {"limit": -1}),
    ("overview", ("acme",), {"attributes": {"colour": "red"}}),
    ("statement", ("acme",), {"after": "x"}),
    ("receipt", ("acme", "none"), {}),
    ("receipt", ("acme", "k1"), {}),
    ("receipt", ("acme", "ended"), {"step": 0}),
    ("receipt", ("acme", "ended"), {"step": 1, "end": True}),
    ("receipt", ("acme", "ended"), {"end": 1}),
    ("receipt", ("nobody", "k1"), {}),
    ("receipt", ("acme", 5), {}),
    ("policies.get", ("0" * 64,), {}),
    ("policies.withdraw", (17,), {}),
    ("policies.publish", (None,), {}),
    ("consume_many", (5,), {}),
    ("consume_many", ([{"account": "acme"}, {"colour": "red"}, 5, {"account": "acme", "feature": "nothing"}],), {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def both():
    now = clock()
    with (
        spillover.connect("memory://", policy=policy(), clock=now, settle=False) as access,
        Clocked(policy(), now) as served,
        spillover.connect(served.url, deadline=30) as client,
    ):
        for one in (access, client):
            one.accounts.put("acme", "plus")
            one.credits.add("acme", "100", key="first")
            assert one.consume("acme", "chat.messages", key="k1")
            assert one.open_hold("acme", "video.seconds", 3, key="ended")
            one.holds.release("acme", "ended")
        yield access, client


@pytest.mark.parametrize(("verb", "args", "options"), WRONG)
def test_what_is_wrong_is_refused_in_the_same_words(both, verb, args, options):
    mine, others = (heard(verb_of(one, verb), args, options) for one in both)
    if verb != "consume_many" or args == (5,):
        assert issubclass(mine[0], SpilloverError)
    assert others == mine


def test_names_and_texts_of_every_sort_travel(both):
    for name in ("a/b", "a b", "a&b=c", "a%2Fb", "a+b", "ä", "null", "17", "true", "[x]", "q?#"):
        seen = []
        for one in both:
            one.accounts.put(name, "plus")
            one.credits.add(name, "10", key=name)
            asked = one.consume(name, "chat.messages", subject=name, key=name)
            held = one.open_hold(name, "video.seconds", 2, key=f"{name} hold", attributes={"team": name})
            seen.append(
                (
                    asked.key, asked.sentence, held.key, one.opened(name, held.key).usage, one.holds.list(name)[0].key,
                    told(one.overview(name, subject=name, attributes={"team": name})),
                )
            )  # fmt: skip
        assert seen[0] == seen[1], name

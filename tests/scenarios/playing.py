"""Scenario files: a policy, instants, verbs with their arguments, and what each gives, for whatever has the verbs.

A file has `policy` (a name in policies.yaml), `start`, and `steps`. A step is `pass: {hours: 1}`, or `do: VERB` with
its arguments by name (`with`) and what it `gives`: a part of the result (a map is a part of a map), `says` for the
sentence of a decision, or `error` for the error and its text. An instant may be written as text. `do: hold` is work
under a hold: its `reports`, and what was `exact`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

import spillover
from spillover.model.errors import SpilloverError
from tests.documents.telling import told
from tests.http_client.clocked import Clocked
from tests.http_client.faces import FACES, open_face
from tests.rungs.opening import Fixture, Hands, dice, opened
from tests.support import policy

FOLDER = Path(__file__).parent
INSTANTS = frozenset({"at", "when", "since", "until", "expires", "effective", "billing_day"})
NO_CLOSING = frozenset({"closes_at"})
ENGINES = ("memory", "sqlite")
PLAYERS = (*ENGINES, *FACES)
UNNAMED = ("check", "explain")
"""What is only asked has a key that nobody gave."""


class Scenario(NamedTuple):
    name: str
    policy: spillover.Policy
    start: int
    steps: list[dict[str, Any]]


class Player(NamedTuple):
    """Who plays: its verbs, its clock, and who tends it (a client's service does that itself)."""

    access: Any
    clock: Hands
    tender: Any


def names() -> list[str]:
    """The files, without policies.yaml."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem != "policies")


def scenario(name: str) -> Scenario:
    """The scenario of a file."""
    found = YAML(typ="safe").load(FOLDER / f"{name}.yaml")
    return Scenario(name, policy_named(found["policy"]), instant(found["start"]), found["steps"])


def policy_named(name: str) -> spillover.Policy:
    """A policy of policies.yaml."""
    known = YAML(typ="safe").load(FOLDER / "policies.yaml")
    found = known[name]
    if not isinstance(found, str):
        assert found["instead_of"] in known[found["of"]]
        found = known[found["of"]].replace(found["instead_of"], found["with"])
    return policy(found)


def instant(text: str) -> int:
    """Milliseconds since 1970."""
    return spillover.TurnableClock(text)()


@contextmanager
def player(kind: str, fixture: Fixture, policy: spillover.Policy, start: int) -> Iterator[Player]:
    """An engine, or a client of one of the faces over a service; each has ids and tokens from the same dice."""
    with ExitStack() as stack:
        if kind in ENGINES:
            engine = stack.enter_context(opened(kind, fixture, policy, start))
            yield Player(engine.access, engine.clock, engine.access)
            return
        clock = Hands(start)
        served = stack.enter_context(Clocked(policy, clock, dice()))
        client = stack.enter_context(face_of(kind, served))
        yield Player(client, clock, served.service.plain)


def face_of(kind: str, served: Clocked) -> AbstractContextManager[Any]:
    """A client of that face."""
    return open_face(kind, served.url, deadline=60)


def play(found: Scenario, one: Player) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each step with what it gave, in a form that can be compared; a step of the clock gives None."""
    for step in found.steps:
        if "pass" in step:
            one.clock.at += to_ms(step["pass"])
            yield step, None
        else:
            yield step, heard(step["do"], one, step)


def to_ms(by: Mapping[str, int]) -> int:
    clock = spillover.TurnableClock("2026-01-01T00:00:00Z")
    before = clock()
    clock.turn(**by)
    return clock() - before


def heard(name: str, one: Player, step: Mapping[str, Any]) -> Any:
    """What a verb gave, or the error that it raised."""
    access = one.tender if name == "tend" else one.access
    verb = access
    for part in name.split("."):
        verb = getattr(verb, part)
    given = {word: argument(word, value) for word, value in step.get("with", {}).items()}
    if "actor" in inspect.signature(verb).parameters:
        given = {"actor": "ops"} | given
    try:
        found = spoken(worked(verb, given, step) if name == "hold" else verb(*step.get("args", ()), **given))
    except SpilloverError as error:
        return spoken(error)
    if name in UNNAMED:
        del found.get("decision", found)["key"]
    return found


def worked(verb: Callable[..., Any], given: Mapping[str, Any], step: Mapping[str, Any]) -> Any:
    """Work under a hold, and its end."""
    with verb(**given) as hold:
        for counts in step.get("reports", ()):
            hold.report(**counts)
        if "exact" in step:
            hold.exact(**step["exact"])
    return hold.ending


def argument(name: str, value: Any) -> Any:
    if name == "policy":
        return policy_named(value)
    if name == "policy_hash":
        return value if len(value) == 64 else policy_named(value).hash
    if name in INSTANTS and isinstance(value, str):
        return instant(value)
    return {word: argument(word, one) for word, one in value.items()} if isinstance(value, dict) else value


def spoken(found: Any) -> Any:
    if isinstance(found, SpilloverError):
        known = {name: value for name, value in vars(found).items() if not isinstance(value, spillover.Decision)}
        return {"error": f"{type(found).__name__}: {found}", "facts": known}
    if isinstance(found, list):
        return [spoken(one) for one in found]
    return told(found, asks=NO_CLOSING)


def meets(step: Mapping[str, Any], found: Any) -> bool:
    """Whether a step gave what the file says that it gives."""
    if "error" in step:
        return bool(isinstance(found, dict) and found.get("error") == step["error"])
    if "says" in step:
        inner = found.get("decision", found)
        return bool(inner.get("sentence") == step["says"])
    return "gives" not in step or is_part(step["gives"], found)


def is_part(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and is_part(value, whole[name]) for name, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list | tuple) and len(part) == len(whole) and all(map(is_part, part, whole))
    return bool(part == whole)

"""Random worlds over the public API: one seed gives a policy and a list of steps that depend on no answer.

So the same steps can be taken on any rung, and any of them can be left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from types import MappingProxyType
from typing import Any, NamedTuple

import spillover
from spillover.policy import read_policy_text
from tests.audit.worlds import DAY, FEATURES, HOUR, START, ZONES, named_limits, policy_document

ACCOUNTS = tuple(f"account {number}" for number in range(8))
BATCHES = (1, 5, 16, 40, 90, 128)
MOVES = (0, 1, 40, 999, 1_000, 7_000, 60_000, HOUR, HOUR, 7 * HOUR, DAY, 3 * DAY)
SCOPES = {"subject": ("ada", "bob"), "team": ("red", "blue"), "run": ("a", "b")}
Options = Mapping[str, Any]


class Step(NamedTuple):
    """One call of a verb at an instant: `access.VERB(*args, **options)`."""

    at: int
    verb: str
    args: tuple[Any, ...] = ()
    options: Options = MappingProxyType({})

    def __str__(self) -> str:
        said = [repr(one) for one in self.args] + [f"{name}={value!r}" for name, value in self.options.items()]
        return f"clock.at = {self.at}; access.{self.verb}({', '.join(said)})"


class World(NamedTuple):
    seed: int
    policy: spillover.Policy
    steps: list[Step]


def world(seed: int, decisions: int, start: int = START, *, denials: bool = False) -> World:
    """A world with at least so many decisions. Each time the same for the same numbers.

    `denials`: how often what was denied is read too; servers forget that after a month by a clock of their own.
    """
    maker = Maker(seed, start, denials=denials)
    while maker.asked < decisions:
        maker.more()
    maker.say("settle")
    for name in ACCOUNTS:
        maker.look(name)
    return World(seed, maker.policy, maker.steps)


class Maker:
    """The dice of one world, and what its steps can refer to: keys that were given to requests and holds."""

    def __init__(self, seed: int, start: int, *, denials: bool) -> None:
        self.pick, self.at, self.denials = Random(f"steps {seed}"), start, denials
        self.document = policy_document(seed)
        self.limits = named_limits(self.document)
        self.steps: list[Step] = []
        self.requests: list[Options] = []
        self.holds: list[tuple[str, str, str]] = []  # account, feature, key
        self.asked = self.count = 0
        self.last_look = start
        for name in ACCOUNTS:
            anchor = START - self.pick.randrange(40 * DAY)
            self.say("accounts.put", name, plan="one", zone=self.pick.choice(ZONES), billing_day=anchor)
            for _ in range(3):
                self.lot(name)

    @property
    def policy(self) -> spillover.Policy:
        return read_policy_text(json.dumps(self.document))

    def say(self, verb: str, *args: Any, **options: Any) -> None:
        self.steps.append(Step(self.at, verb, args, options))

    def key(self) -> str:
        self.count += 1
        return f"key {self.count}"

    def name(self) -> str:
        return self.pick.choice(ACCOUNTS)

    def more(self) -> None:
        """Time passes; a batch of requests, and what else happens beside it."""
        pick = self.pick
        self.at += pick.choice(MOVES)
        self.batch(pick.choice(BATCHES))
        for _ in range(pick.randrange(5)):
            self.at += pick.choice((0, 0, 300, 20_000))
            pick.choice((self.hold, self.hold, self.hold, self.end, self.end, self.extend))()
        for _ in range(pick.randrange(6)):
            pick.choice((self.lot, self.terms, self.order, self.limit, self.refund, self.book, self.ask))(self.name())
        if pick.random() < 0.4:
            self.look(self.name())

    # Requests

    def batch(self, size: int) -> None:
        """Many at once; one of them repeats a key now and then, with the same request or another."""
        some = [self.request() for _ in range(size)]
        if size == 1 and self.pick.random() < 0.5:
            self.say("consume", **some[0])
        else:
            self.say("consume_many", some)
        self.asked += size

    def request(self) -> Options:
        pick = self.pick
        if self.requests and pick.random() < 0.03:
            again = dict(pick.choice(self.requests[-300:]))
            return again if pick.random() < 0.7 else again | {"subject": "eve"}
        name, feature = self.name(), pick.choice(FEATURES)
        late = pick.choice((0, 0, 0, 0, 400, 1_000, 4_000, HOUR, DAY))
        request = {
            "account": name, "feature": feature, "usage": self.usage(feature), "key": self.key(),
            "subject": pick.choice((None, "ada", "bob")), "attributes": self.attributes(),
            "mode": pick.choice(("exact", "exact", "exact", "partial", "record")), "at": self.at - late,
        }  # fmt: skip
        if pick.random() < 0.01:
            request["account"] = "nobody"
        self.requests.append(request)
        return request

    def usage(self, feature: str, times: int = 1) -> Any:
        pick = self.pick
        if feature == "tokens":
            return {"input": pick.choice((0, 70, 800)) * times, "output": pick.choice((1, 33, 2000)) * times}
        return pick.choice((1, 1, 3) if feature == "chat" else (1, 2, 7, 19)) * times

    def attributes(self) -> dict[str, str]:
        pick = self.pick
        found = {"team": pick.choice(("red", "blue")), "model": pick.choice(("large", "small")),
                 "size": pick.choice(("8", "9") * 4 + ("7",)), "run": pick.choice(("a", "b"))}  # fmt: skip
        return {name: value for name, value in found.items() if name in ("model", "size") or pick.random() < 0.75}

    # Holds

    def hold(self) -> None:
        pick, feature = self.pick, self.pick.choice(FEATURES)
        name, key = self.name(), self.key()
        self.say(
            "open_hold", name, feature, self.usage(feature), key=key, subject=pick.choice((None, "ada", "bob")),
            attributes=self.attributes(), mode=pick.choice(("exact", "exact", "partial")),
            lasts=pick.choice((None, 1_000, 60_000, 5 * HOUR)),
        )  # fmt: skip
        self.holds.append((name, feature, key))
        self.asked += 1

    def extend(self) -> None:
        if self.holds:
            name, feature, key = self.pick.choice(self.holds[-6:])
            usage = self.usage(feature, 3) if self.pick.random() < 0.7 else None
            self.say("holds.extend", name, key, usage, lasts=self.pick.choice((None, 90_000, HOUR)))
            self.asked += 1

    def end(self) -> None:
        """Committed with less, the same or more; released; perhaps long after it expired, perhaps again."""
        if not self.holds:
            return
        pick = self.pick
        name, feature, key = pick.choice(self.holds[-6:])
        if pick.random() < 0.4:
            self.say("holds.release", name, key)
        else:
            usage = self.usage(feature, pick.choice((1, 1, 5)))
            self.say("holds.commit", name, key, usage, estimated=pick.random() < 0.1)
        self.asked += 1

    # Orders

    def lot(self, name: str) -> None:
        """Credits or units, on some terms; now and then under a key that was used before."""
        pick, key = self.pick, self.key()
        terms: dict[str, Any] = {
            "key": key, "priority": pick.choice((100, 100, 50)), "effective": pick.choice((0, 0, self.at + HOUR)),
            "expires": pick.choice((None, None, self.at + DAY)), "reason": pick.choice(("", "sorry")),
        }  # fmt: skip
        if pick.random() < 0.7:
            paid = pick.choice((None, "9.00 EUR"))
            amount = f"{pick.randint(1, 900)}.000001"
            self.say("credits.add", name, amount, paid=paid, ref=pick.choice(("", "ch_1")), **terms)
            return
        feature = pick.choice(FEATURES)
        units = pick.randint(1, 90) * (1_000_000 if feature == "tokens" else 1)
        if pick.random() < 0.3:
            terms["scope"] = pick.choice(({"subject": "ada"}, {"team": ["red"]}, {"feature": list(FEATURES)}))
        self.say("units.add", name, feature, units, **terms)

    def terms(self, name: str) -> None:
        pick = self.pick
        kind = pick.randrange(8)
        if kind == 0:
            self.say("accounts.suspend", name, reason="late")
            self.batch(5)
            self.say("accounts.put", name, state="active")
        elif kind == 1:
            self.say("accounts.plan", name, pick.choice(("one", "two")), when=self.at + pick.choice((-1, 1, HOUR)))
        elif kind == 2:
            self.say("accounts.erase", name)
            self.say("accounts.put", name, plan="one")
            self.lot(name)
        else:
            anchor = START - pick.randrange(40 * DAY)
            changes: list[dict[str, Any]] = [{"plan": "one"}, {"plan": "two"}, {"consent": True}, {"consent": False}]
            change = pick.choice([*changes, {"zone": pick.choice(ZONES)}, {"billing_day": anchor}])
            self.say("accounts.put", name, **change)

    def order(self, name: str) -> None:
        pick, key, lot = self.pick, self.key(), self.pick.randint(1, 6)
        kind = pick.randrange(4)
        if kind == 0:
            self.say("lots.revoke", name, lot, key=key)
        elif kind == 1:
            self.say("lots.reverse", name, "ch_1", key=key)
        else:
            by = pick.choice((-9_000_000, -1, 3, 2_000_000, 90_000_000))
            self.say("lots.adjust", name, lot, by, key=key, reason="so", actor="ops")

    def limit(self, name: str) -> None:
        """Another maximum for one limit, or what it counted forgotten."""
        pick, key = self.pick, self.key()
        limit, feature = pick.choice(self.limits)
        per = limit.get("per", "")
        scope = pick.choice(SCOPES[per]) if per else None
        if pick.random() < 0.5:
            self.say("windows.reset", name, feature, limit["name"], key=key, scope=scope)
            return
        until = pick.choice((None, self.at + HOUR, self.at + DAY))
        scope = scope if pick.random() < 0.5 else None
        self.say("limits.set", name, feature, limit["name"], pick.randint(0, 90), key=key, scope=scope, until=until)

    def refund(self, name: str) -> None:
        """Of something that was asked for; settled first, mostly."""
        mine = [one["key"] for one in self.requests[-400:] if one["account"] == name]
        mine += [key for whose, _, key in self.holds[-20:] if whose == name]
        if not mine:
            return
        if self.pick.random() < 0.6:
            self.say("settle")
        for _ in range(3):
            units = self.pick.choice((None, 1, 2))
            self.say("refund", name, self.pick.choice(mine), units=units, key=self.key(), reason="sorry")

    def book(self, _: str) -> None:
        self.say(self.pick.choice(("settle", "tend")))

    # Questions

    def ask(self, name: str) -> None:
        feature = self.pick.choice(FEATURES)
        subject = self.pick.choice((None, "ada"))
        verb = self.pick.choice(("check", "explain"))
        self.say(verb, name, feature, self.usage(feature), subject=subject, attributes=self.attributes())

    def look(self, name: str) -> None:
        """All reads of an account."""
        self.say("balance", name)
        self.say("overview", name, attributes={"team": "red"}, subject="ada")
        self.say("holds.list", name)
        self.say("lots.list", name)
        self.say("usage", name, by=("feature", "subject", "team"))
        self.say("statement", name)
        if self.denials:
            self.say("denials", name)
        self.say("balance_at", name, self.last_look)
        self.last_look = self.at

"""Databases made by the real engine: a policy with every kind of limit and layer, and random usage at its edges."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import spillover
from spillover.policy import read_policy_text
from tests.audit.deeds import Deeds, richer

HOUR, DAY = 3_600_000, 86_400_000
START = 1_774_600_000_000  # 2026-03-27 in UTC: two days before the clocks of Europe go forward
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana")
FEATURES = ("chat", "tokens", "video")


def policy_document(seed: int, rich: bool = True) -> dict[str, Any]:
    """A random policy of three features and two plans; the second plan has other maxima for the same limits.

    `rich`: with everything that limits and plans may have; else with what the first rules knew.
    """
    pick = random.Random(f"policy {seed}")
    features = {
        "chat": {"count": "requests", "price": {"credits": pick.choice([0, 1, 5, "0.25"])}},
        "tokens": {
            "count": "cost",
            "price": [
                {"when": {"model": "large"}, "input": "1.25", "output": pick.choice([10, "0.333333"]), "per": "1k"},
                {"input": "0.1", "output": "0.7", "per": 7},
            ],
        },
        "video": {"count": "seconds", "price": [{"when": {"size": 8}, "credits": 25}, {"credits": "0.5"}]},
    }
    rules = [_rule(pick, ["chat"]), _rule(pick, ["tokens"]), _rule(pick, ["video"])]
    if pick.random() < 0.3:
        rules = [_rule(pick, ["chat", "video"]) | {"name": "both"}, rules[1]]
    if pick.random() < 0.3:
        rules[-1]["only"] = {"size": [8, 9]} if "video" in rules[-1]["for"] else {"model": ["large", "small"]}
    if rich:
        _enrich(random.Random(f"rich {seed}"), rules)
    other = json.loads(json.dumps(rules))
    for rule in other:
        for limit in _limits(rule):
            if "refill" not in limit or pick.random() < 0.5:
                limit["max"] = max(1, int(float(limit["max"])) + pick.choice([-3, -1, 1, 10]))
    plans: dict[str, Any] = {"one": {"rules": rules}, "two": {"rules": other}}
    document = {"spillover": 1, "attributes": ["team", "run"], "features": features, "plans": plans}
    return _endowed(random.Random(f"endowed {seed}"), document) if rich else document


def _enrich(pick: random.Random, rules: list[dict[str, Any]]) -> None:
    """Limits of every kind, estimates for holds, overshoot that is forgiven up to a bound."""
    for rule in rules:
        features, costs = rule["for"], rule["for"] == ["tokens"]
        for limit in rule["ceilings"]:
            richer(pick, limit, ceiling=True, costs=costs, features=features)
        for layer in rule["waterfall"]:
            for limit in layer.get("windows", []):
                richer(pick, limit, ceiling=False, costs=costs, features=features)
        if costs:
            rule["hold"] = {"default": {"output": 40}, "at_least": {"output": 5}, "for": pick.choice(["5s", "15m"])}
        if pick.random() < 0.6:
            rule["overshoot"] = {"forgive": pick.choice(["0", "0.5", 20]), "every": "day", "in": "UTC"}


def _endowed(pick: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """Plans that end, give and keep refunds; usage that comes late."""
    if pick.random() < 0.4:
        document["late"] = pick.choice(["5s", "2h", "3d"])
    one, two = document["plans"]["one"], document["plans"]["two"]
    if pick.random() < 0.3:
        two |= {"lasts": pick.choice(["2h", "3d"]), "then": "one"}
    if pick.random() < 0.4:
        one["refunds"] = {"expired": "30d"}
    if pick.random() < 0.4:
        gift = {"credits": 7, "every": "day", "in": "UTC", "rollover": {"max": 5, "expires": "2d"}}
        one["gives"] = [gift, {"units": 3, "for": "video", "once": True, "expires": "9d", "only": {"team": ["red"]}}]
    return document


def _rule(pick: random.Random, features: list[str]) -> dict[str, Any]:
    costs = features == ["tokens"]
    scale = 20 if costs else 6
    windows = [_limit(pick, f"w{n}", scale, costs) for n in range(pick.randint(1, 3))]
    layers = [{"from": "allowance", "windows": windows}, {"from": "units"}, {"from": "credits"}, {"from": "overage"}]
    pick.shuffle(layers)
    layers = layers[: pick.randint(1, 4)]
    for layer in layers:
        if layer["from"] in ("credits", "overage") and pick.random() < 0.3:
            layer["consent"] = "remembered"
        if layer["from"] == "overage":
            if pick.random() < 0.5:
                layer["price_times"] = pick.choice(["2", "1"] if costs else ["1.20", "3", "0.5"])
            if pick.random() < 0.7:
                layer["cap"] = _limit(pick, "", 40, True) | {"of": "credits"}
                del layer["cap"]["name"]
    rule: dict[str, Any] = {"for": features, "waterfall": layers}
    rule["ceilings"] = [_limit(pick, f"c{n}", 4 * scale, costs) for n in range(pick.randint(0, 2))]
    rule["spending"] = [_limit(pick, f"s{n}", 60, True) | {"of": "credits"} for n in range(pick.randint(0, 2))]
    return rule


def _limit(pick: random.Random, name: str, scale: int, costs: bool) -> dict[str, Any]:
    most: Any = pick.randint(1, 8) * scale // 2 + pick.randint(0, 2)
    limit: dict[str, Any] = {"name": name, "max": f"{most}.000007" if costs and pick.random() < 0.3 else most}
    kind = pick.choice(["session", "fixed", "month", "clock", "refill", "ever"])
    starting = pick.choice(["billing_day", "2026-01-31T23:30:00Z", "2024-02-29T12:00:00+02:00"])
    if kind == "session":
        limit |= {"every": pick.choice(["1s", "90s", "5h", "2w"]), "starting": "first_use"}
    elif kind == "fixed":
        limit |= {"every": pick.choice(["7s", "60m", "1d", "7d"]), "starting": starting}
    elif kind == "month":
        limit |= {"every": "month", "starting": starting}
    elif kind == "clock":
        limit |= {"every": pick.choice(["hour", "day", "week", "month"]), "in": pick.choice([*ZONES, "account"])}
    elif kind == "refill":
        limit |= {"refill": pick.choice(["5h", "3d"] if costs else ["7s", "1m", "5h"])}
    else:
        limit |= {"ever": True, "max": limit["max"] if costs else 40 * most}
    if not costs and pick.random() < 0.2:
        limit["of"] = "requests"
    if pick.random() < 0.3:
        limit["per"] = pick.choice(["subject", "team", "run"])
        if limit["per"] != "subject":
            limit["when_missing"] = pick.choice(["skip", "skip", "deny"])
    return limit


def _limits(rule: dict[str, Any]) -> list[dict[str, Any]]:
    windows = [limit for layer in rule["waterfall"] for limit in layer.get("windows", [])]
    caps = [layer["cap"] for layer in rule["waterfall"] if "cap" in layer]
    return [*rule["ceilings"], *rule["spending"], *windows, *caps]


def named_limits(document: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The limits of plan one, each with a feature that it counts."""
    rules = document["plans"]["one"]["rules"]
    return [({"name": "overage_cap"} | limit, rule["for"][0]) for rule in rules for limit in _limits(rule)]


class World:
    """One engine that is played on with a seed: the same seed does the same, whatever ids and tokens come out."""

    def __init__(
        self, path: Path, seed: int, accounts: int = 3, document: dict[str, Any] | None = None, rich: bool = True
    ) -> None:
        """`rich`: holds, modes and orders too, and what falls due is seen to; else requests, terms and grants alone."""
        self.pick = random.Random(f"usage {seed}")
        self.document = document or policy_document(seed, rich)
        self.at, self.rich = START, rich
        self.limits = named_limits(self.document)
        self.deeds = Deeds(self, seed)
        self.path = path
        self.granted = self.asked = 0
        self.access = spillover.connect(
            f"sqlite:///{path}", policy=read_policy_text(json.dumps(self.document)), clock=lambda: self.at,
            durability="fast", settle=False,
        )  # fmt: skip
        self.names = [f"account {number}" for number in range(accounts)]
        for name in self.names:
            self.put(name, plan="one", zone=self.pick.choice(ZONES), billing_day=START - self.pick.randrange(40 * DAY))
            self.top_up(name, "first")

    def put(self, name: str, **terms: Any) -> None:
        self.access.accounts.put(name, **terms)

    def top_up(self, name: str, key: str) -> None:
        """A lot of something, on some terms."""
        pick = self.pick
        terms = {
            "priority": pick.choice([100, 100, 50]),
            "effective": pick.choice([0, 0, self.at + HOUR]),
            "expires": pick.choice([None, None, self.at + DAY]),
        }
        if pick.random() < 0.6:
            paid = pick.choice([None, "9.00 EUR"])
            self.access.credits.add(name, f"{pick.randint(1, 60)}.000001", key=key, paid=paid, ref="ch", **terms)
        else:
            feature = pick.choice(FEATURES)
            units = pick.randint(1, 30) * (1_000_000 if feature == "tokens" else 1)
            if self.rich and pick.random() < 0.3:
                terms["scope"] = pick.choice([{"subject": "ada"}, {"team": ["red"]}, {"feature": FEATURES}])
            self.access.units.add(name, feature, units, key=key, **terms)

    def step(self, number: int, settle_often: bool = True) -> None:
        """Something happens: mostly a request."""
        pick = self.pick
        self.at += pick.choice([0, 1, 40, 999, 1_000, 7_000, 60_000, HOUR, HOUR, 7 * HOUR, 3 * DAY])
        name = pick.choice(self.names)
        kind = pick.random()
        if kind < 0.06:
            self.top_up(name, f"top-up {number}")
        elif kind < 0.12:
            change = pick.choice(
                [{"plan": "one"}, {"plan": "two"}, {"consent": True}, {"consent": False}, {"zone": pick.choice(ZONES)},
                 {"billing_day": START - pick.randrange(40 * DAY)}, {"state": "suspended"}, {"state": "active"}]
            )  # fmt: skip
            self.put(name, **change)
            if change.get("state") == "suspended":
                if self.rich:
                    self.request(name, 10_000 + number)
                    self.deeds.something(20_000 + number)
                self.put(name, state="active")
        elif self.rich and kind < 0.5:
            self.deeds.something(number)
        else:
            self.request(name, number)
        if settle_often and pick.random() < 0.05:
            self.access.settle(tend=self.rich)

    def usage(self, pick: random.Random, feature: str, times: int = 1) -> Any:
        """So much of a feature."""
        if feature == "tokens":
            return {"input": pick.choice([0, 70, 800]) * times, "output": pick.choice([1, 33, 2000]) * times}
        return pick.choice([1, 3] if feature == "chat" else [1, 2, 7, 19]) * times

    def attributes(self, pick: random.Random) -> dict[str, str]:
        """Some of those that prices and limits read."""
        found = {"team": pick.choice(["red", "blue"]), "model": pick.choice(["large", "small"]),
                 "size": pick.choice(["8", "9"]), "run": pick.choice(["a", "b"])}  # fmt: skip
        for missing in ("team", "run"):
            if pick.random() < 0.3:
                del found[missing]
        return found

    def request(self, name: str, number: int) -> None:
        pick = self.pick
        feature = pick.choice(FEATURES)
        usage: Any = {
            "chat": pick.choice([None, 1, 3]),
            "tokens": {"input": pick.choice([0, 70, 800]), "output": pick.choice([1, 33, 2000])},
            "video": pick.choice([1, 2, 7, 19]),
        }[feature]
        attributes = {"team": pick.choice(["red", "blue"]), "model": pick.choice(["large", "small"]),
                      "size": pick.choice(["8", "9"]), "run": pick.choice(["a", "b"])}  # fmt: skip
        for missing in ("team", "run"):
            if pick.random() < 0.3:
                del attributes[missing]
        subject = pick.choice([None, "ada", "bob"])
        late = pick.choice([0, 0, 0, 400, 1_000])
        mode = "exact"
        if self.rich:
            mode = pick.choice(["exact", "exact", "partial", "record"])
            late = pick.choice([late, late, 4_000, HOUR, DAY, 2 * DAY])
        key = f"request {number}"
        decision = self.access.consume(
            name, feature, usage, key=key, subject=subject, attributes=attributes, mode=mode, at=self.at - late
        )
        self.asked += 1
        self.granted += bool(decision)
        if decision:
            self.deeds.used.append((name, key))

    def play(self, steps: int, **how: Any) -> World:
        for number in range(steps):
            self.step(number, **how)
        return self

    def close(self, settle: bool = True) -> Path:
        if settle:
            self.access.settle(tend=self.rich)
        self.access.close()
        return self.path

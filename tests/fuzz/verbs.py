"""Every public verb of an open engine, with arguments that are right, and what a value that it takes must mean then."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any

from msgspec import Struct, to_builtins

from spillover.access import verbs
from spillover.access.packs import PackVerbs
from spillover.access.plain import Access
from spillover.engine.drive import drive
from spillover.model.errors import InvalidInput
from spillover.model.hold import Hold
from spillover.policy import read_policy_text

POLICY = """
spillover: 1
attributes: [team, resolution]
features:
  chat: {unit: message, count: requests, price: {credits: 5}}
  tokens: {unit: credit, count: cost, price: [{input: "1.25", output: 10, per: 1M}]}
  video: {unit: second, count: seconds, price: [{when: {resolution: 1080p}, credits: 2}, {credits: 1}]}
packs:
  small: {credits: 100, price: "9.00 EUR", expires: 365d}
plans:
  plus: &plus
    rules:
      - for: [chat]
        ceilings: [{name: burst, max: 20, refill: 1m, per: subject}]
        waterfall:
          - {from: allowance, windows: [{name: daily, max: 40, every: day, in: UTC}]}
          - {from: credits, consent: remembered}
      - for: [tokens]
        waterfall: [{from: credits}]
        spending: [{name: daily_team, max: 10, every: day, in: UTC, per: team, when_missing: skip}]
      - for: [video]
        waterfall: [{from: units}, {from: credits}]
  more: *plus
"""
LOTS = "ch_1"
HOUR = 3_600_000
Arguments = dict[str, Any]


class World:
    """An open engine, and names and keys that nobody has used."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._numbers = itertools.count()

    def fresh(self, what: str) -> str:
        return f"{what} {next(self._numbers)}"

    def account(self) -> str:
        """A new account with credits, settled."""
        name = self.fresh("acme")
        self.access.accounts.put(name, "plus")
        self.access.credits.add(name, 1_000_000, key="first", paid="9.00 EUR", ref=LOTS)
        return name

    def hold(self, account: str) -> str:
        key = self.fresh("hold")
        assert self.access.open_hold(account, "video", 2, key=key)
        return key

    def used(self, account: str) -> str:
        """The key of usage that is on the books."""
        key = self.fresh("used")
        assert self.access.consume(account, "video", 1000, key=key)
        self.access.settle(tend=False)
        return key


Prepare = Callable[[World, str], Arguments]
Means = Callable[[World, Arguments, Any], None]


class Verb(Struct, frozen=True):
    """`good`: arguments of a call that is right.

    `reads`: it changes nothing, whatever it is given. `again`: the same call once more has the same answer. `means`
    fails unless the answer to these arguments, and what can be read back, say what was given.
    """

    name: str
    good: Prepare
    reads: bool = False
    again: bool = True
    means: Means | None = None

    def of(self, access: Access) -> Callable[..., Any]:
        """The verb itself."""
        found: Any = access
        for part in self.name.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]

    def parameters(self) -> list[str]:
        """Its parameters, as they are declared."""
        owner, _, name = self.name.rpartition(".")
        return list(inspect.signature(getattr(GROUPS[owner], name)).parameters)[1:]


GROUPS: dict[str, type] = {
    "": Access, "accounts": verbs.AccountVerbs, "credits": verbs.CreditVerbs, "units": verbs.UnitVerbs,
    "holds": verbs.HoldVerbs, "lots": verbs.LotVerbs, "limits": verbs.LimitVerbs, "windows": verbs.WindowVerbs,
    "policies": verbs.PolicyVerbs, "packs": PackVerbs,
}  # fmt: skip
INNER = frozenset((
    "close", "run", "look", "submit", "decide", "take_in", "settle", "settle_with", "watched_by", "tend", "opened",
    "holds.asked", "accounts.suspend",
))  # fmt: skip
"""No verbs for values from outside: what parts of this package say to one another, what has no value, and `suspend`,
which is `put`."""


def public() -> set[str]:
    """Every verb that there is."""
    return {
        f"{owner}.{name}".strip(".")
        for owner, group in GROUPS.items()
        for name, _ in inspect.getmembers(group, inspect.isfunction)
        if not name.startswith("_")
    } - INNER


def event_says(world: World, given: Arguments, answer: Any) -> None:
    """The event has what was given, name for name."""
    desk = world.access.desk
    account = world.access.run(desk.account(given["account"]))
    booked = drive(desk.store.find(account, answer.key))
    if booked is None:
        assert not answer.allowed
        return
    from spillover.model.event import decode_event

    event = decode_event(booked.payload)
    usage = given.get("usage", given.get("estimate"))
    names = drive(desk.ledger.names(account))
    assert (event.key, event.feature) == (given["key"] or answer.key, given["feature"])
    assert event.usage == (usage if isinstance(usage, dict) else {"seconds": usage})
    assert given.get("at") in (None, event.at)
    assert names.get(event.subject, "") == normal(given.get("subject"))
    sent = given.get("attributes") or {}
    kept = {name: names.get(value, value) for name, value in event.attributes.items()}
    assert kept == {name: normal(sent[name]) for name in ("team", "resolution") if name in sent}


def normal(name: str | None) -> str:
    import unicodedata

    return unicodedata.normalize("NFC", name or "")


def lot_says(world: World, given: Arguments, answer: Any) -> None:
    """The lot on the books has what was given."""
    from decimal import Decimal

    (one,) = [one for one in world.access.lots.list(given["account"]) if one.lot.id == answer.id]
    amount = Decimal(given["credits"]) * 1_000_000 if "credits" in given else given["units"]
    assert one.granted == amount
    assert (one.tax, one.reference) == (given.get("tax", ""), given.get("ref", ""))
    assert given.get("paid") in (None, f"{one.paid} {one.currency}")
    assert (one.lot.priority, one.lot.effective) == (given.get("priority", 100), given.get("effective", 0))
    assert given.get("expires") in (None, one.lot.expires)
    assert {name for name, _ in one.lot.scope} == set(given.get("scope") or {})


def profile_says(world: World, given: Arguments, answer: Any) -> None:
    """The account's terms are what was given."""
    account = world.access.run(world.access.desk.account(given["account"]))
    profile = to_builtins(drive(world.access.desk.ledger.profile(account)))
    for name in ("plan", "zone", "billing_day", "state", "consent"):
        assert given.get(name) in (None, profile["anchor" if name == "billing_day" else name])


def hold_is_due(world: World, given: Arguments, answer: Any) -> None:
    """An extension that was granted ends when it was asked to."""
    holds: tuple[Hold, ...] = world.access.holds.list(given["account"])
    if answer.allowed and given["lasts"] is not None:
        due = world.access.desk.clock() + given["lasts"]
        assert {hold.key: hold.due for hold in holds}[given["key"]] >= due


def request(world: World, account: str, **more: Any) -> Arguments:
    return {
        "account": account, "feature": "video", "usage": 1, "subject": "ann", "attributes": {"team": "blue"},
        "at": None,
    } | more  # fmt: skip


def why(world: World, account: str, **more: Any) -> Arguments:
    return {"account": account, "key": world.fresh("key"), "reason": "asked for", "actor": "ops"} | more


def lot(world: World, account: str, **more: Any) -> Arguments:
    return why(world, account, priority=100, effective=0, expires=None, scope=None, at=None) | more


def a_new_lot(world: World, account: str) -> int:
    return world.access.units.add(account, "video", 5, key=world.fresh("lot")).id


def a_publication(world: World, account: str) -> int:
    access = world.access
    policy = read_policy_text(POLICY + f"  {world.fresh('plan').replace(' ', '_')}: *plus\n")
    return access.policies.publish(policy, when=access.desk.clock() + HOUR, force=True).publication.number


def page(world: World, account: str, **more: Any) -> Arguments:
    return {"account": account, "since": 0, "until": 2**50, "limit": 10} | more


def called(**arguments: Any) -> Prepare:
    return lambda world, account: {"account": account} | arguments


VERBS = (
    Verb("consume", lambda w, a: request(w, a, key=w.fresh("k"), mode="exact"), means=event_says),
    Verb("record", lambda w, a: request(w, a, key=w.fresh("k")), means=event_says),
    Verb("open_hold", lambda w, a: _held(w, a, mode="exact", at=None), means=event_says),
    Verb("hold", lambda w, a: _held(w, a, lasts=None), reads=True),
    Verb("consume_many", lambda w, a: {"requests": [request(w, a, key=w.fresh("k"))]}),
    Verb("check", request, reads=True),
    Verb("explain", request, reads=True),
    Verb("overview", called(subject="ann", attributes={"team": "blue"}, at=None), reads=True),
    Verb("balance", called(), reads=True),
    Verb("balance_at", lambda w, a: {"account": a, "at": w.access.desk.clock()}, reads=True),
    Verb("usage", lambda w, a: page(w, a, by=("feature",), after=None), reads=True),
    Verb("denials", page, reads=True),
    Verb("statement", lambda w, a: page(w, a, after=0), reads=True),
    Verb("receipt", lambda w, a: {"account": a, "key": w.used(a), "end": False, "step": None}, reads=True),
    Verb("refund", lambda w, a: why(w, a, event_key=w.used(a), units=1)),
    Verb("accounts.put", lambda w, a: {
        "account": a, "plan": "plus", "zone": "UTC", "billing_day": None, "consent": True, "state": "active",
        "reason": "", "actor": "", "at": None,
    }, means=profile_says),
    Verb("accounts.plan", called(plan="more", when=None, reason="", actor="")),
    Verb("accounts.list", lambda w, a: {"limit": 5, "after": 0}, reads=True),
    Verb("accounts.erase", lambda w, a: {"account": w.account()}, again=False),
    Verb("credits.add", lambda w, a: lot(w, a, credits="1", paid=None, tax="", ref=""), means=lot_says),
    Verb("units.add", lambda w, a: lot(w, a, feature="video", units=1), means=lot_says),
    Verb("holds.list", called(), reads=True),
    Verb("holds.extend", lambda w, a: {"account": a, "key": w.hold(a), "estimate": 3, "lasts": 60_000, "at": None},
         again=False, means=hold_is_due),
    Verb("holds.commit", lambda w, a: {"account": a, "key": w.hold(a), "usage": 1, "estimated": False, "at": None}),
    Verb("holds.release", lambda w, a: {"account": a, "key": w.hold(a), "at": None}),
    Verb("lots.list", called(), reads=True),
    Verb("lots.revoke", lambda w, a: why(w, a, lot=a_new_lot(w, a))),
    Verb("lots.adjust", lambda w, a: why(w, a, lot=1, by=1)),
    Verb("lots.reverse", lambda w, a: why(w, a, reference=LOTS)),
    Verb("limits.set", lambda w, a: why(w, a, feature="chat", limit="burst", max=30, scope="ann", until=None)),
    Verb("windows.reset", lambda w, a: why(w, a, feature="chat", window="daily", scope=None)),
    Verb("packs.list", lambda w, a: {}, reads=True),
    Verb("packs.grant", lambda w, a: why(w, a, pack="small", paid=None, ref="", at=None)),
    Verb("policies.publish", lambda w, a: {
        "policy": w.access.policy, "when": None, "force": False, "reason": "", "actor": "",
    }, again=False),
    Verb("policies.withdraw", lambda w, a: {"number": a_publication(w, a), "reason": "", "actor": ""}, again=False),
    Verb("policies.list", lambda w, a: {}, reads=True),
    Verb("policies.get", lambda w, a: {"policy_hash": w.access.policy.hash}, reads=True),
)  # fmt: skip
BY_NAME = {verb.name: verb for verb in VERBS}
PAIRS = [(verb.name, parameter) for verb in VERBS for parameter in verb.parameters()]
ALSO = {
    "estimate": {"usage"}, "key": {"hold", "request"}, "event_key": {"key"}, "requests": {"request"},
    "window": {"limit"}, "policy_hash": {"policy"}, "by": {"after"},
    "end": {"key"}, "step": {"key"},
}  # fmt: skip
"""What else an error may call a parameter: what its value is, in words that many verbs share."""


def names(error: InvalidInput, parameter: str) -> bool:
    """Whether the error names the parameter."""
    return error.field.split(".")[0] in {parameter} | ALSO.get(parameter, set())


def _held(world: World, account: str, **more: Any) -> Arguments:
    found = request(world, account, key=world.fresh("hold"), estimate=2, lasts=60_000)
    del found["usage"], found["at"]
    return found | more

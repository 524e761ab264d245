"""Tells a story: an engine in memory, a clock that is turned, and a verb for each word that a line may begin with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import spillover
from spillover.core.instants import to_instant
from spillover.model.amounts import MICRO, format_credits
from spillover.model.errors import SpilloverError
from spillover.model.policy import Policy
from spillover.policy import read_policy_text
from tests.rules.house import START
from tests.rules.sayings import answered, credits_of, ended, entries, lowered, row_of

ACCOUNT = "acme"
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_FEATURES = (
    "{f: {unit: second, count: seconds, price: {credits: 5}}, g: {unit: message, count: requests, price: {credits: 1}}}"
)


@lru_cache(maxsize=64)
def policy_of(text: str) -> Policy:
    """The policy that a case writes."""
    if "plans:" not in text:
        text = f"plans: {{p: {{rules: [{{for: [f], {text}}}]}}}}"
    if "features:" not in text:
        text = f"features: {_FEATURES}\n{text}"
    return read_policy_text(f"spillover: 1\n{text}")


def moment(text: str) -> int:
    """Milliseconds since 1970 of a moment, or of a time after START."""
    first, _, rest = text.partition(" ")
    if re.match(r"\d{4}-", first):
        start = to_instant(datetime.fromisoformat(first))
    else:
        start, rest = START, text
    return start + length(rest)


def length(text: str) -> int:
    """Milliseconds of a time such as `5h -1ms`."""
    return sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"([+-]?\d+)(ms|s|m|h|d)", text))


class Teller:
    """An engine in memory with a clock that each line turns, and the account that the story is of."""

    def __init__(self, text: str, following: str = "") -> None:
        self.policy, self.following = policy_of(text), following
        self.clock = spillover.TurnableClock("2026-03-02T09:00:00Z")
        self.access = spillover.connect("memory://", policy=self.policy, clock=self.clock, settle=False)
        self._known = False
        self._row = self._orders = 0

    def __enter__(self) -> Teller:
        return self

    def __exit__(self, *_: object) -> None:
        self.access.close()

    def do(self, when: str, what: str) -> str:
        """The answer to one line."""
        if when:
            self.clock.set(START if when == "0" else moment(when))
        verb, *rest = what.split()
        words = [word for word in rest if "=" not in word]
        named = dict(word.split("=", 1) for word in rest if "=" in word)
        if not self._known:
            self._known = True
            if verb != "put":
                self.access.accounts.put(ACCOUNT, "p")
        try:
            return str(getattr(self, f"do_{verb}")(*words, **named))
        except SpilloverError as error:
            return type(error).__name__

    def _request(self, words: Sequence[str], named: dict[str, str]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """`use 3`, `use input=4 output=2`, with `of=g by=ada key=k at=1h` and attributes."""
        feature = named.pop("of", "f")
        counts = self.policy.features[feature].usage_names
        usage = {name: int(named.pop(name)) for name in counts if name in named}
        options: dict[str, Any] = {name: named.pop(name) for name in ("key", "mode") if name in named}
        if "by" in named:
            options["subject"] = named.pop("by")
        for name, read in (("at", moment), ("lasts", length)):
            if name in named:
                options[name] = read(named.pop(name))
        if named:
            options["attributes"] = named
        return (ACCOUNT, feature, int(words[0]) if words else usage or None), options

    def do_use(self, *words: str, **named: str) -> str:
        """Consume."""
        request, options = self._request(words, named)
        return answered(self.access.consume(*request, **options))

    def do_check(self, *words: str, **named: str) -> str:
        """What consume would answer now."""
        request, options = self._request(words, named)
        return answered(self.access.check(*request, **options))

    def do_record(self, *words: str, **named: str) -> str:
        """It happened already."""
        request, options = self._request(words, named)
        return answered(self.access.record(*request, **options))

    def do_take(self, *words: str, **named: str) -> str:
        """As much as there is: mode partial."""
        return self.do_use(*words, **named, mode="partial")

    def do_hold(self, *words: str, **named: str) -> str:
        """Open a hold; `lasts=1m`, `mode=partial`."""
        request, options = self._request(words, named)
        return answered(self.access.open_hold(*request, **options))

    def do_due(self, key: str) -> str:
        """When an open hold is due, after now."""
        [found] = [hold for hold in self.access.holds.list(ACCOUNT) if hold.key == key]
        return f"{(found.due - self.clock()) / 1000:g}s"

    def do_extend(self, key: str, *words: str, **named: str) -> str:
        """Hold so much in all; `lasts=1m`."""
        usage, options = self._usage(key, words, named)
        return answered(self.access.holds.extend(ACCOUNT, key, usage, **options))

    def do_commit(self, key: str, *words: str, **named: str) -> str:
        """End a hold with the true usage; `estimated=yes`."""
        usage, options = self._usage(key, words, named)
        return ended(self.access.holds.commit(ACCOUNT, key, usage, **options))

    def _usage(self, key: str, words: Sequence[str], named: dict[str, str]) -> tuple[Any, dict[str, Any]]:
        options: dict[str, Any] = {"lasts": length(named.pop("lasts"))} if "lasts" in named else {}
        if "estimated" in named:
            options["estimated"] = named.pop("estimated") == "yes"
        counts = {name: int(count) for name, count in named.items()}
        return int(words[0]) if words else counts or None, options

    def do_release(self, key: str) -> str:
        """End a hold with nothing used."""
        return ended(self.access.holds.release(ACCOUNT, key))

    def do_open(self) -> str:
        """The open holds."""
        return ", ".join(hold.key for hold in self.access.holds.list(ACCOUNT)) or "none"

    def do_put(self, plan: str = "p", **named: str) -> str:
        """Change the account: `consent=no state=closed zone=... billing=MOMENT`."""
        options: dict[str, Any] = {name: named[name] for name in ("state", "zone", "reason") if name in named}
        if "consent" in named:
            options["consent"] = named["consent"] == "yes"
        if "billing" in named:
            options["billing_day"] = moment(named["billing"])
        self.access.accounts.put(ACCOUNT, plan if plan != "-" else None, **options)
        return "done"

    def do_plan(self, plan: str, **named: str) -> str:
        """Another plan, at once or `when=1d`."""
        self.access.accounts.plan(ACCOUNT, plan, when=moment(named["when"]) if "when" in named else None)
        return "done"

    def _key(self) -> str:
        """A key of its own for each order that is not given one."""
        self._orders += 1
        return f"order {self._orders}"

    def do_credit(self, amount: str, **named: str) -> str:
        """Raise a lot of credits; `paid=4.00EUR ref=ch_1 priority=1 effective=1d expires=2d feature=f team=blue`."""
        if "paid" in named:
            named["paid"] = f"{named['paid'][:-3]} {named['paid'][-3:]}"
        named.setdefault("key", self._key())
        return f"lot {self.access.credits.add(ACCOUNT, amount, **_lot_terms(named)).id}"

    def do_gift(self, units: str, **named: str) -> str:
        """Give units of a feature: `gift 4 of=f expires=1d`."""
        named.setdefault("key", self._key())
        feature = named.pop("of", "f")
        return f"lot {self.access.units.add(ACCOUNT, feature, int(units), **_lot_terms(named)).id}"

    def do_set(self, limit: str, most: str, **named: str) -> str:
        """Another maximum for a limit of f: `set w 5 until=1h scope=ada`."""
        until = moment(named["until"]) if "until" in named else None
        key = named.get("key") or self._key()
        amount = int(most) if most.isdigit() else most.removesuffix("cr")
        order = self.access.limits.set(
            ACCOUNT, named.get("of", "f"), limit, amount, scope=named.get("scope"), until=until, key=key
        )  # fmt: skip
        return entries(order.entries)

    def do_reset(self, limit: str = "", **named: str) -> str:
        """Forget what a limit of f has counted, or all windows of its allowance."""
        key = named.get("key") or self._key()
        feature, scope = named.get("of", "f"), named.get("scope")
        order = self.access.windows.reset(ACCOUNT, feature, limit or None, scope=scope, key=key)
        return entries(order.entries)

    def do_revoke(self, lot: str) -> str:
        """Take what is left of a lot."""
        return lowered(self.access.lots.revoke(ACCOUNT, int(lot), key=self._key()).lowered)

    def do_adjust(self, lot: str, by: str, key: str = "") -> str:
        """Correct a lot by credits (`adjust 1 -5`) or units (`adjust 1 -5u`)."""
        amount = int(by[:-1]) if by.endswith("u") else round(float(by) * MICRO)
        key = key or self._key()
        return lowered(self.access.lots.adjust(ACCOUNT, int(lot), amount, key=key, reason="a correction").lowered)

    def do_reverse(self, reference: str) -> str:
        """A chargeback."""
        done = self.access.lots.reverse(ACCOUNT, reference, key=self._key())
        return (
            " of ".join(map(format_credits, (done.taken, done.granted))) + f", {format_credits(done.shortfall)} short"
        )

    def do_refund(self, event: str, units: str = "", key: str = "") -> str:
        """Refund a charge (of a key) or its last units: `refund k1 3`."""
        key = key or self._key()
        back = self.access.refund(ACCOUNT, event, units=int(units) if units else None, key=key, reason="sorry")
        named = [f"{credits_of(amount)} to {lot}" for lot, amount in back.lots]
        named += [f"{credits_of(back.relieved)} relieved"] if back.relieved else []
        named += [f"{format_credits(back.expired)} expired"] if back.expired else []
        named += [f"{format_credits(amount)} revoked" for _, amount in back.revoked]
        return f"{back.units} units: " + (", ".join(named) or "nothing")

    def do_publish(self, **named: str) -> str:
        """Publish the case's following policy, at once or `when=1d`."""
        when = moment(named["when"]) if "when" in named else None
        self.access.policies.publish(policy_of(self.following), when=when)
        return "done"

    def do_tend(self) -> str:
        """See to what has fallen due."""
        self.access.tend()
        return "done"

    def do_settle(self) -> str:
        """Settle to the end."""
        progress = self.access.settle()
        return "done" if not (progress.parked or progress.quarantined) else str(progress)

    def do_left(self, measure: str = "credits") -> str:
        """What can be spent, is held, is owed or advanced."""
        found = [each for each in self.access.balance(ACCOUNT).measures if each.measure == measure]
        if not found:
            return "nothing"
        [each] = found
        show = format_credits if measure == "credits" else str
        parts = [show(each.available)]
        parts += [
            f"{show(amount)} {name}"
            for name, amount in (("held", each.held), ("owed", each.owed), ("advanced", each.receivable))
            if amount
        ]
        return ", ".join(parts)

    def do_books(self) -> str:
        """Settle, and tell the rows of the statement since the last time."""
        self.access.settle()
        page = self.access.statement(ACCOUNT, after=self._row)
        self._row = page.rows[-1].number if page.rows else self._row
        return "; ".join(map(row_of, page.rows)) or "nothing"


def _lot_terms(named: dict[str, str]) -> dict[str, Any]:
    """A lot's terms; what is none of them is its scope."""
    terms: dict[str, Any] = {name: named.pop(name) for name in ("key", "paid", "tax", "ref") if name in named}
    terms |= {name: moment(named.pop(name)) for name in ("effective", "expires") if name in named}
    if "priority" in named:
        terms["priority"] = int(named.pop("priority"))
    if named:
        terms["scope"] = named
    return terms

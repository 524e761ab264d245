"""What is to be told of an account, found in its books alone: balances that fell, windows that filled, expired holds.

Pure: the same books give the same messages with the same keys, whoever looks and however often.

A balance falls by a change: all balance updates of one cause, such as the lots that one request drew on, so what a
rollover takes and gives in one is no fall. It is told by the change that takes it from above a threshold to it or
below; one that is below when an alert is made is told of when it falls the next time. A window is told of as it
stands: also where it was filled when the alert was made, with the next event of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import msgspec
from msgspec import Struct

from spillover.core.decide import plan_of
from spillover.core.gauges import Bucket, Counter, gauge
from spillover.core.members import Members
from spillover.core.sliding import Sliding
from spillover.documents.amounts import amount_of, instant_of, is_money
from spillover.model.account import NEVER, Profile
from spillover.model.policy import Limit, Policy, Rule
from spillover.model.reports import PlacedEvent, StatementRow
from spillover.ports.notices import Alert, Message

_json = msgspec.json.encode


class Change(Struct, frozen=True, gc=False):
    """What one cause did to the account's balance in one measure. `number`: of its last balance update; `at`: ms.

    Balances are of all lots of the measure, as settled: micro-credits, or units of the feature.
    """

    measure: str
    before: int
    after: int
    number: int
    at: int
    cause: str

    def falls_to(self, threshold: int) -> bool:
        """Whether this takes the balance from above the threshold to it or below."""
        return self.before > threshold >= self.after


class Filled(Struct, frozen=True, gc=False):
    """A limit as it stands for one scope value: `used` of `max`, counted to the maximum, from `since` to `until` (ms).

    One that never resets has `until` NEVER. A sliding window or a bucket has no start: it is told at most once in
    each of its lengths, counted from 1970.
    """

    rule: Rule
    limit: Limit
    scope: str
    max: int
    used: int
    since: int
    until: int


def whole(rows: Sequence[StatementRow], more: bool) -> Sequence[StatementRow]:
    """The rows without those of the last cause, where `more` rows follow: they may be of it, too.

    A page of one cause only is taken as it is.
    """
    last = rows[-1].cause if more and rows else ""
    end = len(rows)
    while more and end and rows[end - 1].cause == last:
        end -= 1
    return rows[:end] or rows


def changes(rows: Iterable[StatementRow]) -> list[Change]:
    """What was done to balances, in the order of the books; nothing of what is owed, or of terms."""
    found: list[Change] = []
    for cause, together in groupby(rows, lambda row: row.cause):
        by: dict[str, Change] = {}
        for row in together:
            if row.lot and row.delta:
                known = by.get(row.measure)
                before = known.before if known else row.account_after - row.delta
                by[row.measure] = Change(row.measure, before, row.account_after, row.number, row.at, cause)
        found += sorted(by.values(), key=lambda change: change.number)
    return found


def balance_messages(
    account: int, found: Iterable[Change], alerts: Iterable[Alert], money: Callable[[str], bool]
) -> list[Message]:
    """`balance.below` for each alert's threshold that a change falls to, highest first, and `balance.exhausted` at 0.

    `money`: whether amounts in a measure are micro-credits.
    """
    mine = sorted((one for one in of_account(alerts, account) if one.kind == "balance"), key=lambda one: -one.at)
    told = []
    for change in found:
        measure = change.measure
        in_credits = money(measure)
        data = {"measure": measure, "balance": amount_of(in_credits, change.after)}
        for alert in mine:
            if alert.of == measure and change.falls_to(alert.at):
                key = key_of("balance.below", alert.name, account, measure, change.number)
                more = {"alert": alert.name, **data, "threshold": amount_of(in_credits, alert.at)}
                told.append(Message(key, account, "balance.below", change.at, _json(more)))
        if change.falls_to(0):
            key = key_of("balance.exhausted", account, measure, change.number)
            told.append(Message(key, account, "balance.exhausted", change.at, _json(data)))
    return told


def window_messages(
    account: int, policy: Policy, profile: Profile, cells: Mapping[str, int], at: int, alerts: Iterable[Alert]
) -> list[Message]:
    """`window.filled` for each limit of the account's plan that is used to an alert's percentage or more at `at` (ms).

    Told once for each alert and percentage, value, window, and maximum in force.
    """
    told = []
    mine = [one for one in of_account(alerts, account) if one.kind == "window"]
    plan = policy.plans.get(plan_of(profile, at)) if mine else None
    for rule in plan.rules if plan else ():
        for limit in rule.limits():
            named = [one for one in mine if one.of in (limit.name, limit.title)]
            for filled in standings(rule, limit, profile, cells, at) if named else ():
                for alert in named:
                    if filled.used * 100 >= alert.at * filled.max:
                        told.append(_filled(account, policy, alert, filled, at))
    return told


def standings(rule: Rule, limit: Limit, profile: Profile, cells: Mapping[str, int], at: int) -> Iterator[Filled]:
    """The limit as it stands for each scope value that has cells; not for one that has a maximum of 0.

    Open holds are no window: they come and go.
    """
    if limit.of == "open_holds":
        return
    for scope in _scopes(limit, cells):
        found = gauge(limit, scope, profile, cells, at)
        inner = found.inner if isinstance(found, Members) else found
        most = found.limit.max
        if not most or (isinstance(inner, Sliding) and inner.behind) or (isinstance(inner, Counter) and inner.fresh):
            continue
        since, until = 0, NEVER
        if isinstance(inner, Counter):
            since, until = inner.start, inner.end
        elif isinstance(inner, Sliding | Bucket):
            length = limit.window.length
            since = at // length * length
            until = since + length
        yield Filled(rule, limit, scope, most, most - found.room, since, until)


def hold_messages(account: int, events: Iterable[PlacedEvent], keys: Mapping[str, str]) -> list[Message]:
    """`hold.expired` for each hold that ended so. `keys`: the hold's id -> the caller's key, where it is known."""
    told = []
    for placed in events:
        event = placed.event
        if event.kind == "expire":
            key = key_of("hold.expired", account, placed.epoch, placed.sequence)
            data = {"key": keys.get(event.ends), "feature": event.feature, "subject_token": event.subject or None}
            told.append(Message(key, account, "hold.expired", event.at, _json(data)))
    return told


def of_account(alerts: Iterable[Alert], account: int) -> list[Alert]:
    """The alerts that are for this account."""
    return [alert for alert in alerts if alert.account in (0, account)]


def key_of(type: str, *parts: str | int) -> str:
    """A message's key: no two lists of parts give the same."""
    return f"{type}:{_json(parts).decode()}"


def _filled(account: int, policy: Policy, alert: Alert, filled: Filled, at: int) -> Message:
    limit, scope = filled.limit, filled.scope
    money = limit.of == "credits" or (limit.of == "units" and is_money(policy, filled.rule.features[0]))
    amounts = (amount_of(money, one) if limit.of in ("credits", "units") else one for one in (filled.used, filled.max))
    used, most = amounts
    hidden = bool(limit.per) and (limit.per == "subject" or limit.per not in policy.priced)
    data = {
        "alert": alert.name, "percent": alert.at, "limit": limit.title, "of": limit.counts or limit.of, "used": used,
        "max": most, "per": limit.per or None, "scope_token" if hidden else "scope": scope or None,
        "since": instant_of(filled.since) if filled.since else None, "resets_at": instant_of(filled.until),
    }  # fmt: skip
    parts = (alert.name, alert.at, account, limit.cell, scope, filled.since, filled.max)
    key = key_of("window.filled", *parts)
    return Message(key, account, "window.filled", at, _json(data), filled.until)


def _scopes(limit: Limit, cells: Mapping[str, int]) -> Iterable[str]:
    """The values that the limit has cells for, as they were given; "" where it is for the whole account."""
    if not limit.per:
        return ("",)
    start = f"{limit.cell}@"
    written = (name[len(start) :].partition(":")[0].partition("=")[0] for name in cells if name.startswith(start))
    return map(_unwritten, dict.fromkeys(written))


def _unwritten(scope: str) -> str:
    """What `core.scopes.written` made this of."""
    return scope.replace("%3D", "=").replace("%3A", ":").replace("%40", "@").replace("%25", "%")

"""Windows that filled: what is told is what the account's overview says of its limits, for each value."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spillover
from spillover.access.plain import Access
from spillover.engine.drive import drive as run
from spillover.notices.crossings import window_messages
from spillover.ports.notices import Alert, Message
from tests.support import clock, policy

POLICY = """
spillover: 1
attributes: [team]
features:
  chat.messages: {unit: message, count: requests, price: {credits: 5}}
  video.seconds: {unit: second, count: seconds, price: {credits: 1}}
plans:
  plus:
    rules:
      - for: [chat.messages]
        ceilings:
          - {name: burst, max: 6, refill: 1m, per: subject}
          - {name: seats, max: 3, of: subjects, every: month, in: UTC}
          - {name: teams, max: 4, of: requests, every: day, in: UTC, per: team, when_missing: skip}
        waterfall:
          - from: allowance
            windows:
              - {name: session, max: 10, every: 5h, starting: first_use}
              - {name: weekly, max: 15, every: 7d, starting: billing_day}
          - {from: credits}
      - for: [video.seconds]
        ceilings: [{name: trial, max: 60, ever: true}]
        waterfall:
          - {from: allowance, windows: [{name: rolling, max: 9, sliding: 1h}]}
          - {from: credits}
        spending: [{name: monthly, max: 70, every: month, in: UTC}]
"""
NAMES = ("burst", "seats", "teams", "session", "weekly", "trial", "rolling", "monthly")
PERCENT = (1, 50, 80, 100)
ALERTS = [Alert(f"{name} {at}", 0, "window", name, at) for name in NAMES for at in PERCENT]
WHO = ("", "ada", "bob@example.org", "c:d=e%40", "eve")
HOUR = 3_600_000


class Shop:
    """An engine in memory, settled after each request, and what is told of its account."""

    def __init__(self, access: Access, now: spillover.TurnableClock) -> None:
        self.access, self.now, self._keys = access, now, count()
        access.accounts.put("acme", plan="plus")
        access.credits.add("acme", "200", paid="1 EUR", key="start")
        found = run(access.desk.ledger.find_account("acme"))
        assert found is not None
        self.account = found

    def use(self, feature: str, units: int, subject: str = "", team: str = "") -> None:
        attributes = {"team": team} if team else {}
        key = f"k{next(self._keys)}"
        self.access.consume("acme", feature, units, subject=subject or None, attributes=attributes, key=key)

    def told(self, alerts: Sequence[Alert] = ALERTS, after_ms: int = 0) -> list[Message]:
        self.access.settle()
        standing = run(self.access.desk.ledger.standing(self.account))
        assert standing.profile is not None
        at = self.now() + after_ms
        return window_messages(self.account, self.access.policy, standing.profile, standing.cells, at, alerts)

    def read(self, messages: Sequence[Message]) -> set[tuple[object, ...]]:
        """(limit, for whom, percent, used up to the maximum, maximum)"""
        names = run(self.access.desk.ledger.names(self.account))
        found: set[tuple[object, ...]] = set()
        for one in messages:
            data = json.loads(one.data)
            used, most = (
                value if isinstance(value, int) else value.get("units", value.get("micro_credits"))
                for value in (data["used"], data["max"])
            )
            scope = names[data["scope_token"]] if data.get("scope_token") else ""
            found.add((data["limit"].rpartition("/")[2], scope, data["percent"], used, most))
        assert len(found) == len(messages) == len({one.key for one in messages})
        return found

    def expected(self) -> set[tuple[object, ...]]:
        """The same by the overview."""
        found: set[tuple[object, ...]] = set()
        for who in WHO:
            asked = {"subject": who, "attributes": {"team": who}} if who else {}
            for feature in self.access.overview("acme", **asked).features:  # type: ignore[arg-type]
                for limit in feature.limits:
                    for at in PERCENT:
                        if limit.used and limit.used * 100 >= at * limit.max:
                            found.add((limit.name, limit.scope, at, min(limit.used, limit.max), limit.max))
        return found


@contextmanager
def shop() -> Iterator[Shop]:
    now = clock()
    with spillover.connect("memory://", policy=policy(POLICY), clock=now, settle=False) as access:
        yield Shop(access, now)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["chat.messages", "chat.messages", "video.seconds"]), st.integers(1, 8), st.sampled_from(WHO),
        st.sampled_from(WHO), st.sampled_from([0, 0, 1_000, 20_000, HOUR // 2, 6 * HOUR, 90 * HOUR]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


def follow(steps: Sequence[tuple[str, int, str, str, int]]) -> None:
    with shop() as one:
        for feature, units, subject, team, wait in steps:
            one.now.turn(milliseconds=wait)
            one.use(feature, units, subject, team)
            # Of requests without a subject a limit counts too, as of nobody: the overview has no name for that one.
            told = {found for found in one.read(one.told()) if found[:2] != ("burst", "")}
            assert told == one.expected()


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_what_is_told_of_windows_is_what_the_overview_says(steps: list[tuple[str, int, str, str, int]]) -> None:
    follow(steps)


@pytest.mark.soak
@settings(max_examples=1_500, deadline=None)
@given(STEPS)
def test_what_is_told_of_windows_is_what_the_overview_says_at_length(
    steps: list[tuple[str, int, str, str, int]],
) -> None:
    follow(steps)


def keys(messages: Sequence[Message]) -> set[str]:
    return {one.key for one in messages}


@pytest.mark.parametrize(
    ("name", "over_ms"), [("session", 5 * HOUR), ("weekly", 7 * 24 * HOUR), ("rolling", 2 * HOUR), ("burst", 60_000)]
)
def test_a_window_is_told_under_one_key_until_the_next_one(name: str, over_ms: int) -> None:
    alerts = [Alert("a", 0, "window", name, 40)]
    feature = "video.seconds" if name == "rolling" else "chat.messages"
    with shop() as one:
        for _ in range(8):
            one.use(feature, 1, "ada")
        first = keys(one.told(alerts))
        assert len(first) == 1
        one.use(feature, 1, "ada")
        assert keys(one.told(alerts)) == first
        one.now.turn(milliseconds=over_ms)
        assert one.told(alerts) == []  # it is another one, and empty
        for _ in range(8):
            one.use(feature, 1, "ada")
        second = keys(one.told(alerts))
        assert len(second) == 1
        assert second != first


def test_a_raised_maximum_and_another_percentage_are_told_anew_and_another_alert_too() -> None:
    with shop() as one:
        alert = Alert("a", 0, "window", "video.seconds/trial", 100)
        one.use("video.seconds", 40)
        assert one.told([alert]) == []
        assert len(one.told([Alert("a", 0, "window", "trial", 50)])) == 1
        one.use("video.seconds", 20)
        full = one.told([alert])
        assert json.loads(full[0].data) == {
            "alert": "a", "percent": 100, "limit": "video.seconds/trial", "of": "units", "used": {"units": 60},
            "max": {"units": 60}, "per": None, "scope": None, "since": None, "resets_at": None,
        }  # fmt: skip
        assert len(keys([*full, *one.told([Alert("b", 0, "window", "trial", 100)])])) == 2
        one.access.limits.set("acme", "video.seconds", "trial", 70, key="l1")
        assert one.told([alert]) == []
        one.use("video.seconds", 10)
        assert len(keys([*full, *one.told([alert])])) == 2


def test_a_calendar_window_says_when_it_began_and_when_it_resets_and_is_known_until_then() -> None:
    with shop() as one:
        for _ in range(4):
            one.use("chat.messages", 1, "ada", "blue")
        (found,) = one.told([Alert("a", 0, "window", "teams", 100)])
        data = json.loads(found.data)
        assert (data["since"], data["resets_at"]) == ("2026-03-02T00:00:00.000Z", "2026-03-03T00:00:00.000Z")
        assert (data["of"], data["per"], data["used"], data["max"]) == ("requests", "team", 4, 4)
        assert found.until == 1_772_496_000_000
        assert found.at == one.now()

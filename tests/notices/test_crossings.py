"""What is told of balances: for any history, cut into any pages, the same as whoever adds up its deltas would tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spillover.model.event import Event
from spillover.model.reports import PlacedEvent, StatementRow
from spillover.notices.crossings import balance_messages, changes, hold_messages, of_account, whole
from spillover.ports.notices import Alert
from tests.notices.watch_books import read, told_by_adding_up

ACCOUNT, CREDIT = 5, 1_000_000
Movement = tuple[str, int, int]
"""(measure, lot, delta); lot 0 is what is owed, delta 0 a change of terms."""


def row(number: int, movement: Movement, after: int, cause: str) -> StatementRow:
    measure, lot, delta = movement
    return StatementRow(
        number, 1_000 + number, "debit", measure, lot, delta, "a", "b", after, after, cause, "", "", "", ""
    )  # fmt: skip


def written(causes: Sequence[Sequence[Movement]]) -> list[StatementRow]:
    """The causes as they stand in books, with the balances after each; what would fall below 0 stops there."""
    rows: list[StatementRow] = []
    balances: dict[str, int] = {}
    numbers = count(1)
    for place, cause in enumerate(causes):
        for measure, lot, delta in cause:
            held = balances.get(measure, 0)
            moved = max(delta, -held) if lot else delta
            if lot:
                balances[measure] = held + moved
            rows.append(row(next(numbers), (measure, lot, moved), balances.get(measure, 0) if lot else 7, f"0.{place}"))
    return rows


def paged(rows: Sequence[StatementRow], size: int) -> list[Sequence[StatementRow]]:
    """As a watcher reads them: so many at a time, behind the last one that was taken."""
    pages, done = [], 0
    while done < len(rows):
        page = rows[done : done + size]
        taken = whole(page, done + size < len(rows))
        assert taken
        pages.append(taken)
        done += len(taken)
    return pages


MOVEMENTS = st.tuples(
    st.sampled_from(["credits", "video.seconds"]), st.sampled_from([0, 1, 2]),
    st.integers(-6 * CREDIT, 6 * CREDIT).map(lambda amount: amount // CREDIT * CREDIT),
)  # fmt: skip
HISTORIES = st.lists(st.lists(MOVEMENTS, min_size=1, max_size=4), max_size=25).map(written)
ALERTS = st.lists(
    st.builds(
        Alert, st.uuids().map(str), st.sampled_from([0, ACCOUNT, 6]), st.sampled_from(["balance", "window"]),
        st.sampled_from(["credits", "video.seconds"]), st.integers(1, 5).map(lambda at: at * CREDIT),
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(HISTORIES, ALERTS, st.integers(4, 12))
def test_any_history_in_any_pages_is_told_as_by_adding_up(
    rows: list[StatementRow], alerts: list[Alert], size: int
) -> None:
    told = [
        message
        for page in paged(rows, size)
        for message in balance_messages(ACCOUNT, changes(page), alerts, lambda measure: measure == "credits")
    ]
    expected = told_by_adding_up(ACCOUNT, rows, alerts)
    assert sorted(map(read, told), key=repr) == sorted(expected, key=repr)
    assert all(one.at == 1_000 + json.loads(one.key.partition(":")[2])[-1] for one in told)
    assert len({one.key for one in told}) == len(told)


LOW = Alert("low", 0, "balance", "credits", 10 * CREDIT)


def told(*causes: Sequence[Movement], alerts: Sequence[Alert] = (LOW,)) -> list[str]:
    found = balance_messages(ACCOUNT, changes(written(causes)), alerts, lambda measure: measure == "credits")
    return [one.type.removeprefix("balance.") for one in found]


def moves(*amounts: int, lot: int = 1) -> list[list[Movement]]:
    return [[("credits", lot, amount * CREDIT)] for amount in amounts]


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ((100, -95, 195, -197), ["below", "below"]),  # 100 -> 5 -> 200 -> 3: told twice
        ((100, -90), ["below"]),  # to the threshold itself
        ((100, -89, -1, -1), ["below"]),
        ((5, -1), []),  # it never was above
        ((100, -100), ["below", "exhausted"]),
        ((5, -5, 5, -5), ["exhausted", "exhausted"]),
        ((100, -95, 5, -5), ["below"]),  # back to 10 is not above 10
        ((100, -95, 6, -6), ["below", "below"]),
    ],
)
def test_a_balance_is_told_when_it_falls_to_a_threshold_and_a_top_up_arms_it_again(
    amounts: tuple[int, ...], expected: list[str]
) -> None:
    assert told(*moves(*amounts)) == expected


def test_what_one_cause_takes_and_gives_is_no_fall() -> None:
    rollover = [("credits", 1, -50 * CREDIT), ("credits", 2, 50 * CREDIT)]
    assert told(*moves(50), rollover) == []
    assert told(*moves(50), rollover[:1], rollover[1:]) == ["below", "exhausted"]


def test_what_is_owed_and_changes_of_terms_are_no_balance() -> None:
    assert told(*moves(50), [("credits", 0, -50 * CREDIT)], [("plan", 0, 0)], *moves(-30)) == []


def test_several_alerts_are_told_by_one_fall_the_highest_first() -> None:
    alerts = [Alert(str(at), 0, "balance", "credits", at * CREDIT) for at in (3, 20, 9)]
    rows = written(moves(30, -25))
    found = balance_messages(ACCOUNT, changes(rows), alerts, lambda _: True)
    assert [json.loads(one.data)["alert"] for one in found] == ["20", "9"]
    assert json.loads(found[0].data) == {
        "alert": "20", "measure": "credits", "balance": {"credits": "5", "micro_credits": 5 * CREDIT},
        "threshold": {"credits": "20", "micro_credits": 20 * CREDIT},
    }  # fmt: skip


def test_an_alert_for_one_account_is_for_no_other() -> None:
    alerts = [
        Alert("all", 0, "balance", "credits", 1),
        Alert("a", 5, "window", "w", 1),
        Alert("b", 6, "window", "w", 1),
    ]
    assert [alert.name for alert in of_account(alerts, 5)] == ["all", "a"]


def test_an_expired_hold_is_told_with_the_callers_key_and_a_token_for_the_subject() -> None:
    def event(kind: str, ends: str, subject: str) -> Event:
        return Event(2, 2, kind, 5, "k", "f", 77, 1, (), feature="video.seconds", ends=ends, subject=subject)  # type: ignore[arg-type]

    kinds = [("usage", "", ""), ("expire", "h1", "tok"), ("release", "h2", ""), ("expire", "h3", "")]
    events = [PlacedEvent(1, number, event(*kind)) for number, kind in enumerate(kinds, start=1)]
    found = hold_messages(5, events, {"h1": "mine"})
    assert [(one.key, one.type, one.at, json.loads(one.data)) for one in found] == [
        ("hold.expired:[5,1,2]", "hold.expired", 77,
         {"key": "mine", "feature": "video.seconds", "subject_token": "tok"}),
        ("hold.expired:[5,1,4]", "hold.expired", 77, {"key": None, "feature": "video.seconds", "subject_token": None}),
    ]  # fmt: skip

"""Denials are counted by minute, feature and reason, and are read back for one account and a span of time."""

from __future__ import annotations

import pytest

from spillover.model.errors import StoreUnavailable
from spillover.model.reports import DenialCount
from tests.conformance.conftest import LOCKED
from tests.conformance.support import MOST, Hot, Rung, add, denial, grant

MINUTE = 60_000


def count(minute: int, feature: str = "f", reason: str = "window", times: int = 1) -> DenialCount:
    return DenialCount(feature, reason, minute * MINUTE, times)


def deny(hot: Hot, *places: tuple[int, str, str, int]) -> None:
    for account, *denied in places:
        hot.one(denial(account=account, denied=tuple(denied)))


def test_denials_are_counted_by_minute_feature_and_reason_the_earliest_first(hot: Hot, rung: Rung):
    deny(hot, (1, "g", "window", 7), (1, "f", "window", 7), (1, "f", "credits", 7), (1, "f", "window", 5))
    deny(hot, (1, "f", "window", 7), (2, "f", "window", 7))
    expected = [count(5), count(7, reason="credits"), count(7, times=2), count(7, "g")]
    assert hot.denials(1) == rung.open().denials(1) == expected
    assert hot.denials(2) == [count(7)]
    assert hot.denials(3) == []
    assert hot.denials(1, limit=2) == expected[:2]


@pytest.mark.parametrize(
    ("since", "until", "minutes"),
    [
        (0, MOST, [5, 6, 7]), (6 * MINUTE, MOST, [6, 7]), (7 * MINUTE - 1, MOST, [6, 7]), (7 * MINUTE, MOST, [7]),
        (8 * MINUTE - 1, MOST, [7]), (8 * MINUTE, MOST, []), (0, 5 * MINUTE, []), (0, 5 * MINUTE + 1, [5]),
        (0, 6 * MINUTE, [5]), (0, 6 * MINUTE + 1, [5, 6]), (6 * MINUTE + 9, 6 * MINUTE + 10, [6]),
    ],
)  # fmt: skip
def test_minutes_that_touch_the_time_are_told(hot: Hot, since, until, minutes):
    deny(hot, *((1, "f", "window", minute) for minute in (5, 6, 7)))
    assert [one.minute // MINUTE for one in hot.denials(1, since, until)] == minutes


@pytest.mark.parametrize("rung", LOCKED, indirect=True)
def test_a_denial_of_a_batch_that_was_taken_back_is_not_counted(hot: Hot):
    def fail(index, state):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        hot.commit(denial(denied=("f", "window", 1)), grant(add("a", 1, low=1)), again=fail)
    assert hot.denials(1) == []


def test_a_closed_store_tells_nothing(hot: Hot):
    hot.close()
    with pytest.raises(StoreUnavailable):
        hot.denials(1)

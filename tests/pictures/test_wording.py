"""Amounts and times read the same everywhere, and never lose a digit."""

import pytest

from spillover.model.account import NEVER
from spillover.pictures.wording import credits_text, instant_text, span_text


@pytest.mark.parametrize(
    ("micro", "text"),
    [
        (0, "0"),
        (1, "0.000001"),
        (2_500_000, "2.5"),
        (1_234_567_000_000, "1,234,567"),
        (-1_234_500_000, "-1,234.5"),
        (-500_000, "-0.5"),
        (2**53 - 1, "9,007,199,254.740991"),
    ],
)
def test_credits_are_exact(micro, text):
    assert credits_text(micro) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "less than 1 s"),
        (1000, "1 s"),
        (61_000, "1 min 1 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (11_520_000, "3 h 12 min"),
        (6 * 86_400_000 + 4 * 3_600_000, "6 d 4 h"),
    ],
)
def test_spans_have_two_parts_at_most(milliseconds, text):
    assert span_text(milliseconds) == text


def test_an_instant_is_in_utc_and_may_be_never():
    assert instant_text(1_772_445_600_000) == "2026-03-02 10:00:00 UTC"
    assert instant_text(NEVER) == "never"

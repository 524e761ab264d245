"""Sliding windows: true over any interval of their length, to within one slot. Edges at -1, 0 and +1 millisecond."""

from __future__ import annotations

import pytest

from tests.rules.house import House, told
from tests.rules.story import Case, rules_of, tell


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


LATE = "late: 2h\nplans: {p: {rules: [{for: [f], "

CASES = [
    Case(
        "what was used slides out one slot after the length at the latest",
        w("max: 3, sliding: 1h"),
        """
        0        | use 3 | allowance 3
        1h       | use 1 | denied: window w
        65m -1ms | use 1 | denied: window w
        65m      | use 3 | allowance 3
        65m +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "what was used in a slot's last millisecond is there for its whole length",
        w("max: 3, sliding: 1h"),
        """
        5m -1ms  | use 3 | allowance 3
        65m -2ms | use 1 | denied: window w
        65m -1ms | use 1 | denied: window w
        65m      | use 1 | allowance 1
        """,
    ),
    Case(
        "slots slide out one at a time, the oldest first",
        w("max: 3, sliding: 1h"),
        """
        0        | use 1 | allowance 1
        5m       | use 1 | allowance 1
        10m      | use 1 | allowance 1
        65m -1ms | use 1 | denied: window w
        65m      | use 2 | denied: window w
                 | use 1 | allowance 1
        70m -1ms | use 1 | denied: window w
        70m      | use 1 | allowance 1
        75m -1ms | use 1 | denied: window w
        75m      | use 1 | allowance 1
        130m -1ms | use 1 | denied: window w
        130m     | use 1 | allowance 1
        """,
    ),
    Case(
        "with six slots an hour is true to within ten minutes",
        w("max: 1, sliding: 1h, slots: 6"),
        """
        0        | use 1 | allowance 1
        70m -1ms | use 1 | denied: window w
        70m      | use 1 | allowance 1
        70m +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "with twenty-four slots an hour is true to within two and a half minutes",
        w("max: 1, sliding: 1h, slots: 24"),
        """
        0            | use 1 | allowance 1
        62m 30s -1ms | use 1 | denied: window w
        62m 30s      | use 1 | allowance 1
        62m 30s +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "with one slot an hour may deny for two",
        w("max: 1, sliding: 1h, slots: 1"),
        """
        0       | use 1 | allowance 1
        2h -1ms | use 1 | denied: window w
        2h      | use 1 | allowance 1
        2h +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "a length that its slots do not divide makes each slot the next whole millisecond",
        w("max: 1, sliding: 100s"),  # slots of 8334 ms counted from 1970: the thirteenth after START's begins at 100692
        """
        0         | use 1 | allowance 1
        100691ms  | use 1 | denied: window w
        100692ms  | use 1 | allowance 1
        100693ms  | use 1 | denied: window w
        """,
    ),
    Case(
        "a request that is denied moves no slot and counts nothing",
        w("max: 3, sliding: 1h"),
        """
        0        | use 4 | denied: window w
        30m      | use 4 | denied: window w
        60m      | use 3 | allowance 3
        125m -1ms | use 1 | denied: window w
        125m     | use 3 | allowance 3
        """,
    ),
    Case(
        "after a long silence the window is empty, wherever in the ring it goes on",
        w("max: 3, sliding: 1h"),
        """
        0        | use 3 | allowance 3
        3d 7m    | use 3 | allowance 3
                 | use 1 | denied: window w
        3d 70m -1ms | use 1 | denied: window w
        3d 70m   | use 3 | allowance 3
        """,
    ),
    Case(
        "a ring that was gone round counts no slot twice",
        w("max: 14, sliding: 1h"),
        """
        0        | use 1 | allowance 1
        20m      | use 1 | allowance 1
        40m      | use 1 | allowance 1
        60m      | use 1 | allowance 1
        80m      | use 1 | allowance 1
        100m     | use 12 | denied: window w
                 | use 11 | allowance 11
                 | use 1 | denied: window w
        105m     | use 2 | denied: window w
                 | use 1 | allowance 1
        """,
    ),
    Case(
        "a sliding window of requests counts each request once",
        w("max: 2, of: requests, sliding: 1h"),
        """
        0        | use 9 | allowance 9
                 | use 9 | allowance 9
                 | use 1 | denied: window w
        65m -1ms | use 1 | denied: window w
        65m      | use 1 | allowance 1
        """,
    ),
    Case(
        "a sliding window of credits has room for whole units of their worth",
        w("max: 12, of: credits, sliding: 1h"),
        """
        0        | use 3 | denied: window w
                 | use 2 | allowance 2
                 | use 1 | denied: window w
        65m      | use 2 | allowance 2
        """,
    ),
    Case(
        "sliding windows per subject slide each for itself",
        w("max: 1, sliding: 1h, per: subject"),
        """
        0        | use 1 by=ada | allowance 1
        30m      | use 1 by=bob | allowance 1
        65m -1ms | use 1 by=ada | denied: window w
        65m      | use 1 by=ada | allowance 1
                 | use 1 by=bob | denied: window w
        95m      | use 1 by=bob | allowance 1
        """,
    ),
    Case(
        "a new maximum of a sliding window keeps what was used (law 12)",
        w("max: 3, sliding: 1h"),
        """
        0        | use 3 | allowance 3
                 | set w 5 | f/w: none -> 5
                 | use 3 | denied: window w
                 | use 2 | allowance 2
        65m      | use 5 | allowance 5
        """,
    ),
    Case(
        "a sliding window that is reset has forgotten all its slots",
        w("max: 3, sliding: 1h"),
        """
        0        | use 1 | allowance 1
        10m      | use 2 | allowance 2
                 | reset w
                 | use 4 | denied: window w
                 | use 3 | allowance 3
        75m -1ms | use 1 | denied: window w
        75m      | use 1 | allowance 1
        """,
    ),
    Case(
        "usage of its own time just one slot behind the newest is counted in its slot",
        LATE + w("max: 3, sliding: 1h") + "}]}}",
        """
        60m      | use 1 | allowance 1
                 | use 1 at=55m | allowance 1
                 | use 2 at=55m | denied: window w
        120m -1ms | use 2 | denied: window w
        120m     | use 2 | allowance 2
        """,
    ),
    Case(
        "usage further behind the newest slot finds no room in a sliding window",
        LATE + w("max: 3, sliding: 1h") + "}]}}",
        """
        60m      | use 1 | allowance 1
                 | use 1 at=54m59s | denied: window w
                 | use 2 | allowance 2
        """,
    ),
    Case(
        "what is recorded further behind is counted in its slot while the ring has it",
        LATE + "ceilings: [{name: c, max: 3, sliding: 1h}], waterfall: [{from: overage}]}]}}",
        """
        60m      | use 1 | overage 1 (5)
                 | record 2 at=50m | overage 2 (10)
                 | use 1 | denied: ceiling c
        115m -1ms | use 1 | denied: ceiling c
        115m     | use 2 | overage 2 (10)
                 | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "what is recorded behind the whole ring is counted in no slot",
        LATE + "ceilings: [{name: c, max: 3, sliding: 1h}], waterfall: [{from: overage}]}]}}",
        """
        65m      | use 1 | overage 1 (5)
                 | record 9 at=-5m | overage 9 (45)
                 | use 3 | denied: ceiling c
                 | use 2 | overage 2 (10)
        """,
    ),
]


@rules_of(CASES)
def test_sliding(case):
    tell(case)


SLOW = [
    # sentence | (ms after START, units, answer) by a clock that may be behind the newest instant
    (
        "a clock a second behind, in the slot before, counts the newest slot as well",
        [(300_000, 2, "allowance 2"), (299_000, 1, "allowance 1"), (299_500, 1, "denied: window w")],
    ),
    (
        "a clock a millisecond behind the slot's beginning counts the newest slot as well",
        [(300_000, 3, "allowance 3"), (299_999, 1, "denied: window w"), (300_001, 1, "denied: window w")],
    ),
    (
        "what a slow clock counted in its slot slides out with that slot",
        [
            (300_000, 1, "allowance 1"),
            (299_000, 2, "allowance 2"),
            (3_899_999, 1, "denied: window w"),
            (3_900_000, 3, "denied: window w"),
            (3_900_000, 2, "allowance 2"),
        ],
    ),
    (
        "a clock more than the tolerance behind is late, not a second window",
        [(300_000, 3, "allowance 3"), (298_999, 1, "denied: late time"), (299_000, 1, "denied: window w")],
    ),
]


@pytest.mark.parametrize(("sentence", "story"), SLOW, ids=[case[0] for case in SLOW])
def test_slow_clock(sentence, story):
    house = House(w("max: 3, sliding: 1h"))
    assert [(at, units, told(house.ask(units, at))) for at, units, _ in story] == story, sentence

"""One picture explains a decision, on any terminal: with and without colour, in ASCII, wide and narrow."""

from inspect import cleandoc

import pytest
from msgspec.structs import replace

from spillover.pictures.staircase import StaircasePicture, staircase_table
from tests.pictures.support import CELLS, PROFILE, seconds, shown, tokens

SPLIT = """
asked     █████████████████████████████████    20 seconds
burst     ─────────────────────────────────    ceiling, room 60 of 60
allowance ████████┐                            room 5 → 0 (five_hour)
units             ███████┐                     room 4 → 0
credits                  ██████████████████░░░ room 12 → 1, for 275 credits
"""

SINGLE = """
asked     █████████████████████████████████    3 seconds
burst     ─────────────────────────────────    ceiling, room 60 of 60
allowance █████████████████████████████████░░░ room 5 → 2
units                                      ··· room 4, not reached
credits                                    ··· room 12, not reached
"""

AT_THE_CEILING = """
asked     █████████████████████████████████    61 seconds
burst     ┃╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌    ceiling burst, room 60 of 60
allowance                                  ··· room 5, not reached
units                                      ··· room 4, not reached
credits                                    ··· room 12, not reached

opens  never by itself
unlock nothing that could be added now
"""

AT_CREDITS = """
asked     █████████████████████████████████    25 seconds
burst     ─────────────────────────────────    ceiling, room 60 of 60
allowance ▒▒▒▒▒▒▒┐                             room 5, would give 5 (five_hour)
units            ▒▒▒▒▒┐                        room 4, would give 4
credits               ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒┃╌╌╌╌    room 12, would give 12

opens  never by itself
unlock 100 more credits unlock it
"""

WITHOUT_CONSENT = """
asked     █████████████████████████████████    20 seconds
burst     ─────────────────────────────────    ceiling, room 60 of 60
allowance ▒▒▒▒▒▒▒▒┐                            room 5, would give 5 (five_hour)
units             ▒▒▒▒▒▒▒┐                     room 4, would give 4
credits                  ┃╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌    room 0: the customer does not
                                               allow it

opens  never by itself
unlock consent to pay with credits unlocks it
"""

WITHOUT_BOUND = """
asked     █████████████████████████████████    1,000 credits
allowance █┐                                   room 0.05 → 0 (monthly)
credits    █████████┐                          room 300 → 0, for 300 credits
overage             ███████████████████████░░░ room without bound, for 699.95
                                               credits
"""

SUSPENDED = """
asked     █████████████████████████████████    3 seconds
burst     ─────────────────────────────────    ceiling, room 60 of 60
state     ┃╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌    state suspended
allowance                                  ··· room 5, not reached
units                                      ··· room 4, not reached
credits                                    ··· room 12, not reached

opens  never by itself
unlock nothing that could be added now
"""

WAITING_HELPS = """
asked     █████████████████████████████████    4 seconds
allowance ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒┃╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌    room 2, would give 2 (five_hour)

opens  in 4 h 30 min (2026-03-02 14:30:00 UTC)
closes never by itself
unlock nothing that could be added now
"""

IN_ASCII = """
asked     =================================    25 seconds
burst     ---------------------------------    ceiling, room 60 of 60
allowance ooooooo+                             room 5, would give 5 (five_hour)
units            ooooo+                        room 4, would give 4
credits               oooooooooooooooo|xxxx    room 12, would give 12

opens  never by itself
unlock 100 more credits unlock it
"""

TABLE_IN_ASCII = """
step           room before  would give  after  credits  stopped by
ceiling burst           60
allowance                5           5      5           window five_hour
units                    4           4      4           units sora.seconds
credits                 12          12     12      300  credits
"""


def waiting() -> tuple:
    """An account whose session has room for 2 of 4 seconds, and ends in four and a half hours."""
    from spillover.core.decide import cells_for  # the names of cells are the rules' own business
    from spillover.model.request import Request
    from tests.pictures.support import NOW, POLICY

    profile = replace(PROFILE, plan="waiting", lots=())
    names = cells_for(POLICY, profile, Request(1, "sora.seconds", {"seconds": 4}, "k"))
    start, used = (next(name for name in names if name.endswith(end)) for end in (":start", ":used"))
    return seconds(4, profile, {start: NOW - 1_800_000, used: 3})


@pytest.mark.parametrize(
    ("case", "drawn"),
    [
        (seconds(20), SPLIT),
        (seconds(3), SINGLE),
        (seconds(61), AT_THE_CEILING),
        (seconds(25), AT_CREDITS),
        (seconds(20, replace(PROFILE, consent=False)), WITHOUT_CONSENT),
        (seconds(3, replace(PROFILE, state="suspended")), SUSPENDED),
        (tokens(400_000_000), WITHOUT_BOUND),
        (waiting(), WAITING_HELPS),
    ],
    ids=["split", "single", "ceiling", "credits", "no-consent", "suspended", "no-bound", "waiting"],
)
def test_the_picture_of_a_decision(case, drawn):
    staircase, decision = case
    assert shown(StaircasePicture(staircase, decision)) == cleandoc(drawn) + "\n"


def test_in_ascii_nothing_is_lost():
    staircase, decision = seconds(25)
    assert shown(StaircasePicture(staircase, decision), encoding="ascii") == cleandoc(IN_ASCII) + "\n"
    assert shown(staircase_table(staircase, decision), encoding="ascii") == cleandoc(TABLE_IN_ASCII) + "\n"


def test_colour_adds_nothing_that_is_not_there_without_it():
    import re

    for staircase, decision in (seconds(20), seconds(25), seconds(61)):
        picture = StaircasePicture(staircase, decision)
        coloured = re.sub(r"\x1b\[[0-9;]*m", "", shown(picture, colour=True))
        assert [line.rstrip() for line in coloured.splitlines()] == shown(picture).splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width):
    for staircase, decision in (seconds(20), seconds(25), seconds(61), tokens(400_000_000)):
        lines = shown(StaircasePicture(staircase, decision), width=width).splitlines()
        assert max(map(len, lines)) <= width


def test_every_payer_is_visible_however_little_it_gives():
    staircase, decision = tokens(400_000_000, {**CELLS, "lot:2": 1})
    bars = {
        line.split()[0]: line.split()[1][0]
        for line in shown(StaircasePicture(staircase, decision), width=100).splitlines()
    }
    assert bars == {"asked": "█", "allowance": "█", "credits": "█", "overage": "█"}

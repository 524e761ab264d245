"""What a hold keeps is hatched, what it gave back is dim, what nobody could pay is a lip beyond the last step."""

from inspect import cleandoc

from msgspec.structs import replace

from spillover.core.decide import decide
from spillover.core.holds import end
from spillover.engine.answers import foreseen
from spillover.model.event import Event
from spillover.model.hold import Hold
from spillover.model.request import Request
from spillover.pictures.endings import ending_picture, ending_table
from spillover.pictures.staircase import StaircasePicture, staircase_table
from tests.pictures.support import CELLS, NOW, POLICY, PROFILE, shown

LABELS = {"resolution": "1080p"}
REQUEST = Request(1, "sora.seconds", {"seconds": 20}, "k", attributes=LABELS)
FEATURE = POLICY.features["sora.seconds"]

HELD = """
asked     █████████████████████████████████    20 seconds
burst     ─────────────────────────────────    ceiling, room 60 of 60
allowance ▓▓▓▓▓▓▓▓┐                            room 5 → 0 (five_hour), held
units             ▓▓▓▓▓▓▓┐                     room 4 → 0, held
credits                  ▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓░░░ room 12 → 1, for 275 credits,
                                               held
"""

LESS = """
asked     █████████████████████████████████    20 seconds held
allowance ████████┐                            5 kept
units             ██░░░░░┐                     1 kept, 3 given back
credits                  ░░░░░░░░░░░░░░░░░░    0 kept, 11 given back
"""

MORE = """
asked     █████████████████████████████████    20 seconds held
allowance ████┐                                5 kept
units         ███┐                             4 kept
credits          █████████┐                    11 kept
credits                   █┐                   1 more, for 25 credits
overshoot                  ┃▚▚▚▚▚▚▚▚▚▚▚▚▚▚▚    19 beyond what was there, 475
                                               credits forgiven
"""

IN_ASCII = """
asked     =================================    20 seconds held
allowance ########+                            5 kept
units             ##:::::+                     1 kept, 3 given back
credits                  ::::::::::::::::::    0 kept, 11 given back
"""


def picture(request: Request, **profile: object) -> StaircasePicture:
    decision, staircase = foreseen(POLICY, "acme", replace(PROFILE, **profile), CELLS, request, NOW)
    return StaircasePicture(staircase, decision)


def ended(seconds: int) -> tuple[Event, Hold]:
    """A hold on 20 seconds that is committed with so many."""
    cells = dict(CELLS)
    verdict, operations = decide(POLICY, PROFILE, cells, replace(REQUEST, hold=60_000), NOW)
    for name, _, _, floor, add in operations:
        cells[name] = max(cells.get(name, 0), floor or 0) + add
    assert verdict.hold is not None
    done, _ = end(POLICY, PROFILE, cells, verdict.hold, "commit", {"seconds": seconds}, NOW + 1000)
    event = Event(
        2, 2, "commit", 1, "e", "", NOW + 1000, 1, (), POLICY.hash, "sora.seconds", units=done.units,
        granted=done.granted, legs=done.legs, overshoot=done.overshoot, ends=verdict.hold.id,
    )  # fmt: skip
    return event, verdict.hold


def test_a_hold_is_hatched():
    assert shown(picture(replace(REQUEST, hold=60_000))) == cleandoc(HELD) + "\n"


def test_what_was_given_back_is_dim():
    assert shown(ending_picture(FEATURE, *ended(6))) == cleandoc(LESS) + "\n"
    assert shown(ending_picture(FEATURE, *ended(6)), encoding="ascii") == cleandoc(IN_ASCII) + "\n"


def test_what_was_drawn_further_and_what_went_beyond():
    assert shown(ending_picture(FEATURE, *ended(40))) == cleandoc(MORE) + "\n"
    rows = [line.split() for line in shown(ending_table(FEATURE, *ended(40))).splitlines()]
    assert rows[-2:] == [["credits,", "further", "1", "25"], ["overshoot", "19"]]


def test_a_part_is_granted_and_the_rest_is_said():
    lines = shown(picture(replace(REQUEST, usage={"seconds": 30}, mode="partial"))).splitlines()
    assert lines[-1].startswith("not granted ")
    assert lines[-1].endswith("9 not granted (credits)")
    assert "┃╌" in lines[-1]


def test_a_recorded_use_that_no_layer_may_pay_flows_through_none():
    request = replace(REQUEST, mode="record")
    decision, staircase = foreseen(POLICY, "acme", replace(PROFILE, state="suspended"), CELLS, request, NOW)
    lines = shown(StaircasePicture(staircase, decision)).splitlines()
    assert [line.split()[0] for line in lines if "not reached" in line] == ["allowance", "units", "credits"]
    assert "20 beyond what was there" in " ".join(lines)
    table = [line.split() for line in shown(staircase_table(staircase, decision)).splitlines()]
    assert table[-1][:2] == ["overshoot", "20"]


def test_no_line_is_wider_than_the_terminal():
    for width in (40, 60, 100, 200):
        for seconds in (1, 6, 20, 40, 4000):
            lines = shown(ending_picture(FEATURE, *ended(seconds)), width=width).splitlines()
            assert max(map(len, lines)) <= width

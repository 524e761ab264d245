"""What an event of new terms does to a standing that has more or less left than the live account had."""

import pytest

from spillover.backtest.terms import apply_terms
from spillover.compare.lane import Standing
from spillover.model.account import Lot, Profile
from spillover.model.event import SCHEMA, Entry, Event, Move

PROFILE = Profile(7, 2, "free", 0, lots=(Lot(1, "credits"), Lot(2, "credits"), Lot(3, "images")))

CASES = {
    "a raise is added": ({"lot:1": 5}, [("lot:1", None, 10)], (), (), {"lot:1": 15}),
    "new credits pay this standing's debt first": ({"debt": 4}, [("lot:1", None, 10)], (), (), {"lot:1": 6}),
    "units pay no debt": ({"debt": 4}, [("lot:3", None, 10)], (), (), {"lot:3": 10, "debt": 4}),
    "what paid the live account's debt is raised here": (
        {}, [("lot:1", None, 7), ("debt", None, -3)], [Move("owed", 1, 3)], (), {"lot:1": 10},
    ),
    "an expired lot loses all that is left here": (
        {"lot:1": 9}, [("lot:1", None, -2)], [Move("expire", 1, 2)], (), {},
    ),
    "a revocation takes at most what is there": (
        {"lot:1": 3}, [("lot:1", None, -8)], [Move("revoke", 1, 8)], (), {},
    ),
    "an adjustment takes what it took then": (
        {"lot:1": 9}, [("lot:1", None, -2)], [Move("adjust", 1, 2)], (), {"lot:1": 7},
    ),
    "a rollover moves what is there": (
        {"lot:1": 3}, [("lot:1", None, -5), ("lot:2", None, 5)], [Move("rollover", 1, 5, 2)], (), {"lot:2": 3},
    ),
    "what a hold kept does not touch the lot": (
        {"lot:1": 3}, [], [Move("expire", 1, 5, held=True)], (), {"lot:1": 3},
    ),
    "a reset empties the window whatever it counted": (
        {"images/daily:used": 9, "t": 4}, [("images/daily:used", None, -2)], (),
        [Entry("window_reset", "images/daily", "2", "0")], {"t": 4},
    ),
    "what overage advanced is relieved, never below 0": ({"owed:used": 3}, [("owed:used", None, -5)], (), (), {}),
}  # fmt: skip


@pytest.mark.parametrize(("cells", "changes", "moves", "entries", "after"), CASES.values(), ids=CASES)
def test_terms_in_a_world_of_its_own(cells, changes, moves, entries, after):
    standing = Standing(Profile(7, 1, "old", 0), cells)
    event = Event(
        SCHEMA, 2, "terms", 7, "k", "", 0, 2, tuple(changes), terms=PROFILE, moves=tuple(moves), entries=tuple(entries)
    )
    apply_terms(standing, event)
    assert standing.cells == after
    assert standing.profile == PROFILE

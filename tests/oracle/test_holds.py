"""The oracle's holds, modes and further windows, by hand: each case was worked out on paper."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from spillover.model.account import Lot, Override, Profile
from spillover.model.decision import Overshoot, Verdict
from spillover.model.event import Move
from spillover.model.policy import Feature, Layer, Limit, PriceRow, Rule, Window
from spillover.model.request import Request
from spillover.model.terms import Lower
from spillover.ports import Push
from tests.oracle.attempt import Bounds
from tests.oracle.oracle import Oracle
from tests.oracle.policies import DAY, HOUR, MINUTE, SECOND, instant, plan_of, policy_of
from tests.oracle.terms import Forgotten

T0 = instant("2026-06-15 10:00")
EVER = Window("ever", label="ever")
CREDITS = Layer("credits")


def limit(name: str, most: int, window: Window = EVER, **more: Any) -> Limit:
    bucket = {"spacing": window.length // max(most, 1), "ticks": 1} if window.kind == "refill" else {}
    return Limit(name, most, window, f"f/{name}", title=f"f/{name}", **(bucket | more))


def included(*windows: Limit) -> Layer:
    return Layer("allowance", windows)


class House:
    """One account on one rule, with credits in lot 1."""

    def __init__(self, *layers: Layer, credits: int = 0, late: int = SECOND, bounds: Bounds = Bounds(), **rule: Any):  # noqa: B008
        feature = Feature("f", "unit", "units", (PriceRow(unit_price=5),), ("units", "extra"))
        policy = policy_of([feature], [plan_of("one", (Rule("f", ("f",), layers, **rule),))], late)
        self.oracle = Oracle(policy, bounds)
        self.oracle.put(Profile(1, 1, "one", T0, lots=(Lot(1, "credits"),)), T0 - DAY)
        self.oracle.raise_lot(1, 1, credits, T0 - DAY)
        self.asked = 0

    def ask(self, units: int, at: int = 0, *, key: str = "", **more: Any) -> Verdict:
        self.asked += 1
        usage = {"units": units} | more.pop("usage", {})
        return self.oracle.decide(Request(1, "f", usage, key or f"k{self.asked}", **more), T0 + at)

    def granted(self, units: int, at: int = 0, **more: Any) -> int:
        return self.ask(units, at, **more).granted

    def end(self, kind: str, at: int, **usage: int) -> Any:
        return self.oracle.end(1, "hold", kind, usage, T0 + at)

    def push(self, resets: list[Forgotten] | None = None, **what: Any) -> list[Move]:
        profile = replace(self.oracle.accounts[1].profile, **what.pop("terms", {}))
        return self.oracle.push(Push(profile, **what), T0, resets or [])

    @property
    def left(self) -> int:
        return self.oracle.remaining(1, 1)


def slots(length: int, number: int) -> Window:
    return Window("sliding", length, slots=number, label="sliding")


def test_sliding_counts_the_slot_of_now_and_as_many_before_it_as_the_window_has() -> None:
    house = House(included(limit("w", 5, slots(MINUTE, 6))))  # slots of ten seconds; T0 begins one
    assert [house.granted(2, 9_999), house.granted(3, 10_000)] == [2, 3]
    assert house.granted(1, 69_999) == 0  # slot 6 sees 0 to 6
    assert [house.granted(3, 70_000), house.granted(2, 70_000)] == [0, 2]  # slot 7 sees 1 to 7


def test_sliding_finds_no_room_behind_the_head_by_more_than_a_slot() -> None:
    house = House(included(limit("w", 5, slots(MINUTE, 6))), late=HOUR)
    assert house.granted(1, 30_000) == 1
    assert [house.granted(1, 19_999), house.granted(1, 20_000)] == [0, 1]


def test_distinct_subjects_count_once_in_a_window() -> None:
    house = House(included(), ceilings=(limit("s", 2, Window("fixed", DAY, label="d"), of="subjects"),))
    assert [house.granted(1, subject=name) for name in ("ada", "bob", "ada", "eve")] == [1, 1, 1, 0]
    assert house.granted(1, DAY, subject="eve") == 1


def test_a_limit_on_a_usage_counts_that_usage() -> None:
    house = House(included(), ceilings=(limit("e", 5, of="usage", counts="extra"),))
    assert [house.granted(9, usage={"extra": count}) for count in (4, 2, 1)] == [9, 0, 9]


def test_a_limit_that_is_only_for_others_does_not_apply() -> None:
    house = House(included(limit("w", 1, only=(("size", ("big",)),), per="team")))
    assert house.granted(9, attributes={"size": "small"}) == 9
    assert house.ask(9, attributes={"size": "big"}).blockers[0].kind == "attribute"
    assert house.granted(2, attributes={"size": "big", "team": "red"}) == 0


def test_the_most_special_override_in_force_is_the_maximum_and_of_equals_the_last() -> None:
    house = House(included(limit("w", 1, per="subject")))
    found = (
        Override("f/w", 9, "ada"), Override("f/w", 3), Override("f/w", 4, None, T0 + 9), Override("f/w", 2, "bob"),
        Override("f/w", 5, "bob"),
    )  # fmt: skip
    house.push(terms={"overrides": found})
    assert [house.ask(99, subject=name).blockers[0].room for name in ("ada", "bob", "eve")] == [9, 5, 4]
    assert house.ask(99, 9, subject="eve").blockers[0].room == 3


def test_partial_gives_what_there_is_and_ceilings_count_what_was_granted() -> None:
    house = House(included(limit("w", 2)), CREDITS, credits=10, ceilings=(limit("c", 6),))
    assert house.granted(9, mode="partial") == 4  # two included, two for ten micro-credits
    house.push(raised=((1, 50),))
    verdict = house.ask(9, mode="partial")
    stops = [(stop.name, stop.room, stop.short) for stop in verdict.blockers]
    assert (verdict.granted, stops) == (2, [("c", 2, 7), ("w", 0, 2)])
    assert not house.ask(1, mode="partial").allowed


def test_record_is_never_denied_and_what_no_layer_pays_is_overshoot_within_what_is_forgiven() -> None:
    house = House(CREDITS, credits=7, overshoot=limit("o", 8, of="credits"), ceilings=(limit("c", 1),))
    verdict = house.ask(4, mode="record")
    assert [leg.units for leg in verdict.legs] == [1]
    assert verdict.overshoot == Overshoot(3, 5, 15, 8)
    assert house.ask(1).blockers[0].kind == "ceiling"
    assert house.oracle.accounts[1].owed == [7]


def test_what_is_owed_closes_paid_layers_until_new_credits_have_paid_it() -> None:
    house = House(CREDITS, credits=2, overshoot=limit("o", 0, of="credits"))
    assert house.granted(1, mode="record") == 1  # nothing of five is paid: a unit is whole
    assert house.ask(1).blockers[0].kind == "owed"
    assert house.push(raised=((1, 4),)) == [Move("owed", 1, 4)]
    assert house.ask(1).blockers[0].kind == "owed"
    assert house.push(raised=((1, 4),)) == [Move("owed", 1, 1)]
    assert (house.left, house.granted(1)) == (5, 1)


def test_suspended_a_record_is_overshoot_as_a_whole() -> None:
    house = House(CREDITS, credits=50)
    house.push(terms={"state": "suspended"})
    verdict = house.ask(2, mode="record")
    assert (verdict.legs, verdict.overshoot) == ((), Overshoot(2, 5, 10, 10))


def test_commit_of_less_gives_back_from_the_last_part_to_the_first() -> None:
    house = House(included(limit("w", 3)), CREDITS, credits=50, ceilings=(limit("c", 9), limit("r", 2, of="requests")))
    assert house.granted(7, key="hold", hold=HOUR) == 7
    ended = house.end("commit", 5, units=2)
    assert [(leg.layer, leg.units) for leg in ended.legs] == [("allowance", 2)]
    assert (house.left, house.granted(7)) == (50, 7)  # one included is left, of the ceiling seven, of requests one
    assert house.granted(1) == 0


def test_commit_of_more_is_a_record_of_the_rest() -> None:
    house = House(included(limit("w", 3)), CREDITS, credits=10)
    house.ask(3, key="hold", hold=HOUR)
    ended = house.end("commit", 5, units=6)
    assert [(leg.layer, leg.units) for leg in ended.legs] == [("allowance", 3), ("credits", 2)]
    assert (ended.granted, ended.overshoot) == (6, Overshoot(1, 5, 5, 5))


def test_a_closed_window_gets_nothing_back_and_an_open_one_does() -> None:
    house = House(included(limit("w", 3, Window("fixed", DAY, label="d"))))
    house.ask(3, key="hold", hold=2 * DAY)
    assert house.granted(2, DAY) == 2
    house.end("release", DAY)
    assert [house.granted(2, DAY), house.granted(1, DAY)] == [0, 1]


def test_a_bucket_gets_back_only_what_had_not_refilled() -> None:
    house = House(included(limit("b", 4, Window("refill", 4_000, label="b"))))  # one unit a second
    house.ask(4, key="hold", hold=HOUR)
    house.end("release", 3_000)
    assert [house.granted(4, 3_000), house.granted(1, 3_000)] == [4, 0]
    other = House(included(limit("b", 4, Window("refill", 4_000, label="b"))))
    other.ask(4, key="hold", hold=HOUR)
    assert other.granted(1, 1_000) == 1
    other.end("release", 3_000)  # three are back by themselves, one of them was used; the hold returns the fourth
    assert [other.granted(4, 3_000), other.granted(3, 3_000)] == [0, 3]


def test_open_holds_are_counted_until_they_end_and_bounded() -> None:
    house = House(included(), ceilings=(limit("h", 1, of="open_holds"),))
    assert [house.granted(1, key="hold", hold=HOUR), house.granted(1, hold=HOUR), house.granted(1)] == [1, 0, 1]
    house.end("expire", HOUR + SECOND)
    assert house.granted(1, HOUR + SECOND, hold=HOUR) == 1
    bounded = House(included(), bounds=Bounds(holds=1))
    assert [bounded.granted(1, hold=HOUR), bounded.granted(1, hold=HOUR)] == [1, 0]


def test_a_late_commit_bills_the_true_usage_again() -> None:
    house = House(included(limit("w", 3), limit("r", 2, of="requests")), CREDITS, credits=50)
    house.ask(3, key="hold", hold=HOUR)
    house.end("expire", 2 * HOUR)
    ended = house.end("late", 3 * HOUR, units=4)
    assert [(leg.layer, leg.units) for leg in ended.legs] == [("allowance", 3), ("credits", 1)]


def test_what_falls_back_to_a_lot_that_is_gone_is_posted() -> None:
    house = House(CREDITS, credits=50)
    house.ask(3, key="hold", hold=HOUR)
    assert house.push(terms={"lots": ()}, lowers=(Lower(1, "revoke"),)) == [Move("revoke", 1, 35)]
    assert house.end("commit", 5, units=1).moves == (Move("revoke", 1, 10, held=True),)


def test_an_extension_draws_what_is_more_and_moves_the_due_time() -> None:
    house = House(included(limit("w", 5), limit("r", 1, of="requests")))
    house.ask(3, key="hold", hold=HOUR)
    assert house.oracle.extend(1, "hold", {"units": 5}, T0, T0 + 9).granted == 2  # a request is one, however extended
    assert house.oracle.accounts[1].holds["hold"].due == T0 + HOUR + 1
    assert not house.oracle.extend(1, "hold", {"units": 6}, T0, T0 + 9).allowed


def test_a_rollover_takes_so_much_and_the_rest_expires() -> None:
    house = House(CREDITS, credits=50)
    moves = house.push(lowers=(Lower(1, "rollover", 20, 2), Lower(1, "expire")))
    assert moves == [Move("rollover", 1, 20, 2), Move("expire", 1, 30)]
    assert (house.left, house.oracle.remaining(1, 2)) == (0, 20)


def test_a_reset_forgets_what_was_counted_and_keeps_the_window() -> None:
    window = limit("w", 3, Window("session", HOUR, label="s"))
    house = House(included(window))
    assert house.granted(3) == 3
    house.push([Forgotten(window, None)])
    assert [house.granted(3, HOUR - 1), house.granted(1, HOUR - 1), house.granted(1, HOUR)] == [3, 0, 1]


def test_late_usage_counts_in_the_window_before_and_older_finds_no_room() -> None:
    house = House(included(limit("w", 3, Window("fixed", HOUR, label="h"))), late=DAY)
    assert [house.granted(2, 3 * HOUR), house.granted(3, 5 * HOUR)] == [2, 3]
    assert [house.granted(2, 3 * HOUR), house.granted(1, 3 * HOUR)] == [0, 1]
    assert house.granted(3, 4 * HOUR) == 3  # nobody had used anything then: it is the window before now
    assert house.ask(1, 3 * HOUR).blockers[0].room == 0
    assert house.ask(1, 5 * HOUR - DAY - 1).blockers[0].kind == "late"


def test_a_session_that_would_reach_into_the_standing_one_is_that_one() -> None:
    house = House(included(limit("w", 3, Window("session", HOUR, label="s"))), late=DAY)
    assert house.granted(1, 2 * HOUR) == 1
    assert [house.granted(3, HOUR + 1), house.granted(2, HOUR + 1)] == [0, 2]
    assert house.granted(3, HOUR) == 3  # is over when the standing one begins


def test_scope_values_are_bounded_and_those_that_return_to_nothing_are_free_again() -> None:
    house = House(included(limit("w", 9, per="subject")), bounds=Bounds(scopes=1))
    assert house.granted(1, subject="ada", key="hold", hold=HOUR) == 1
    assert house.ask(1, subject="bob").blockers[0].name == "scope values"
    house.end("release", 5)
    assert house.granted(1, subject="bob") == 1


def test_the_scheduled_plan_is_in_force_from_its_instant_on() -> None:
    house = House(included())
    house.push(terms={"next_plan": "none", "next_at": T0 + 5})
    assert [house.granted(1, 4), house.granted(1, 5)] == [1, 0]
    assert house.ask(1, 5).blockers[0].name == "none"


def test_a_lot_is_spent_only_on_what_its_scope_names() -> None:
    house = House(CREDITS, credits=50)
    house.push(terms={"lots": (Lot(1, "credits", scope=(("subject", ("ada",)), ("size", ("big",)))),)})
    big = {"attributes": {"size": "big"}}
    asked: list[dict[str, Any]] = [{"subject": "ada"}, big, {"subject": "ada", **big}]
    assert [house.granted(1, **who) for who in asked] == [0, 0, 1]

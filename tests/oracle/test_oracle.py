"""The oracle itself, by hand: each case states the sentence of the law that it shows, and was worked out on paper."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from spillover.model.account import Lot, Profile
from spillover.model.decision import Verdict
from spillover.model.policy import Feature, Layer, Limit, PriceRow, Rule, Window
from spillover.model.request import Request
from tests.oracle.oracle import Oracle
from tests.oracle.policies import DAY, HOUR, MINUTE, SECOND, instant, plan_of, policy_of

T0 = instant("2026-06-15 10:00")  # a Monday


def told(verdict: Verdict) -> str:
    """A verdict in one line: "2 allowance, 3 credits for 15 from 1:9 2:6", or "no: window weekly 2 -1"."""
    if not verdict.allowed:
        stops = (f"{b.kind} {b.name} {b.room} -{b.short}{f' @{b.scope}' if b.per else ''}" for b in verdict.blockers)
        return "no: " + ", ".join(stops)
    legs = []
    for leg in verdict.legs:
        paid = f" for {leg.amount}" if leg.layer in {"credits", "overage"} else ""
        lots = " from " + " ".join(f"{lot}:{part}" for lot, part in leg.lots) if leg.lots else ""
        legs.append(f"{leg.units} {leg.layer}{paid}{lots}")
    return ", ".join(legs) or "nothing"


# --- Shorthand for policies ----------------------------------------------------------------------------------------


def limit(name: str, most: int, window: Window, **more: Any) -> Limit:
    unit = Fraction(window.length, most) if window.kind == "refill" else Fraction(0, 1)
    bucket = {"spacing": unit.numerator, "ticks": unit.denominator} if unit else {}
    return Limit(name, most, window, f"f/{name}/{window.label}", **(bucket | more))


def session(length: int) -> Window:
    return Window("session", length=length, label=f"session {length}")


def fixed(length: int, anchor: int | None = None) -> Window:
    return Window("fixed", length=length, anchor=anchor, label=f"{length}")


def monthly(anchor: int | None = None, zone: str = "UTC") -> Window:
    return Window("fixed", unit="month", anchor=anchor, zone=zone, label="month")


def calendar(unit: Any, zone: str = "UTC") -> Window:
    return Window("calendar", unit=unit, zone=zone, label=unit)


def refill(length: int) -> Window:
    return Window("refill", length=length, label=f"refill {length}")


EVER = Window("ever", label="ever")
NOTHING: Mapping[Any, Any] = MappingProxyType({})


def allowance(*windows: Limit) -> Layer:
    return Layer("allowance", windows)


def included(most: int) -> Layer:
    return allowance(limit("w", most, EVER))


UNITS = Layer("units")
CREDITS = Layer("credits")
FIVE = (PriceRow(unit_price=5),)


class Case(NamedTuple):
    """`law` is what the case shows. A step is (instant from T0, what is asked, what the answer is), a change of terms
    (instant, mapping), or a raise (instant, lot, amount)."""

    law: str
    rule: dict[str, Any]
    steps: list[tuple[Any, ...]]
    lots: Mapping[Lot, int] = NOTHING
    prices: tuple[PriceRow, ...] = FIVE
    count: str = "requests"
    terms: Mapping[str, Any] = NOTHING
    other: Mapping[str, Any] = NOTHING  # the rule of a second plan
    start: int = T0


def waterfall(*layers: Layer, **more: Any) -> dict[str, Any]:
    return {"waterfall": layers, **more}


def lots(*amounts: int, **terms: Any) -> dict[Lot, int]:
    return {Lot(i + 1, terms.pop("measure", "credits"), **terms): amount for i, amount in enumerate(amounts)}


def credit(number: int, **terms: Any) -> Lot:
    return Lot(number, "credits", **terms)


WINDOWS = [
    Case(
        "session: opens at the first use, lasts its length, half open",
        waterfall(allowance(limit("s", 5, session(5 * HOUR)))),
        [
            (0, 3, "3 allowance"),
            (5 * HOUR - 1, 3, "no: window s 2 -1"),
            (5 * HOUR, 3, "3 allowance"),
            (10 * HOUR - 1, 3, "no: window s 2 -1"),
        ],
    ),
    Case(
        "session: a later use does not lengthen it",
        waterfall(allowance(limit("s", 5, session(5 * HOUR)))),
        [(0, 2, "2 allowance"), (4 * HOUR, 3, "3 allowance"), (5 * HOUR, 5, "5 allowance")],
    ),
    Case(
        "session: what it denies does not open it",
        waterfall(allowance(limit("s", 5, session(HOUR)))),
        [(0, 6, "no: window s 5 -1"), (HOUR - 1, 5, "5 allowance"), (HOUR, 1, "no: window s 0 -1")],
    ),
    Case(
        "fixed: periods run from the anchor, whenever the first use is",
        waterfall(allowance(limit("f", 5, fixed(5 * HOUR, T0 - HOUR)))),
        [(HOUR, 5, "5 allowance"), (4 * HOUR - 1, 1, "no: window f 0 -1"), (4 * HOUR, 5, "5 allowance")],
    ),
    Case(
        "fixed: also before the anchor",
        waterfall(allowance(limit("f", 5, fixed(5 * HOUR, T0 + 7 * HOUR)))),
        [(0, 5, "5 allowance"), (2 * HOUR - 1, 1, "no: window f 0 -1"), (2 * HOUR, 5, "5 allowance")],
    ),
    Case(
        "fixed: starting billing_day takes the account's own anchor",
        waterfall(allowance(limit("f", 5, fixed(7 * DAY)))),
        [(0, 5, "5 allowance"), (DAY - 1, 1, "no: window f 0 -1"), (DAY, 1, "1 allowance")],
        terms={"anchor": T0 - 6 * DAY},
    ),
    Case(
        "fixed month: from the anchor's day and time of day, the last day where a month is short, never drifting",
        waterfall(allowance(limit("m", 1, monthly(instant("2026-01-31 12:00"))))),
        [
            (0, 1, "1 allowance"),
            (instant("2026-02-28 12:00") - instant("2026-01-31 12:00") - 1, 1, "no: window m 0 -1"),
            (instant("2026-02-28 12:00") - instant("2026-01-31 12:00"), 1, "1 allowance"),
            (instant("2026-03-31 12:00") - instant("2026-01-31 12:00") - 1, 1, "no: window m 0 -1"),
            (instant("2026-03-31 12:00") - instant("2026-01-31 12:00"), 1, "1 allowance"),
            (instant("2026-04-30 12:00") - instant("2026-01-31 12:00") - 1, 1, "no: window m 0 -1"),
            (instant("2026-04-30 12:00") - instant("2026-01-31 12:00"), 1, "1 allowance"),
        ],
        start=instant("2026-01-31 12:00"),
    ),
    Case(
        "fixed month: the time of day is that of the clock, before and after it is put forward",
        waterfall(allowance(limit("m", 1, monthly(instant("2026-03-15 09:00", "Europe/Paris"), "Europe/Paris")))),
        [
            (0, 1, "1 allowance"),
            (31 * DAY - HOUR - 1, 1, "no: window m 0 -1"),
            (31 * DAY - HOUR, 1, "1 allowance"),
        ],
        start=instant("2026-03-15 09:00", "Europe/Paris"),
    ),
    Case(
        "calendar day: 23 hours when the clock goes forward",
        waterfall(allowance(limit("d", 1, calendar("day", "Europe/Paris")))),
        [(0, 1, "1 allowance"), (23 * HOUR - 1, 1, "no: window d 0 -1"), (23 * HOUR, 1, "1 allowance")],
        start=instant("2026-03-29 00:00", "Europe/Paris"),
    ),
    Case(
        "calendar day: 25 hours when the clock goes back, also where midnight comes twice",
        waterfall(allowance(limit("d", 1, calendar("day", "America/Havana")))),
        [
            (-1, 1, "1 allowance"),
            (0, 1, "1 allowance"),
            (HOUR, 1, "no: window d 0 -1"),
            (25 * HOUR - 1, 1, "no: window d 0 -1"),
            (25 * HOUR, 1, "1 allowance"),
        ],
        start=instant("2026-11-01 00:00", "America/Havana"),
    ),
    Case(
        "calendar day: begins when the clock jumps over midnight",
        waterfall(allowance(limit("d", 1, calendar("day", "Africa/Cairo")))),
        [
            (-1, 1, "1 allowance"),
            (0, 1, "1 allowance"),
            (23 * HOUR - 1, 1, "no: window d 0 -1"),
            (23 * HOUR, 1, "1 allowance"),
        ],
        start=instant("2026-04-24 01:00", "Africa/Cairo"),
    ),
    Case(
        "calendar hour: the hour that the clock shows twice is two hours",
        waterfall(allowance(limit("h", 1, calendar("hour", "Europe/Paris")))),
        [(0, 1, "1 allowance"), (HOUR - 1, 1, "no: window h 0 -1"), (HOUR, 1, "1 allowance")],
        start=instant("2026-10-25 02:00", "Europe/Paris"),
    ),
    Case(
        "calendar hour: by the zone's own clock",
        waterfall(allowance(limit("h", 1, calendar("hour", "Asia/Kathmandu")))),
        [(0, 1, "1 allowance"), (15 * MINUTE - 1, 1, "no: window h 0 -1"), (15 * MINUTE, 1, "1 allowance")],
    ),
    Case(
        "calendar week: begins on Monday",
        waterfall(allowance(limit("w", 1, calendar("week")))),
        [
            (0, 1, "1 allowance"),
            (7 * DAY - 10 * HOUR - 1, 1, "no: window w 0 -1"),
            (7 * DAY - 10 * HOUR, 1, "1 allowance"),
        ],
    ),
    Case(
        "calendar month in the account's zone",
        waterfall(allowance(limit("m", 1, calendar("month", "account")))),
        [(0, 1, "1 allowance"), (HOUR - 1, 1, "no: window m 0 -1"), (HOUR, 1, "1 allowance")],
        terms={"zone": "America/New_York"},
        start=instant("2026-02-28 23:00", "America/New_York"),
    ),
    Case(
        "refill: continuous, one unit each length / max",
        waterfall(allowance(limit("r", 3, refill(MINUTE)))),
        [
            (0, 3, "3 allowance"),
            (20 * SECOND - 1, 1, "no: window r 0 -1"),
            (20 * SECOND, 1, "1 allowance"),
            (59 * SECOND, 2, "no: window r 1 -1"),
            (MINUTE, 2, "2 allowance"),
        ],
    ),
    Case(
        "refill: exact where a unit is no whole number of milliseconds",
        waterfall(allowance(limit("r", 7, refill(MINUTE)))),  # 8,571 3/7 ms a unit
        [
            (0, 7, "7 allowance"),
            (8_571, 1, "no: window r 0 -1"),
            (8_572, 1, "1 allowance"),
            (17_142, 1, "no: window r 0 -1"),
            (17_143, 1, "1 allowance"),
            (25_714, 1, "no: window r 0 -1"),
            (25_715, 1, "1 allowance"),
        ],
    ),
    Case(
        "refill: never above its maximum",
        waterfall(allowance(limit("r", 3, refill(MINUTE)))),
        [(0, 1, "1 allowance"), (HOUR, 4, "no: window r 3 -1"), (HOUR, 3, "3 allowance")],
    ),
    Case(
        "refill: twice its maximum passes within the first period, and no more",
        waterfall(allowance(limit("r", 3, refill(MINUTE)))),
        [(0, 3, "3 allowance"), (MINUTE, 3, "3 allowance"), (MINUTE, 1, "no: window r 0 -1")],
    ),
    Case(
        "ever: no reset",
        waterfall(included(3)),
        [(0, 3, "3 allowance"), (400 * DAY, 1, "no: window w 0 -1")],
    ),
]

LAYERS = [
    Case(
        "law 2: each layer gives as many whole units as it has room for, the rest falls to the next",
        waterfall(included(4), UNITS, CREDITS),
        [(0, 9, "4 allowance, 2 units from 1:2, 3 credits for 15 from 2:15")],
        {Lot(1, "f"): 2, credit(2): 100},
    ),
    Case(
        "law 4: an allowance has the room of its tightest window",
        waterfall(allowance(limit("a", 9, EVER), limit("b", 4, EVER), limit("c", 4, EVER))),
        [(0, 5, "no: window b 4 -1"), (0, 4, "4 allowance"), (0, 1, "no: window b 0 -1")],
    ),
    Case(
        "law 4: what others pay counts in no window",
        waterfall(allowance(limit("d", 3, fixed(DAY)), limit("w", 5, EVER)), CREDITS),
        [
            (0, 6, "3 allowance, 3 credits for 15 from 1:15"),
            (DAY, 3, "2 allowance, 1 credits for 5 from 1:5"),
            (DAY, 1, "1 credits for 5 from 1:5"),
        ],
        lots(30),
    ),
    Case(
        "law 4: a request to which it gives a unit counts one in a window of requests; without room there is none",
        waterfall(allowance(limit("u", 9, EVER), limit("r", 2, EVER, of="requests")), CREDITS),
        [
            (0, 5, "5 allowance"),
            (0, 6, "4 allowance, 2 credits for 10 from 1:10"),
            (0, 1, "1 credits for 5 from 1:5"),
            (0, 4, "no: window u 0 -4, credits credits 15 -5"),
        ],
        lots(30),
    ),
    Case(
        "a window of requests that is empty blocks before a roomier one of units",
        waterfall(allowance(limit("u", 9, EVER), limit("r", 1, EVER, of="requests"))),
        [(0, 2, "2 allowance"), (0, 2, "no: window r 0 -1")],
    ),
    Case(
        "a denial changes nothing, and has a blocker for each layer in the plan's order",
        waterfall(included(4), UNITS, CREDITS),
        [
            (0, 9, "no: window w 4 -5, units f 1 -4, credits credits 19 -1"),
            (0, 8, "4 allowance, 1 units from 1:1, 3 credits for 15 from 2:15"),
        ],
        {Lot(1, "f"): 1, credit(2): 19},
    ),
    Case(
        "law 5: paid layers give nothing without the customer's consent",
        waterfall(Layer("credits", consent=True), Layer("overage", consent=True)),
        [
            (0, 1, "no: consent credits 0 -0, consent overage 0 -0"),
            (0, {"consent": True}),
            (0, 1, "1 credits for 5 from 1:5"),
        ],
        lots(9),
        terms={"consent": False},
    ),
    Case(
        "law 5: a spending limit bounds credits and overage together",
        waterfall(CREDITS, Layer("overage"), spending=(limit("s", 32, EVER, of="credits"),)),
        [
            (0, 7, "no: credits credits 20 -15, spending s 32 -3"),
            (0, 6, "4 credits for 20 from 1:20, 2 overage for 10"),
            (0, 1, "no: spending s 2 -3, spending s 2 -3"),  # of what leaves no unit, limits come before lots
        ],
        lots(20),
    ),
    Case(
        "law 5: of equals the spending limit is named before the lots",
        waterfall(CREDITS, spending=(limit("s", 12, EVER, of="credits"),)),
        [(0, 3, "no: spending s 12 -3")],
        lots(10),
    ),
    Case(
        "overage: a factor on the price, the amount of the leg rounded once, half up",
        waterfall(Layer("overage", factor=(3, 2))),
        [(0, 1, "1 overage for 8"), (0, 3, "3 overage for 23"), (0, 2, "2 overage for 15")],
    ),
    Case(
        "overage: as many units as the cap has room for, by the rounded amount",
        waterfall(Layer("overage", factor=(1, 3), cap=limit("cap", 5, EVER, of="credits")), included(9)),
        [
            (0, 4, "3 overage for 5, 1 allowance"),  # 4 units are 6.67, so 7
            (0, 1, "1 allowance"),
            (0, 8, "no: cap cap 0 -13, window w 7 -1"),
        ],
    ),
    Case(
        "what costs nothing is served by credits, also from an empty purse",
        waterfall(CREDITS, spending=(limit("s", 0, EVER, of="credits"),)),
        [(0, 3, "3 credits for 0")],
        prices=(PriceRow(unit_price=0),),
    ),
    Case(
        "no price that fits: paid layers have no room",
        waterfall(included(1), CREDITS, Layer("overage")),
        [(0, 2, "no: window w 1 -1, credits price 0 -0, credits price 0 -0")],
        lots(9),
        prices=(PriceRow((("size", "720p"),), 5),),
    ),
    Case(
        "price: the first row that fits; a row without `when` fits all",
        waterfall(CREDITS),
        [
            (0, {"size": "1080p"}, 1, "1 credits for 7 from 1:7"),
            (0, {"size": "720p"}, 1, "1 credits for 5 from 1:5"),
            (0, 1, "1 credits for 6 from 1:6"),
        ],
        lots(99),
        prices=(
            PriceRow((("size", "720p"),), 5),
            PriceRow((("size", "1080p"),), 7),
            PriceRow((), 6),
            PriceRow((("size", "720p"),), 1),
        ),
    ),
    Case(
        "law 8: cost is computed exactly and rounded once, half up",
        waterfall(included(3), CREDITS),
        [
            (0, {"usage": {"input": 1, "output": 1}}, "2 allowance"),  # 5/4 + 1/4 = 3/2
            (0, {"usage": {"input": 3}}, "1 allowance, 3 credits for 3 from 1:3"),  # 15/4
            (0, {"usage": {"output": 1}}, "nothing"),  # 1/4
            (0, {"usage": {"output": 2}}, "1 credits for 1 from 1:1"),  # 1/2
        ],
        lots(9),
        prices=(PriceRow(rates=(("input", 5, 4), ("output", 1, 4))),),
        count="cost",
    ),
]

LOTS = [
    Case(
        "law 3: lower priority number first, whatever expires earlier",
        waterfall(CREDITS),
        [(0, 2, "2 credits for 10 from 2:9 1:1")],
        {credit(1, expires=T0 + 1): 9, credit(2, priority=99): 9},
    ),
    Case(
        "law 3: then earlier expiry, never comes last",
        waterfall(CREDITS),
        [(0, 3, "3 credits for 15 from 3:5 2:5 1:5")],
        {credit(1, promotional=True): 9, credit(2, expires=T0 + 9): 5, credit(3, expires=T0 + 8): 5},
    ),
    Case(
        "law 3: then promotional before paid, earlier effective time, lower id",
        waterfall(CREDITS),
        [(0, 5, "5 credits for 25 from 4:5 3:5 1:5 2:5 5:5")],
        {
            credit(1, effective=7): 5,
            credit(2, effective=7): 5,
            credit(3, effective=6): 5,
            credit(4, effective=9, promotional=True): 5,
            credit(5, effective=8): 5,
        },
    ),
    Case(
        "law 3: eligible while effective <= now < expiry",
        waterfall(UNITS),
        [
            (9, 1, "no: units f 0 -1"),
            (10, 1, "1 units from 1:1"),
            (19, 1, "1 units from 1:1"),
            (20, 1, "no: units f 0 -1"),
        ],
        {Lot(1, "f", effective=T0 + 10, expires=T0 + 20): 5},
    ),
    Case(
        "law 3: a unit may be paid by two lots, what is left of a unit stays",
        waterfall(CREDITS, Layer("overage")),
        [(0, 2, "1 credits for 5 from 1:3 2:2, 1 overage for 5"), (0, 1, "1 overage for 5")],
        lots(3, 4),
    ),
    Case(
        "units and credits are kept apart, and so are the units of features",
        waterfall(UNITS),
        [(0, 3, "no: units f 2 -1"), (0, 2, "2 units from 2:2")],
        {Lot(1, "g"): 9, Lot(2, "f"): 2, credit(3): 9},
    ),
    Case(
        "what a lot is raised by can be spent from then on",
        waterfall(CREDITS),
        [(0, 1, "no: credits credits 4 -1"), (0, 1, 1, "raise"), (0, 1, "1 credits for 5 from 1:5")],
        lots(4),
    ),
    Case(
        "law 14: at most 32 legs in a decision, a leg of several lots counting for each",
        waterfall(included(1), CREDITS),
        [
            (0, 33, "no: bound legs 32 -1"),
            (0, 32, "1 allowance, 31 credits for 155 from " + " ".join(f"{lot}:5" for lot in range(1, 32))),
        ],
        lots(*[5] * 40),
    ),
]

CHECKS = [
    Case(
        "law 1: a ceiling must have room for the whole, whoever could pay, and is the only reason",
        waterfall(included(9), CREDITS, ceilings=(limit("c", 9, EVER), limit("d", 5, EVER))),
        [(0, 6, "no: ceiling d 5 -1"), (0, 5, "5 allowance"), (0, 5, "no: ceiling c 4 -1")],
        lots(99),
    ),
    Case(
        "law 1: ceilings count what any layer pays; of requests each is one",
        waterfall(included(1), CREDITS, ceilings=(limit("c", 5, EVER), limit("r", 2, EVER, of="requests"))),
        [
            (0, 3, "1 allowance, 2 credits for 10 from 1:10"),
            (0, 3, "no: ceiling c 2 -1"),
            (0, 1, "1 credits for 5 from 1:5"),
            (0, 1, "no: ceiling r 0 -1"),
        ],
        lots(99),
    ),
    Case(
        "law 1: a request that costs nothing still is one",
        waterfall(CREDITS, ceilings=(limit("r", 1, EVER, of="requests"),)),
        [(0, {"usage": {}}, "nothing"), (0, {"usage": {}}, "no: ceiling r 0 -1")],
        prices=(PriceRow(rates=(("input", 1, 1),)),),
        count="cost",
    ),
    Case(
        "per subject: each has its own room; the account itself is one of them",
        waterfall(allowance(limit("w", 2, EVER, per="subject"))),
        [
            (0, {"subject": "ada"}, 2, "2 allowance"),
            (0, {"subject": "ada"}, 1, "no: window w 0 -1 @ada"),
            (0, {"subject": "bob"}, 2, "2 allowance"),
            (0, 3, "no: window w 2 -1 @"),
        ],
    ),
    Case(
        "per attribute: denied without it, before anything is counted",
        waterfall(
            included(1), spending=(limit("s", 9, EVER, of="credits", per="team"),), ceilings=(limit("c", 0, EVER),)
        ),
        [(0, 5, "no: attribute team 0 -0"), (0, {"team": "red"}, 5, "no: ceiling c 0 -5")],
    ),
    Case(
        "per attribute, when_missing skip: the limit does not apply",
        waterfall(allowance(limit("w", 2, EVER, per="team", when_missing="skip"))),
        [(0, 9, "9 allowance"), (0, {"team": "red"}, 3, "no: window w 2 -1 @red")],
    ),
    Case(
        "state, then plan, then only: before anything else",
        waterfall(included(9), only=(("size", ("720p",)),), ceilings=(limit("c", 0, EVER),)),
        [
            (0, {"state": "suspended"}),
            (0, 1, "no: state suspended 0 -0"),
            (0, {"state": "active"}),
            (0, 1, "no: plan size 0 -0"),
            (0, {"size": "1080p"}, 1, "no: plan size 0 -0"),
            (0, {"size": "720p"}, 1, "no: ceiling c 0 -1"),
            (0, {"plan": "none"}),
            (0, 1, "no: plan none 0 -0"),
        ],
    ),
    Case(
        "law 12: a new maximum keeps what was used",
        waterfall(allowance(limit("w", 5, session(DAY)))),
        [
            (0, 5, "5 allowance"),
            (1, {"plan": "two"}),
            (1, 4, "no: window w 3 -1"),
            (1, 3, "3 allowance"),
            (2, {"plan": "one"}),
            (2, 1, "no: window w 0 -1"),
        ],
        other=waterfall(allowance(limit("w", 8, session(DAY)))),
    ),
    Case(
        "law 12: a new period starts empty",
        waterfall(allowance(limit("w", 5, session(DAY)))),
        [(0, 5, "5 allowance"), (1, {"plan": "two"}), (1, 5, "5 allowance")],
        other=waterfall(allowance(limit("w", 5, session(HOUR)))),
    ),
]

TIME = [
    Case(
        "a request more than 1,000 ms before what was granted is late",
        waterfall(included(9)),
        [(5_000, 1, "1 allowance"), (3_999, 1, "no: late time 0 -1001"), (4_000, 1, "1 allowance")],
    ),
    Case(
        "a denied request does not move the account's time, a change of terms does",
        waterfall(included(1)),
        [
            (9_000, 2, "no: window w 1 -1"),
            (0, 1, "1 allowance"),
            (5_000, {"consent": True}),
            (3_999, 1, "no: late time 0 -1001"),
        ],
    ),
    Case(
        "a second back over a boundary counts in the window that the account has entered",
        waterfall(allowance(limit("f", 3, fixed(HOUR, T0)))),
        [
            (HOUR - 1, 1, "1 allowance"),
            (HOUR, 1, "1 allowance"),
            (HOUR - 1, 3, "no: window f 2 -1"),
            (HOUR - 1, 2, "2 allowance"),
            (HOUR, 1, "no: window f 0 -1"),
        ],
    ),
    Case(
        "a second back before a session's opening counts in that session, which does not open earlier",
        waterfall(allowance(limit("s", 3, session(HOUR)))),
        [
            (500, 1, "1 allowance"),
            (0, 1, "1 allowance"),
            (HOUR + 499, 2, "no: window s 1 -1"),
            (HOUR + 500, 3, "3 allowance"),
        ],
    ),
    Case(
        "a bucket's time never runs backwards: what is owed to it stays, and is read at the request's own time",
        waterfall(allowance(limit("r", 4, refill(4 * SECOND)))),  # one unit a second
        [
            (SECOND, 2, "2 allowance"),  # full again at 3 s
            (0, 2, "no: window r 1 -1"),  # lacks three of four seconds
            (0, 1, "1 allowance"),  # full again at 4 s
            (SECOND, 2, "no: window r 1 -1"),
            (2 * SECOND, 2, "2 allowance"),
        ],
    ),
]


def world_of(case: Case) -> Oracle:
    feature = Feature("f", "unit", case.count, case.prices)
    plans = [plan_of("one", (Rule("f", ("f",), **case.rule),)), plan_of("none", ())]
    if case.other:
        plans.append(plan_of("two", (Rule("f", ("f",), **case.other),)))
    oracle = Oracle(policy_of([feature], plans))
    profile = Profile(1, 1, "one", case.start, lots=tuple(case.lots))
    oracle.put(replace(profile, **case.terms), case.start - DAY)
    for lot, amount in case.lots.items():
        oracle.raise_lot(1, lot.id, amount, case.start - DAY)
    return oracle


def request_of(number: int, asked: tuple[Any, ...]) -> Request:
    """From what stands between a step's instant and its answer: perhaps some of subject, usage, attributes; units."""
    words = dict(asked[0]) if isinstance(asked[0], dict) else {}
    usage = words.pop("usage", {"requests": asked[-1]})
    return Request(1, "f", usage, f"k{number}", words.pop("subject", ""), words)


@pytest.mark.parametrize("case", WINDOWS + LAYERS + LOTS + CHECKS + TIME, ids=lambda case: case.law.replace(" ", "-"))
def test_by_hand(case: Case) -> None:
    oracle = world_of(case)
    for number, (at, *asked) in enumerate(case.steps):
        now = case.start + at
        if asked[-1] == "raise":
            oracle.raise_lot(1, asked[0], asked[1], now)
        elif len(asked) == 1:
            oracle.put(replace(oracle.accounts[1].profile, **asked[0]), now)
        else:
            request = request_of(number, tuple(asked[:-1]))
            assert told(oracle.decide(request, now)) == asked[-1], f"step {number}"


def test_remaining_is_what_was_raised_less_what_was_drawn() -> None:
    oracle = world_of(Case("", waterfall(CREDITS), [], lots(12, 9)))
    assert oracle.decide(request_of(1, (3,)), T0).allowed
    assert (oracle.remaining(1, 1), oracle.remaining(1, 2)) == (0, 6)
    oracle.raise_lot(1, 1, 4, T0)
    assert oracle.remaining(1, 1) == 4

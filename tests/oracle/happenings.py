"""What happens to an account at random: requests, holds and their ends, lots, terms; mostly at edges of windows."""

from __future__ import annotations

from hypothesis import strategies as st

from spillover.model.account import NEVER, Lot, Profile
from spillover.model.policy import Policy
from tests.oracle.policies import (
    ANCHORS,
    DAY,
    HOUR,
    MINUTE,
    SIZES,
    STARTS,
    SUBJECTS,
    TEAMS,
    UNITS,
    ZONES,
    Choices,
    choices,
    money_scale,
    policies,
)
from tests.oracle.worlds import Ask, Boost, Change, End, Extend, Forget, Give, Move, Sink, Step, World, burned

NEAR = (1_500, -MINUTE, -1, 0, 1, 500, MINUTE, DAY)
BY = (0, 0, 1, 7, 40, 350, 999, 1_000, 1_001, 5_000, MINUTE, HOUR, DAY, 31 * DAY)
BACK = (0, -1, -40, -500, -999, -1_000, -1_001, -3_000, -5_001, -MINUTE, -HOUR, -3 * HOUR, -DAY, -2 * DAY)
COSTS = (1, 2, 3, 0, 5, 7)
SCOPES = (
    (("feature", ("f0",)),),
    (("subject", ("ada", "")),),
    (("size", ("720p",)), ("team", ("red", "blue"))),
    (("feature", ("f1", "f2")), ("size", SIZES)),
)
"""What a lot may be spent on."""


def lot_of(pick: Choices, number: int, policy: Policy, start: int) -> Lot:
    return Lot(
        id=number,
        measure=pick.of("credits", *policy.features, "credits", "credits"),
        priority=pick.of(100, 100, 1, 200),
        effective=pick.of(0, 0, 0, start + pick.of(*NEAR)),
        expires=pick.of(NEVER, NEVER, start + pick.of(*NEAR)),
        promotional=pick.of(False, True),
        scope=pick.of((), (), (), *SCOPES),
    )


def amount_of(pick: Choices, policy: Policy, lot: Lot) -> int:
    if lot.measure != "credits":
        return int(pick.of(*range(7)))
    price = money_scale(list(policy.features.values()))
    return int(pick.of(*range(6)) * price + pick.of(0, 1, 2, price - 1, 2 * 1_000_003 - 1))


def step_of(pick: Choices, policy: Policy, known: tuple[Lot, ...], start: int) -> Step:
    """What one step is: mostly a request, now and then an end of a hold, or terms that change."""
    kind = pick.of(*["ask"] * 16, *["end"] * 5, "extend", "extend", *["give"] * 2, "change", "order", "order")
    move = move_of(pick)
    if kind == "ask":
        return ask_of(pick, move, policy)
    if kind == "extend":
        return Extend(move, pick.of(*range(4)), pick.of(0, 1, 2, 5, 12), pick.of(0, 1, MINUTE))
    if kind == "end":
        return End(move, pick.of(*range(4)), pick.of("commit", "commit", "release", "late"), pick.of(4, 0, 1, 2, 5, 9))
    if kind == "give":
        lot = pick.of(*known, new_lot(pick, policy, start))
        return Give(move, lot, amount_of(pick, policy, lot))
    if kind == "order":
        return order_of(pick, move)
    active = {"state": "active"}
    one, two = {"plan": "one"} | active, {"plan": "two"} | active
    yes, no = {"consent": True} | active, {"consent": False} | active
    soon = {"next_plan": pick.of("two", "one", ""), "next_at": start + pick.of(*NEAR)}
    return Change(move, pick.of(two, one, two, one, no, yes, yes, {"state": "suspended"}, soon))


def order_of(pick: Choices, move: Move) -> Step:
    """A limit that is set or reset, a lot that is lowered; which one, is told by its place."""
    kind, which = pick.of("set", "reset", "lower", "set"), pick.of(*range(12))
    if kind == "reset":
        return Forget(move, which, pick.of(*SUBJECTS, *TEAMS))
    if kind == "lower":
        return Sink(move, which, pick.of("revoke", "adjust", "expire", "rollover"), pick.of(3, 1, 10, 2**53 - 1))
    scope = pick.of(None, None, *SUBJECTS, *TEAMS)
    return Boost(move, which, pick.of(1, 2, -1, 5, -100), scope, pick.of(NEVER, DAY, MINUTE, 500))


def move_of(pick: Choices) -> Move:
    kind = pick.of("on", "on", "on", "back", "edge", "edge", "edge")
    if kind == "edge":
        return Move(pick.of(0, -1, 1, 700), pick.of(0, 0, 0, 1, 2), pick.of(*range(16)))
    return Move(pick.of(*BY) if kind == "on" else pick.of(*BACK))


def ask_of(pick: Choices, move: Move, policy: Policy) -> Ask:
    feature = policy.features[pick.of(*policy.features)]
    if feature.count == "cost":
        usage = {name: pick.of(*COSTS) for name in feature.usage_names}
    else:
        usage = {feature.usage_names[0]: pick.of(*UNITS)}
    subject = pick.of(*SUBJECTS)
    attributes = {"size": pick.of(*SIZES, SIZES[0], ""), "team": pick.of(*TEAMS * 5, "")}
    mode = pick.of("exact", "exact", "exact", "partial", "record")
    hold = pick.of(0, 0, -1, MINUTE, HOUR, 1, 5_000, 0) if mode != "record" else 0
    given = {name: value for name, value in attributes.items() if value}
    return Ask(move, feature.name, usage, subject, given, mode, hold)


def new_lot(pick: Choices, policy: Policy, start: int) -> Lot:
    """One of some lots that are not there from the beginning, each with terms of its own for good."""
    number = pick.of(*range(1_000, 1_008))
    return Lot(
        id=number,
        measure=("credits", *policy.features)[number % (1 + len(policy.features))],
        priority=(100, 1)[number // 2 % 2],
        effective=(0, start + DAY, start + 500)[number % 3],
        expires=(NEVER, start + DAY, start + MINUTE, start - 1)[number // 3 % 4],
        promotional=number % 4 == 0,
        scope=((), (), SCOPES[number % len(SCOPES)])[number % 3],
    )


STEP_BYTES = 20
"""Enough for the longest of steps."""


@st.composite
def worlds(draw: st.DrawFn, fewest: int = 20, most: int = 100) -> World:
    policy = draw(policies())
    pick = draw(choices(128))
    start = pick.of(*STARTS) + pick.of(0, 1, 499, 500, 999)
    if pick.once_in(20):  # more lots than a decision may draw from
        held = tuple(Lot(number, "credits") for number in range(1, 61))
        given = {lot.id: 1 for lot in held}
    else:
        held = tuple(lot_of(pick, number, policy, start) for number in range(1, pick.of(*range(1, 12))))
        given = {lot.id: amount_of(pick, policy, lot) for lot in held}
    profile = Profile(
        account=1,
        version=1,
        plan="one",
        anchor=pick.of(start, start - 3 * DAY, *ANCHORS),
        zone=pick.of(*ZONES),
        consent=not pick.once_in(4),
        lots=burned(held),
    )
    steps = draw(st.lists(choices(STEP_BYTES), min_size=fewest, max_size=most))
    return World(policy, profile, given, start, [step_of(one, policy, held, start) for one in steps])

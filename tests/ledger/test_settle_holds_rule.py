"""The pure rule for holds, overshoot and terms: what does not add up is poison, and says what."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from spillover.core.adds_up import Poison, hold_id
from spillover.core.settle import NOTHING, settle
from spillover.model.account import Profile
from spillover.model.decision import Overshoot
from spillover.model.event import SCHEMA, Entry, Event, Move
from spillover.model.hold import Hold, Part
from spillover.model.leg import Leg
from tests.ledger.support import FEATURE, PRICE, START, included, over, paid

BIG = 2**53
LEG, TWO = paid(1, (1, PRICE)), paid(2, (1, 2 * PRICE))
ID = hold_id("k")
HOLD = Hold(ID, "k", 7, FEATURE, START, START + 500, "p", "plus", 1, {}, 2, (Part(TWO),))
OPENED = (("lot:1", None, -2 * PRICE), ("holds", None, 1), (f"hold:{ID}", None, START + 500))
ENDED = (("holds", None, -1), (f"hold:{ID}", None, -START - 500))
MANY = (included(1),) * 32
PARTS = tuple(Part(leg) for leg in MANY)
MEASURES = {1: "credits", 2: "credits", 3: FEATURE}


def event(kind: Any, *legs: Leg, **facts: Any) -> Event:
    rest = {"legs": legs, "granted": sum(leg.units for leg in legs), "feature": FEATURE, "changes": ()}
    return Event(**({"schema": SCHEMA, "rules": 1, "kind": kind, "account": 7, "key": "k", "fingerprint": "f",
                     "at": START, "profile": 1} | rest | facts))  # fmt: skip


def opening(**facts: Any) -> Event:
    return event("hold", TWO, **({"hold": HOLD, "changes": OPENED} | facts))


def extension(**facts: Any) -> Event:
    hold = replace(HOLD, due=START + 501, parts=(*HOLD.parts, Part(LEG)))
    changes = (("lot:1", None, -PRICE), (f"hold:{ID}", None, 1))
    return event("extend", LEG, **({"hold": hold, "changes": changes} | facts))


def commit(**facts: Any) -> Event:
    return event("commit", LEG, **({"ends": ID, "changes": (("lot:1", None, PRICE), *ENDED)} | facts))


def release(**facts: Any) -> Event:
    return event("release", **({"ends": ID, "changes": (("lot:1", None, 2 * PRICE), *ENDED)} | facts))


def late(**facts: Any) -> Event:
    return event("commit", LEG, **({"ends": ID, "late": True, "changes": (("lot:1", None, -PRICE),)} | facts))


def terms(*moves: Move, **facts: Any) -> Event:
    return event("terms", **({"terms": Profile(7, 1, "plus", 0), "moves": moves} | facts))


def recorded(over: Overshoot, **facts: Any) -> Event:
    debt = (("debit", None, 0), ("debt", None, over.amount - over.forgiven))
    return event("usage", **({"overshoot": over, "granted": over.units, "changes": debt} | facts))


GOOD: dict[str, tuple[Event, Hold | None, dict[int, int]]] = {
    "hold": (opening(), None, {}),
    "hold, its cells set by a floor": (opening(changes=(*OPENED[:2], (f"hold:{ID}", START + 500, 0))), None, {}),
    "extend": (extension(), HOLD, {}),
    "commit": (commit(), HOLD, {}),
    "commit of more": (event("commit", paid(3, (1, 3 * PRICE)), ends=ID, changes=(("lot:1", None, -PRICE), *ENDED)),
                       HOLD, {}),
    "commit of as much": (event("commit", TWO, ends=ID, changes=ENDED), HOLD, {}),
    "commit of more parts than a decision has legs": (
        event("commit", *MANY, LEG, ends=ID, changes=(("lot:1", None, -PRICE), *ENDED)),
        replace(HOLD, parts=PARTS), {}),
    "late": (late(), None, {}),
    "release": (release(), HOLD, {}),
    "expire": (replace(release(), kind="expire"), HOLD, {}),
    "fallen": (release(moves=(Move("expire", 1, 2 * PRICE, held=True),), changes=ENDED), HOLD, {}),
    "overshoot": (recorded(over(3, PRICE)), None, {}),
    "overshoot, owed by a commit": (
        commit(overshoot=over(1, 0), granted=2, changes=(("lot:1", None, PRICE), ("debt", None, PRICE), *ENDED)),
        HOLD, {}),
    "raises": (terms(changes=(("lot:1", None, 5),)), None, {1: 5}),
    "raise and revoke": (terms(Move("revoke", 1, 9), changes=(("lot:1", None, -4),)), None, {1: 5}),
    "rollover": (terms(Move("rollover", 1, 9, 2), changes=(("lot:1", None, -9), ("lot:2", None, 9))), None, {}),
    "owed": (terms(Move("owed", 1, 9), changes=(("lot:1", None, -9), ("debt", None, -9))), None, {}),
    "nothing was left to revoke": (terms(Move("revoke", 1, 0)), None, {}),
    "the first form": (event("usage", LEG, schema=1, changes=(("lot:1", None, -PRICE),)), None, {}),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_what_adds_up_is_settled(case: str) -> None:
    good, held, raised = GOOD[case]
    charge, transfers = settle(good, 0, 1, held, MEASURES, raised)
    if good.kind in ("hold", "extend"):
        assert (charge, transfers) == NOTHING
    books: dict[str, int] = {}
    for transfer in transfers:
        books[transfer.source] = books.get(transfer.source, 0) - transfer.amount
        books[transfer.target] = books.get(transfer.target, 0) + transfer.amount
    assert sum(books.values()) == 0
    for lot in (1, 2):  # what the lot's book lost is what its cell and the hold lost together
        change = sum(add for name, _, add in good.changes if name == f"lot:{lot}")
        if good.kind not in ("hold", "extend"):
            kept = held.lots.get(lot, 0) if held else 0
            assert books.get(f"lot/{lot}", 0) == change - kept - raised.get(lot, 0)


BAD: dict[str, tuple[Event, Hold | None, str]] = {
    "hold without a record": (opening(hold=None), None, "without the record"),
    "usage with a record": (event("usage", hold=HOLD), None, "with the record"),
    "hold that is open": (opening(), HOLD, "is open, expected that it is new"),
    "hold of another account": (opening(hold=replace(HOLD, account=8)), None, "another account, key or feature"),
    "hold of another feature": (opening(hold=replace(HOLD, feature="x")), None, "another account, key or feature"),
    "hold with another id": (opening(hold=replace(HOLD, id="0" * 16)), None, "another account, key or feature"),
    "hold with another key": (opening(key="other"), None, "expected 'other'"),
    "hold that keeps more": (opening(hold=replace(HOLD, parts=(Part(TWO), Part(LEG)))), None, "its record keeps"),
    "hold that keeps less": (opening(hold=replace(HOLD, parts=())), None, "its record keeps"),
    "hold that counts none": (opening(changes=(OPENED[0], OPENED[2])), None, "cell `holds` changed by 0, expected 1"),
    "hold without its cell": (opening(changes=OPENED[:2]), None, f"cell hold:{ID}: changed by 0"),
    "hold with another due": (opening(hold=replace(HOLD, due=START + 9)), None, f"cell hold:{ID}"),
    "hold that draws nothing from the cell": (opening(changes=OPENED[1:]), None, "its cell changed by 0"),
    "hold and another's cell": (opening(changes=(*OPENED, ("hold:x", None, 1))), None, "other holds changed"),
    "hold with overshoot": (opening(overshoot=over(1, PRICE), granted=3), None, "overshoot of an event of kind hold"),
    "hold with moves": (opening(moves=(Move("expire", 1, 1),)), None, "moves or entries"),
    "extend of no hold": (extension(), None, "not open in the books"),
    "extend that is due no later": (
        extension(hold=replace(HOLD, parts=(*HOLD.parts, Part(LEG))), changes=(("lot:1", None, -PRICE),)), HOLD,
        "later than before"),
    "extend that forgets": (extension(hold=replace(HOLD, due=START + 501, parts=(Part(LEG),))), HOLD, "record keeps"),
    "end of no hold": (commit(), None, "not open in the books"),
    "end that names none": (commit(ends=""), HOLD, "that ends no hold"),
    "usage that ends one": (event("usage", ends=ID), None, "that ends"),
    "end that leaves its cell": (commit(changes=(("lot:1", None, PRICE), ENDED[0])), HOLD, f"cell hold:{ID}"),
    "end that leaves its count": (commit(changes=(("lot:1", None, PRICE), ENDED[1])), HOLD, "cell `holds`"),
    "commit of more parts than hold and decision have": (
        event("commit", *MANY, *MANY, LEG, ends=ID, changes=(("lot:1", None, -PRICE), *ENDED)),
        replace(HOLD, parts=PARTS), "65 legs and lots, expected at most 64"),
    "commit that gives too much back": (commit(changes=(("lot:1", None, PRICE + 1), *ENDED)), HOLD, "by 5000001"),
    "commit that gives nothing back": (commit(changes=ENDED), HOLD, "its cell changed by 0"),
    "commit that gives to another lot": (
        commit(changes=(("lot:1", None, PRICE), ("lot:2", None, 1), *ENDED)), HOLD, "no leg or move says why"),
    "release with legs": (release(legs=(LEG,), granted=1), HOLD, "legs of an event of kind release"),
    "release with units": (release(granted=1), HOLD, "expected the 1 granted"),
    "late, though it is open": (late(), HOLD, "expected that it has expired"),
    "late release": (release(late=True), None, "is late, expected a commit"),
    "late that ends a hold's cell": (late(changes=(("lot:1", None, -PRICE), *ENDED)), None, "cell hold:"),
    "fallen, but not of the hold": (release(moves=(Move("expire", 1, 5),), changes=ENDED), HOLD, "not what this event"),
    "fallen to somewhere else": (
        release(moves=(Move("adjust", 1, 2 * PRICE, held=True),), changes=ENDED), HOLD, "not what this event"),
    "fallen more than was held": (
        release(moves=(Move("expire", 1, 3 * PRICE, held=True),), changes=ENDED), HOLD, "its cell changed by 0"),
    "overshoot of no units": (recorded(Overshoot(0, 5, 0, 0)), None, "overshoot: 0 units"),
    "overshoot that is not its product": (recorded(Overshoot(2, 5, 11, 11)), None, "expected their product"),
    "overshoot beyond 2^53": (recorded(Overshoot(BIG, 1, BIG, BIG)), None, "expected their product"),
    "overshoot forgiven too much": (recorded(Overshoot(2, 5, 10, 11)), None, "11 of 10 is forgiven"),
    "overshoot forgiven less than nothing": (recorded(Overshoot(2, 5, 10, -1)), None, "-1 of 10 is forgiven"),
    "overshoot that is not granted": (recorded(over(2, 0), granted=0), None, "legs of 2 units"),
    "owed without its cell": (recorded(over(2, 0), changes=()), None, "the cell `debt` changed by 0"),
    "a debt for nothing": (event("usage", LEG, changes=(("lot:1", None, -PRICE), ("debt", None, 5))), None, "`debt`"),
    "a lot's cell for nothing": (event("usage", included(1), changes=(("lot:1", None, 5),)), None, "no leg or move"),
    "terms that raise what was not ordered": (
        terms(changes=(("lot:1", None, 5), ("lot:2", None, 5))), None, "no leg or move says why"),
    "terms that raise more": (terms(changes=(("lot:1", None, 6),)), None, "its cell changed by 6"),
    "terms that raise less": (terms(), None, "its cell changed by 0"),
    "terms that move without the cell": (terms(Move("revoke", 2, 9), changes=(("lot:1", None, 5),)), None, "lot 2"),
    "terms that move what was held": (
        terms(Move("revoke", 1, 5, held=True)), None, "not what this event can do"),
    "terms with legs": (terms(legs=(LEG,), changes=(("lot:1", None, 5),)), None, "draw or end"),
    "terms that end a hold": (terms(changes=(("lot:1", None, 5), *ENDED)), None, "draw or end"),
    "rollover to nowhere": (terms(Move("rollover", 1, 5)), None, "rollover from lot 1 to lot 0"),
    "rollover to itself": (terms(Move("rollover", 1, 5, 1)), None, "rollover from lot 1 to lot 1"),
    "rollover into another measure": (
        terms(Move("rollover", 1, 5, 3), changes=(("lot:3", None, 5),)), None, "expected one that fits"),
    "revoke to a lot": (terms(Move("revoke", 1, 5, 2)), None, "revoke from lot 1 to lot 2"),
    "move from a lot that never was": (
        terms(Move("revoke", 9, 5), changes=(("lot:1", None, 5), ("lot:9", None, -5))), None, "no such lot"),
    "move of less than nothing": (terms(Move("revoke", 1, -5)), None, "revoke of -5"),
    "owed of units": (
        terms(Move("owed", 3, 5), changes=(("lot:1", None, 5), ("lot:3", None, -5), ("debt", None, -5))), None, "fits"),
    "owed that is paid without its cell": (terms(Move("owed", 1, 5)), None, "the cell `debt` changed by 0"),
    "usage with entries": (event("usage", entries=(Entry("override", "l", "1", "2"),)), None, "moves or entries"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_add_up_is_poison(case: str) -> None:
    bad, held, reason = BAD[case]
    with pytest.raises(Poison, match=reason):
        settle(bad, 0, 1, held, MEASURES, {1: 5} if bad.kind == "terms" else {})

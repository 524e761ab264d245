"""What a clever forger does to the studio's books (studio.py), all hashes made right again; and where it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.audit.forger import Forger
from tests.audit.forgeries import CREDIT, Event, Forge, change_of, event, put, sql
from tests.audit.planting import UPDATE

H2, H3, H4 = "e791b70b6fe0ed86", "2c3d21c8ce43fdd4", "31d1513cf1c1a87c"
LATER = 1_772_528_880_000
"""Until when the limit `rolling` is 20."""


def everywhere(old: str, new: str) -> Forge:
    """A text in all terms, wherever they stand."""

    def forge(forger: Forger, acme: int) -> None:
        changed = "CAST(replace(CAST({0} AS TEXT), ?, ?) AS {1})"
        for table, column, kind in (
            ("usage_events", "payload", "BLOB"), ("profiles", "payload", "TEXT"), ("hot_profiles", "profile", "BLOB"),
        ):  # fmt: skip
            assert forger.run(f"UPDATE {table} SET {column} = {changed.format(column, kind)}", old, new)

    return forge


def leg(number: int, **facts: Any) -> Callable[[Event], None]:
    return lambda found: found["legs"][number].update(facts)


def deep(*path: Any, to: Any) -> Callable[[Event], None]:
    """One value far inside."""

    def change(found: Any) -> None:
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = to

    return change


def without(*names: str) -> Callable[[Event], None]:
    def change(found: Event) -> None:
        for name in names:
            del found[name]

    return change


def end_of(hold: str, **facts: Any) -> Callable[[Event], None]:
    """The end of another hold."""
    return lambda found: found.update({"ends": hold} | facts)


def keeps_all(found: Event) -> None:
    """A commit that gives nothing back: 3 were held, 2 were used."""
    found["legs"] += [
        {"layer": "credits", "units": 1, "price": 5 * CREDIT, "amount": 5 * CREDIT, "lots": [[2, 5 * CREDIT]]}
    ]
    found["changes"] = [change for change in found["changes"] if change[0] != "lot:2"]


def unpaid(found: Event) -> None:
    """New credits that do not pay what is owed."""
    del found["moves"]
    found["changes"] = [["lot:4", None, 20 * CREDIT]]


def revoked_more(found: Event) -> None:
    found["moves"][0]["amount"] = 3 * CREDIT
    change_of(found, "lot:4", -3 * CREDIT)


def reset_more(found: Event) -> None:
    found["changes"].append(["chat/calls/day-UTC-requests:used", None, -1])


def other_way(found: Event) -> None:
    """Overshoot of all three, though the lot could pay one."""
    found["legs"] = []
    found["overshoot"] |= {"units": 3, "amount": 15 * CREDIT}


SECOND = (
    f"INSERT INTO balance_updates ({UPDATE}, hash) SELECT {UPDATE.replace('number', '25')}, hash FROM balance_updates"
)

# What is forged -> (check, table, row) of a finding that there must be, whatever else is found.
FORGED = {
    "a hold ends twice": (event(23, end_of(H2)), ("holds", "usage_events", "0.23 ")),
    "a hold is committed late that never expired": (
        event(10, put(late=True)), ("holds", "usage_events", "0.10 ")
    ),
    "a late commit comes twice": (
        event(23, end_of(H3, kind="commit", late=True)), ("holds", "usage_events", "0.23 ")
    ),
    "a hold expires before its time": (event(17, put(at=1_772_442_601_999)), ("holds", "usage_events", "0.17 ")),
    "an end is another hold's by its key": (
        event(23, put(subject="carl")), ("holds", "usage_events", "0.23 ")
    ),
    "more is given back than was left": (event(7, leg(0, units=1)), ("holds", "usage_events", "0.7 ")),
    "less is given back than was left": (event(7, keeps_all), ("waterfall", "usage_events", "0.7 ")),
    "a lot's cell gets less back": (
        event(7, lambda found: change_of(found, "lot:2", 4 * CREDIT)), ("settled-state", "usage_events", "0.7 ")
    ),
    "a window gets more back": (
        event(23, lambda found: found["changes"].append(["chat/daily/day-UTC:used", 1, -1])),
        ("settled-state", "usage_events", "cell chat/daily"),
    ),
    "what falls to a lot that is gone is not told": (
        event(23, without("moves")), ("holds", "usage_events", "0.23 ")
    ),
    "a record counts elsewhere": (
        event(8, deep("hold", "parts", 1, "leg", "lots", to=[[1, 20 * CREDIT]])), ("holds", "usage_events", "0.8 ")
    ),
    "a record has another mark": (
        event(6, deep("hold", "parts", 0, "marks", 0, "count", to=1)), ("holds", "usage_events", "0.6 ")
    ),
    "a record has another due": (
        event(27, deep("hold", "due", to=1_772_451_540_001)), ("settled-state", "settled_holds", "hold ")
    ),
    "an extension at another price": (event(9, leg(0, price=9 * CREDIT)), ("rating", "usage_events", "0.9 ")),
    "a commit of more than was used": (event(10, put(usage={"seconds": 8})), ("rating", "usage_events", "0.10 ")),
    "overshoot forgiven beyond its bound": (
        event(11, deep("overshoot", "forgiven", to=8 * CREDIT)), ("limits", "usage_events", "0.11 ")
    ),
    "overshoot forgiven less": (
        event(11, deep("overshoot", "forgiven", to=6 * CREDIT)), ("rating", "usage_events", "0.11 ")
    ),
    "overshoot at another price": (
        event(11, deep("overshoot", "price", to=4 * CREDIT)), ("rating", "usage_events", "0.11 ")
    ),
    "overshoot though a layer could pay": (event(11, other_way), ("waterfall", "usage_events", "0.11 ")),
    "new credits do not pay what is owed": (event(14, unpaid), ("terms", "usage_events", "0.14 ")),
    "a paid layer is drawn while something is owed": (event(14, unpaid), ("serial", "usage_events", "0.16 ")),
    "a sliding window admits more": (
        event(5, put(units=4, granted=4, usage={"requests": 4}, legs=[{"layer": "allowance", "units": 4}])),
        ("limits", "usage_events", "0.6 "),
    ),
    "a third subject": (event(26, put(subject="carl")), ("limits", "usage_events", "0.26 ")),
    "a subject is not counted": (
        event(6, lambda found: found.update(changes=[one for one in found["changes"] if "seats" not in one[0]])),
        ("settled-state", "usage_events", "cell chat/seats"),
    ),
    "a limit for some admits more": (event(5, put(attributes={"team": "red"})), ("limits", "usage_events", "0.5 ")),
    "an override is used beyond its expiry": (
        everywhere(str(LATER), str(LATER - 86_400_000 + 60_000)), ("limits", "usage_events", "0.26 ")
    ),
    "another maximum than was set": (everywhere('"max":20,', '"max":7,'), ("limits", "usage_events", "0.26 ")),
    "a lot that has expired is drawn": (
        everywhere('"expires":1772449200000', '"expires":1772442000001'), ("waterfall", "usage_events", "0.8 ")
    ),
    "a lot is spent on what it is not for": (
        event(8, put(attributes={"team": "blue"})), ("waterfall", "usage_events", "0.8 ")
    ),
    "usage that came too late": (
        event(26, put(at=1_772_450_340_000 - 9 * 86_400_000)), ("serial", "usage_events", "0.26 ")
    ),
    "usage in a window that is not known any more": (
        event(26, put(at=1_772_450_340_000 - 9 * 86_400_000)), ("limits", "usage_events", "0.26 ")
    ),
    "less than there was in mode partial": (
        event(26, put(granted=8, legs=[{"layer": "allowance", "units": 8}])), ("waterfall", "usage_events", "0.26 ")
    ),
    "more was granted than given in mode partial": (event(26, put(granted=10)), ("waterfall", "usage_events", "0.26 ")),
    "mode exact, and not all is given": (event(26, put(mode="exact")), ("waterfall", "usage_events", "0.26 ")),
    "a mode that nobody knows": (event(26, put(mode="gift")), ("form", "usage_events", "0.26 ")),
    "usage under rules that had no modes": (event(26, put(rules=1, schema=1)), ("form", "usage_events", "0.26 ")),
    "more is revoked than there was": (event(22, revoked_more), ("funding", "usage_events", "0.22 ")),
    "a lot is posted as expired that never does": (
        event(22, deep("moves", 0, "kind", to="expire")), ("terms", "usage_events", "0.22 ")
    ),
    "a lot expires before its time": (event(24, put(at=1_772_446_139_999)), ("terms", "usage_events", "0.24 ")),
    "a change of a limit is not told": (event(12, without("entries")), ("terms", "usage_events", "0.12 ")),
    "another change of a limit is told": (
        event(12, deep("entries", 0, "after", to="30")), ("terms", "usage_events", "0.12 ")
    ),
    "a reset is not told": (event(25, without("entries")), ("terms", "usage_events", "0.25 ")),
    "a reset of more was done": (event(25, reset_more), ("terms", "usage_events", "0.25 ")),
    "a refund above the charge": (
        sql("UPDATE refunded SET refunded = 2, units = 2 WHERE account = {acme}"), ("refunds", "refunded", "event 0.11")
    ),
    "a refund that nobody knows of": (
        sql("DELETE FROM refunded WHERE account = {acme}"), ("refunds", "balance_updates", "number 18")
    ),
    "a refund is paid twice": (
        sql(SECOND + " WHERE account = {acme} AND number = 18"), ("refunds", "balance_updates", "event 0.11")
    ),
    "a refund goes to another lot": (
        sql("UPDATE balance_updates SET lot = 4, target = 'lot/4' WHERE account = {acme} AND number = 18"),
        ("refunds", "balance_updates", "event 0.11"),
    ),
    "a refund comes from another feature": (
        sql("UPDATE balance_updates SET source = 'revenue/video' WHERE account = {acme} AND number = 18"),
        ("zero-sum", "balance_updates", "number 18"),
    ),
    "an adjustment is a gift": (
        sql("UPDATE balance_updates SET source = 'promotion' WHERE account = {acme} AND number = 19"),
        ("zero-sum", "balance_updates", "number 19"),
    ),
    "an adjustment that nobody ordered": (
        sql("DELETE FROM orders WHERE account = {acme} AND key = 'plus'"), ("complete", "orders", "key 'plus'")
    ),
    "an order raises more than was booked": (
        sql("UPDATE orders SET raised = '[[4,2000001]]' WHERE account = {acme} AND key = 'plus'"),
        ("terms", "orders", "lot 4"),
    ),
    "a forgiven overshoot is left out": (
        sql("DELETE FROM balance_updates WHERE account = {acme} AND number = 12",
            "UPDATE balance_updates SET number = number - 1 WHERE account = {acme} AND number > 12"),
        ("phantom", "balance_updates", "number 12"),
    ),
    "overshoot is charged without being forgiven": (
        sql("UPDATE monetization_events SET legs = replace(legs, ',[\"forgiven\",0,0,-7000000]', ''), amount = 15000000"
            " WHERE account = {acme} AND number = 2"),
        ("phantom", "monetization_events", "number 2"),
    ),
    "a change of a limit says another number": (
        sql("UPDATE balance_updates SET target = '9' WHERE account = {acme} AND number = 15"),
        ("zero-sum", "balance_updates", "number 15"),
    ),
    "a lot that was revoked lives on": (
        sql("UPDATE lots SET ended = '' WHERE account = {acme} AND lot = 4"), ("history", "lots", "lot 4")
    ),
    "what is gone was spent": (
        sql("UPDATE lots SET spent = spent + expired, expired = 0 WHERE account = {acme} AND lot = 5"),
        ("history", "lots", "lot 5"),
    ),
    "both states forget an open hold": (
        sql("DELETE FROM settled_holds WHERE account = {acme}", "DELETE FROM holds WHERE account = {acme}"),
        ("settled-state", "settled_holds", "hold "),
    ),
    "both states have a hold that has ended": (
        sql(f"INSERT INTO settled_holds SELECT account, '{H2}', due, record FROM settled_holds",
            f"INSERT INTO holds SELECT account, '{H2}', due, record FROM holds"),
        ("hot-state", "holds", f"hold {H2}"),
    ),
}  # fmt: skip

"""What a clever forger does, who afterwards makes every hash, head, balance and sum right again; and where it shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.audit.forger import Forger
from tests.audit.planting import UPDATE

CREDIT = 1_000_000
Event = dict[str, Any]
Forge = Callable[[Forger, int], None]


def event(sequence: int, change: Callable[[Event], None]) -> Forge:
    """Another content of one event; its charge and updates are not touched."""

    def forge(forger: Forger, acme: int) -> None:
        found = forger.event(acme, sequence)
        change(found)
        forger.put_event(acme, sequence, found)

    return forge


def sql(*statements: str) -> Forge:
    """Statements on the rows of acme, each of which changes something."""

    def forge(forger: Forger, acme: int) -> None:
        for statement in statements:
            assert forger.run(statement.format(acme=acme)), statement

    return forge


def both(*forges: Forge) -> Forge:
    def forge(forger: Forger, acme: int) -> None:
        for one in forges:
            one(forger, acme)

    return forge


def put(**facts: Any) -> Callable[[Event], None]:
    return lambda found: found.update(facts)


def change_of(found: Event, cell: str, add: int) -> None:
    """The event's change of a cell, by another amount."""
    found["changes"] = [[name, floor, add if name == cell else more] for name, floor, more in found["changes"]]


def other_lot(found: Event) -> None:
    found["legs"][1]["lots"] = [[1, 5 * CREDIT]]
    found["changes"] = [["lot:1" if name == "lot:2" else name, *rest] for name, *rest in found["changes"]]


def paid_too_early(found: Event) -> None:
    """3 messages for 15 credits of lot 2, though the allowance has room."""
    found["legs"] = [{"layer": "credits", "units": 3, "price": 5 * CREDIT, "amount": 15 * CREDIT,
                      "lots": [[2, 12 * CREDIT], [1, 3 * CREDIT]]}]  # fmt: skip
    kept = [change for change in found["changes"] if "daily" not in change[0]]
    found["changes"] = [*kept, ["lot:2", None, -12 * CREDIT], ["lot:1", None, -3 * CREDIT]]


def one_more_free(found: Event) -> None:
    """4 messages of the allowance, which had room for 3."""
    found["legs"] = [{"layer": "allowance", "units": 4}]
    kept = [change for change in found["changes"] if not change[0].startswith("lot:")]
    found["changes"] = kept
    change_of(found, "chat/daily/day-Europe/Paris:used", 4)


def a_bit_more(found: Event) -> None:
    """One micro-credit more than it costs."""
    leg = found["legs"][1]
    leg["amount"] += 1
    leg["lots"] = [[2, leg["amount"]]]
    change_of(found, "lot:2", -leg["amount"])


def dearer(found: Event) -> None:
    """One micro-credit more for a unit."""
    a_bit_more(found)
    found["legs"][1]["price"] += 1


def beyond_the_limit(found: Event) -> None:
    """6 seconds instead of 3: 60 credits of overage, where the day's spending limit leaves 20."""
    found["usage"], found["units"], found["granted"] = {"seconds": 6}, 6, 6
    found["legs"][1] |= {"units": 5, "amount": 60 * CREDIT}
    change_of(found, "video/overage_cap/fixed-month-credits:used", 60 * CREDIT)


def less_used(found: Event) -> None:
    found["usage"] = {"input": 500, "output": 89}


def suspended(found: Event) -> None:
    found["terms"]["state"] = "suspended"


def no_consent(found: Event) -> None:
    found["terms"]["consent"] = False


def raised(found: Event) -> None:
    found["changes"] = [["lot:1", None, 58_100_000]]


def other_expiry(found: Event) -> None:
    for lot in found["terms"]["lots"]:
        if lot["id"] == 1:
            lot["expires"] = 1_900_000_000_000


def uncounted(found: Event) -> None:
    """The use of the daily window is left out of the changes."""
    found["changes"] = [change for change in found["changes"] if ":used" not in change[0]]


def swap_events(forger: Forger, acme: int) -> None:
    for sequence, place in ((5, 50), (6, 5), (50, 6)):
        forger.run("UPDATE usage_events SET sequence = ? WHERE account = ? AND sequence = ?", place, acme, sequence)


def new_policy(forger: Forger, acme: int) -> None:
    """The policy is edited and everything that names it follows: messages now cost 4 credits."""
    import hashlib

    ((old, document),) = forger.rows("SELECT hash, document FROM policies")
    document = document.replace('"price":{"credits":5}', '"price":{"credits":4}')
    new = hashlib.sha256(document.encode()).hexdigest()
    forger.run("UPDATE policies SET hash = ?, document = ?", new, document)
    forger.run("UPDATE usage_events SET payload = CAST(replace(CAST(payload AS TEXT), ?, ?) AS BLOB)", old, new)


AGAIN = UPDATE.replace("number", "13")
CELL = "chat/daily/day-Europe/Paris:used"

# What is forged -> (check, table, row) of a finding that there must be, whatever else is found.
FORGED = {
    "a lot is drawn before an earlier one": (
        both(event(7, other_lot), sql(
            "UPDATE balance_updates SET lot = 1, source = 'lot/1' WHERE account = {acme} AND number = 4")),
        ("waterfall", "usage_events", "0.7 "),
    ),
    "credits pay while the allowance has room": (
        event(5, paid_too_early), ("waterfall", "usage_events", "0.5 ")
    ),
    "a window admits one more": (event(7, one_more_free), ("limits", "usage_events", "0.7 ")),
    "a ceiling admits too much at once": (
        event(6, put(at=1_772_442_061_000 + 2_000)), ("limits", "usage_events", "0.6 ")
    ),
    "a spending limit is passed": (event(12, beyond_the_limit), ("limits", "usage_events", "0.12 ")),
    "an amount is one off": (
        both(event(7, a_bit_more), sql(
            "UPDATE balance_updates SET delta = delta - 1 WHERE account = {acme} AND number = 4",
            "UPDATE monetization_events SET amount = amount + 1, legs = replace(legs, '000]', '001]')"
            " WHERE account = {acme} AND number = 1")),
        ("rating", "usage_events", "0.7 "),
    ),
    "a price is one off": (event(7, dearer), ("rating", "usage_events", "0.7 ")),
    "less was used than was paid": (event(10, less_used), ("rating", "usage_events", "0.10 ")),
    "more was asked than granted": (event(5, put(units=4)), ("rating", "usage_events", "0.5 ")),
    "an event is late": (event(8, put(at=1_772_442_180_000)), ("serial", "usage_events", "0.8 ")),
    "an event stands on other terms": (event(8, put(profile=3)), ("serial", "usage_events", "0.8 ")),
    "an event is of another plan's feature": (event(8, put(feature="mail")), ("serial", "usage_events", "0.8 ")),
    "an event is of another policy": (event(8, put(policy="0" * 64)), ("policies", "usage_events", "0.8 ")),
    "an event is of newer rules": (event(8, put(rules=3)), ("form", "usage_events", "0.8 ")),
    "an event is of another schema": (event(8, put(schema=9)), ("form", "usage_events", "0.8 ")),
    "an event is another account's": (event(8, put(account=5)), ("form", "usage_events", "0.8 ")),
    "an event cannot be at any time": (event(8, put(at=2**62)), ("form", "usage_events", "0.8 ")),
    "two events are swapped": (swap_events, ("serial", "usage_events", "0.6 ")),
    "a suspended account uses": (
        both(event(4, suspended), sql("UPDATE profiles SET payload = replace(payload, 'active', 'suspended')"
                                      " WHERE account = {acme} AND version = 4")),
        ("serial", "usage_events", "0.5 "),
    ),
    "credits are taken without consent": (
        both(event(4, no_consent), sql("UPDATE profiles SET payload = replace(payload, 'true,\"lots', 'false,\"lots')"
                                       " WHERE account = {acme} AND version = 4")),
        ("serial", "usage_events", "0.9 "),
    ),
    "a policy is edited everywhere": (new_policy, ("rating", "usage_events", "0.7 ")),
    "a charge is missing": (
        sql("DELETE FROM monetization_events WHERE account = {acme} AND sequence = 10",
            "UPDATE monetization_events SET number = number - 1 WHERE account = {acme} AND sequence > 10"),
        ("complete", "monetization_events", "event 0.10"),
    ),
    "a charge is for nothing": (
        sql("UPDATE monetization_events SET number = number + 1 WHERE account = {acme}",
            "INSERT INTO monetization_events SELECT account, 1, 0, 5, feature, at, subject, amount, legs, hash"
            " FROM monetization_events WHERE account = {acme} AND sequence = 7"),
        ("phantom", "monetization_events", "number 1"),
    ),
    "a charge is another one's": (
        sql("UPDATE monetization_events SET subject = '' WHERE account = {acme} AND sequence = 7"),
        ("phantom", "monetization_events", "number 1"),
    ),
    "a debit is missing": (
        sql("DELETE FROM balance_updates WHERE account = {acme} AND number = 6",
            "UPDATE balance_updates SET number = number - 1 WHERE account = {acme} AND number > 6"),
        ("complete", "balance_updates", "event 0.8"),
    ),
    "a debit is booked twice": (
        sql(f"INSERT INTO balance_updates ({UPDATE}, hash) SELECT {AGAIN}, hash FROM balance_updates"
            " WHERE account = {acme} AND number = 9"),
        ("phantom", "balance_updates", "number 13"),
    ),
    "a debit goes to another book": (
        sql("UPDATE balance_updates SET target = 'revenue/video' WHERE account = {acme} AND number = 4"),
        ("zero-sum", "balance_updates", "number 4"),
    ),
    "a debit is somebody else's": (
        sql("UPDATE balance_updates SET actor = 'ops' WHERE account = {acme} AND number = 4"),
        ("phantom", "balance_updates", "number 4"),
    ),
    "a debit becomes overage": (
        sql("UPDATE balance_updates SET kind = 'overage', delta = -delta, lot = 0, source = 'receivable', lot_after = 0"
            " WHERE account = {acme} AND number = 10"),
        ("phantom", "balance_updates", "number 10"),
    ),
    "a gift becomes a purchase": (
        sql("UPDATE balance_updates SET source = 'purchases' WHERE account = {acme} AND number = 2"),
        ("history", "lots", "lot 2"),
    ),
    "a grant comes from nowhere": (
        sql("UPDATE balance_updates SET source = 'revenue/chat' WHERE account = {acme} AND number = 2"),
        ("zero-sum", "balance_updates", "number 2"),
    ),
    "a grant is made larger": (
        sql("UPDATE balance_updates SET delta = 58100000 WHERE account = {acme} AND number = 1",
            "UPDATE lots SET granted = 58100000 WHERE account = {acme} AND lot = 1",
            "UPDATE account_balances SET granted = granted + 10000000 WHERE account = {acme} AND measure = 'credits'"),
        ("terms", "orders", "lot 1"),
    ),
    "a grant is made larger, with its terms": (
        both(event(2, raised), sql(
            "UPDATE balance_updates SET delta = 58100000 WHERE account = {acme} AND number = 1",
            "UPDATE lots SET granted = 58100000 WHERE account = {acme} AND lot = 1",
            "UPDATE account_balances SET granted = granted + 10000000 WHERE account = {acme} AND measure = 'credits'",
            "UPDATE settled_cells SET value = value + 10000000 WHERE account = {acme} AND name = 'lot:1'",
            "UPDATE cells SET value = value + 10000000 WHERE account = {acme} AND name = 'lot:1'")),
        ("keys", "lots", "lot 1"),
    ),
    "a lot is granted twice": (
        sql(f"INSERT INTO balance_updates ({UPDATE}, hash) SELECT {AGAIN}, hash FROM balance_updates"
            " WHERE account = {acme} AND number = 1"),
        ("once", "balance_updates", "number 13"),
    ),
    "a lot is granted that no terms know": (
        sql(f"INSERT INTO balance_updates ({UPDATE}, hash) SELECT "
            + AGAIN.replace("lot,", "4,", 1).replace("target,", "'lot/4',")
            + ", hash FROM balance_updates WHERE account = {acme} AND number = 1"),
        ("history", "lots", "lot 4"),
    ),
    "a lot gives more than it has": (
        sql("UPDATE balance_updates SET delta = -60000000 WHERE account = {acme} AND number = 8"),
        ("funding", "balance_updates", "number 8"),
    ),
    "a lot's terms change": (event(4, other_expiry), ("terms", "usage_events", "0.4 ")),
    "terms are not those on record": (event(4, suspended), ("terms", "usage_events", "0.4 ")),
    "a use is left out of the cells": (
        both(event(5, uncounted), sql(
            f"UPDATE settled_cells SET value = value - 3 WHERE account = {{acme}} AND name = '{CELL}'",
            f"UPDATE cells SET value = value - 3 WHERE account = {{acme}} AND name = '{CELL}'")),
        ("settled-state", "usage_events", f"cell {CELL}"),
    ),
    "both states forget a use": (
        sql(f"UPDATE settled_cells SET value = value - 1 WHERE account = {{acme}} AND name = '{CELL}'",
            f"UPDATE cells SET value = value - 1 WHERE account = {{acme}} AND name = '{CELL}'"),
        ("settled-state", "settled_cells", f"cell {CELL}"),
    ),
    "the cells lose less than the legs draw": (
        event(11, lambda found: change_of(found, "lot:1", -14 * CREDIT)), ("settled-state", "usage_events", "0.11 ")
    ),
    "legs that are in no rule": (
        event(8, lambda found: found["legs"].append({"layer": "overage", "units": 0, "price": 1, "amount": 1})),
        ("waterfall", "usage_events", "0.8 "),
    ),
    "the tail is cut off": (
        sql("DELETE FROM usage_events WHERE account = {acme} AND sequence = 12",
            "DELETE FROM monetization_events WHERE account = {acme} AND sequence = 12",
            "DELETE FROM balance_updates WHERE account = {acme} AND cause = '0.12'",
            "UPDATE accounts SET settled_sequence = 11 WHERE id = {acme}",
            "UPDATE settled_cells SET value = value + 10000000 WHERE account = {acme} AND name = 'lot:1'",
            "UPDATE settled_cells SET value = 1772442427000 WHERE account = {acme} AND name = 't'",
            "DELETE FROM settled_cells WHERE account = {acme} AND name LIKE '%overage%'",
            "UPDATE settled_cells SET value = 20000000 WHERE account = {acme} AND name LIKE 'video/daily%:used'"),
        ("hot-state", "hot_accounts", ""),
    ),
    "an account disappears from the books": (
        sql(*(f"DELETE FROM {table} WHERE account = {{acme}}" for table in (
            "usage_events", "monetization_events", "balance_updates", "profiles", "lots", "orders",
            "account_balances", "settled_cells", "names")), "DELETE FROM accounts WHERE id = {acme}"),
        ("phantom", "hot_accounts", ""),
    ),
}  # fmt: skip

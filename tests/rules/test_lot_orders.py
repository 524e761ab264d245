"""Lots that are revoked, adjusted, and reversed after a chargeback."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

PAID = "waterfall: [{from: credits}]"

ORDERS = [
    Case(
        "to revoke takes all that a lot has left",
        PAID,
        """
        0 | credit 50
          | use 1
          | revoke 1 | -45 from 1
          | use 1 | denied: credits credits
          | books | grant +50 promotion > lot/1; debit -5 lot/1 > revenue/f; revoke -45 lot/1 > revoked
        """,
    ),
    Case(
        "to revoke leaves open holds what they drew",
        PAID,
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | revoke 1 | -40 from 1
          | commit h 2 | credits 2 (10 from 1)
          | left | 0
        """,
    ),
    Case(
        "to revoke a lot that there is not is an error",
        PAID,
        """
        0 | revoke 1 | UnknownName
        """,
    ),
    Case(
        "an adjustment upwards can be spent at once",
        PAID,
        """
        0 | credit 3
          | use 1 | denied: credits credits
          | adjust 1 2
          | use 1 | credits 1 (5 from 1)
          | books | grant +3 promotion > lot/1; adjust +2 adjustments > lot/1; debit -5 lot/1 > revenue/f
        """,
    ),
    Case(
        "an adjustment downwards by more than is left is refused",
        PAID,
        """
        0 | credit 9
          | adjust 1 -4 | -4 from 1
          | use 1 | credits 1 (5 from 1)
          | credit 1
          | adjust 2 -4 | InvalidInput
          | left | 1
          | adjust 2 -1 | -1 from 2
          | left | 0
        """,
    ),
    Case(
        "an adjustment of units is in units",
        "waterfall: [{from: units}]",
        """
        0 | gift 3
          | adjust 1 2u
          | adjust 1 -1u | -0.000001 from 1
          | left f | 4
        """,
    ),
    Case(
        "an adjustment of nothing, or of a lot that has ended, is an error",
        PAID,
        """
        0  | credit 9 expires=1h
           | adjust 1 0 | InvalidInput
        1h | tend
           | adjust 1 5 | InvalidInput
           | adjust 2 5 | UnknownName
        """,
    ),
    Case(
        "an adjustment is ordered once for its key",
        PAID,
        """
        0 | credit 9
          | adjust 1 5 key=k
          | adjust 1 5 key=k
          | adjust 1 6 key=k | KeyReused
          | left | 14
        """,
    ),
    Case(
        "a chargeback takes back what is left, and reports what was spent",
        PAID,
        """
        0 | credit 50 paid=40.00EUR ref=ch_1
          | credit 30 paid=30.00EUR ref=ch_2
          | use 1 | credits 1 (5 from 1)
          | reverse ch_1 | 45 of 50, 5 short
          | left | 30
          | reverse ch_1 | 0 of 50, 5 short
          | reverse ch_3 | UnknownName
        """,
    ),
    Case(
        "a chargeback takes back every lot of its reference",
        PAID,
        """
        0 | credit 50 paid=40.00EUR ref=ch_1
          | credit 30 paid=30.00EUR ref=ch_1
          | use 12 | credits 12 (60 from 1, 2)
          | reverse ch_1 | 20 of 80, 60 short
          | left | 0
        """,
    ),
    Case(
        "what a hold keeps of a reversed lot is short, and taken when it falls back",
        PAID,
        """
        0 | credit 50 paid=40.00EUR ref=ch_1
          | hold 4 key=h | credits 4 (20 from 1)
          | reverse ch_1 | 30 of 50, 20 short
          | commit h 1 | credits 1 (5 from 1); revoke 15 of 1
          | left | 0
        """,
    ),
    Case(
        "a lot that has expired has nothing that a chargeback could take",
        PAID,
        """
        0  | credit 50 paid=40.00EUR ref=ch_1 expires=1h
        1h | tend
           | reverse ch_1 | 0 of 50, 0 short
        """,
    ),
]


@rules_of(ORDERS)
def test_orders(case):
    tell(case)

"""The life of a lot: when it counts, what for, and in which order."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

PAID = "waterfall: [{from: credits}]"
TWO = (
    "attributes: [team]\nplans: {p: {rules: [{for: [f], waterfall: [{from: units}, {from: credits}]}, {for: [g], "
    + PAID
    + "}]}}"
)


LIFE = [
    Case(
        "a lot counts from its effective instant on",
        PAID,
        """
        0       | credit 50 effective=1h
        1h -1ms | use 1 | denied: credits credits
                | left | 0
        1h      | use 1 | credits 1 (5 from 1)
        1h +1ms | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a lot counts until its expiry, and what is left of it is posted as expired",
        PAID,
        """
        0       | credit 50 expires=1h
        1h -1ms | use 1 | credits 1 (5 from 1)
        1h      | use 1 | denied: credits credits
                | left | 0
        1h +1ms | use 1 | denied: credits credits
                | books | grant +50 promotion > lot/1; debit -5 lot/1 > revenue/f; expire -45 lot/1 > expired
        """,
    ),
    Case(
        "a lot that is empty when it expires posts nothing",
        PAID,
        """
        0  | credit 5 expires=1h
           | use 1 | credits 1 (5 from 1)
        1h | tend
           | books | grant +5 promotion > lot/1; debit -5 lot/1 > revenue/f
        """,
    ),
    Case(
        "lots burn by priority, then expiry, promotional before paid, effective time, id",
        PAID,
        """
        0  | credit 5 paid=4.00EUR
           | credit 5
           | credit 5 paid=4.00EUR expires=2d
           | credit 5 expires=3d
           | credit 5 priority=200 expires=1d
           | credit 5 priority=1
        1h | use 6 | credits 6 (30 from 6, 3, 4, 2, 1, 5)
        """,
    ),
    Case(
        "of lots that are else equal the one in effect earlier burns first, then the lower id",
        PAID,
        """
        0  | credit 5 effective=30m
           | credit 5 effective=20m
           | credit 5 effective=20m
        1h | use 3 | credits 3 (15 from 2, 3, 1)
        """,
    ),
    Case(
        "a lot is raised once for its key; another under it is an error",
        PAID,
        """
        0 | credit 5 key=k | lot 1
          | credit 5 key=k | lot 1
          | credit 6 key=k | KeyReused
          | left | 5
        """,
    ),
    Case(
        "a lot without an amount, or that ends before it begins, is an error",
        PAID,
        """
        0 | credit 0 | InvalidInput
          | credit -1 | InvalidInput
          | credit 5 effective=1h expires=1h | InvalidInput
          | credit 0.0000001 | InvalidInput
          | left | nothing
        """,
    ),
    Case(
        "what was paid goes from purchases, what is given from promotion",
        PAID,
        """
        0 | credit 5 paid=4.00EUR
          | credit 6
          | books | grant +5 purchases > lot/1; grant +6 promotion > lot/2
        """,
    ),
    Case(
        "a unit may be paid by two lots, and what is less than a unit stays",
        PAID,
        """
        0 | credit 3
          | credit 4
          | use 2 | denied: credits credits
          | use 1 | credits 1 (5 from 1, 2)
          | left | 2
        """,
    ),
]


SCOPE = [
    Case(
        "a lot for one feature pays no other",
        TWO,
        """
        0 | credit 50 feature=g
          | use 1 | denied: units f, credits credits
          | use of=g | credits 1 (1 from 1)
        """,
    ),
    Case(
        "a lot for one subject pays for nobody else",
        TWO,
        """
        0 | credit 50 subject=ada
          | use 1 by=bob | denied: units f, credits credits
          | use 1 | denied: units f, credits credits
          | use 1 by=ada | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a lot for a team pays for that team, and not where none is named",
        TWO,
        """
        0 | credit 50 team=red
          | use 1 team=blue | denied: units f, credits credits
          | use 1 | denied: units f, credits credits
          | use 1 team=red | credits 1 (5 from 1)
        """,
    ),
    Case(
        "all of a lot's scope must fit",
        TWO,
        """
        0 | credit 50 team=red feature=f
          | use of=g team=red | denied: credits credits
          | use 1 team=blue | denied: units f, credits credits
          | use 1 team=red | credits 1 (5 from 1)
        """,
    ),
    Case(
        "a lot that does not fit is passed by, whatever its priority",
        TWO,
        """
        0 | credit 50 team=red priority=1
          | credit 50
          | use 1 team=blue | credits 1 (5 from 2)
          | use 1 team=red | credits 1 (5 from 1)
        """,
    ),
    Case(
        "units may have a scope too",
        TWO,
        """
        0 | gift 5 team=red
          | use 1 team=blue | denied: units f, credits credits
          | use 1 team=red | units 1 (from 1)
        """,
    ),
    Case(
        "a lot for what the policy does not know is an error",
        TWO,
        """
        0 | credit 50 feature=x | UnknownName
          | credit 50 colour=red | InvalidInput
        """,
    ),
]


@rules_of(LIFE)
def test_life(case):
    tell(case)


@rules_of(SCOPE)
def test_scope(case):
    tell(case)

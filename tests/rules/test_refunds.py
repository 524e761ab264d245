"""Refunds of settled charges, whole or in parts, in reverse draw order; lots that have expired by then."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

FULL = (
    "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true}]}, {from: units}, {from: credits},"
    ' {from: overage, price_times: "1.20"}]'
)
PAID = "waterfall: [{from: credits}]"
ANEW = "plans: {p: {refunds: {expired: 30d}, rules: [{for: [f], " + PAID + "}]}}"

CASES = [
    Case(
        "a refund goes back in reverse draw order: overage, credits, units; what was included restores nothing",
        FULL,
        """
        0 | gift 1
          | credit 7
          | credit 8
          | use 8 key=k | allowance 2 + units 1 (from 1) + credits 3 (15 from 2, 3) + overage 2 (12)
          | settle
          | left | 0, 12 advanced
          | refund k 1 | 1 units: +6 relieved
          | refund k 2 | 2 units: +5 to 3, +6 relieved
          | refund k 1 | 1 units: +3 to 3, +2 to 2
          | refund k | 4 units: +5 to 2, +0.000001 to 1
          | refund k | InvalidInput
          | left | 15
          | left f | 1
        """,
    ),
    Case(
        "a whole refund gives back everything at once",
        PAID,
        """
        0 | credit 7
          | credit 8
          | use 3 key=k | credits 3 (15 from 1, 2)
          | settle
          | refund k | 3 units: +8 to 2, +7 to 1
          | left | 15
          | use 3 | credits 3 (15 from 1, 2)
        """,
    ),
    Case(
        "a refund above the charge, or of what is left of it, is an error and changes nothing",
        PAID,
        """
        0 | credit 15
          | use 3 key=k
          | settle
          | refund k 4 | InvalidInput
          | refund k 0 | InvalidInput
          | refund k 2 | 2 units: +10 to 1
          | refund k 2 | InvalidInput
          | left | 10
        """,
    ),
    Case(
        "what is not settled yet is refunded later, and what never was not at all",
        PAID,
        """
        0 | credit 15
          | use 1 key=k
          | refund k | NotSettled
          | refund x | UnknownName
          | settle
          | refund k | 1 units: +5 to 1
        """,
    ),
    Case(
        "a denied request has nothing to refund",
        PAID,
        """
        0 | use 1 key=k | denied: credits credits
          | settle
          | refund k | UnknownName
        """,
    ),
    Case(
        "a refund is given once for its key; another under it is an error",
        PAID,
        """
        0 | credit 15
          | use 3 key=k
          | settle
          | refund k 1 key=r | 1 units: +5 to 1
          | refund k 1 key=r | 1 units: +5 to 1
          | refund k 2 key=r | KeyReused
          | left | 5
        """,
    ),
    Case(
        "a refund restores lots, never windows",
        "waterfall: [{from: allowance, windows: [{name: w, max: 2, ever: true}]}, {from: credits}],"
        " spending: [{name: s, max: 5, ever: true}]",
        """
        0 | credit 15
          | use 3 key=k | allowance 2 + credits 1 (5 from 1)
          | settle
          | refund k | 3 units: +5 to 1
          | use 1 | denied: window w, spending s
        """,
    ),
    Case(
        "a refund relieves the overage line, and not its cap",
        "waterfall: [{from: overage, cap: {max: 10, ever: true}}]",
        """
        0 | use 2 key=k | overage 2 (10)
          | settle
          | refund k | 2 units: +10 relieved
          | settle
          | left | 0
          | use 1 | denied: cap overage_cap
        """,
    ),
    Case(
        "a refund can be spent again, and stands in the statement",
        PAID,
        """
        0 | credit 5
          | use 1 key=k | credits 1 (5 from 1)
          | books
          | refund k | 1 units: +5 to 1
          | use 1 | credits 1 (5 from 1)
          | books | refund +5 revenue/f > lot/1; debit -5 lot/1 > revenue/f
        """,
    ),
    Case(
        "a refund just before a lot's expiry goes back to it",
        PAID,
        """
        0       | credit 5 expires=1h
                | use 1 key=k | credits 1 (5 from 1)
                | settle
        1h -1ms | refund k | 1 units: +5 to 1
                | left | 5
        """,
    ),
    Case(
        "a refund to a lot that has expired is posted, and posted as expired",
        PAID,
        """
        0  | credit 5 expires=1h
           | use 1 key=k | credits 1 (5 from 1)
           | books
        1h | refund k | 1 units: +5 to 1, 5 expired
           | left | 0
           | books | refund +5 revenue/f > lot/1; expire -5 lot/1 > expired
        """,
    ),
    Case(
        "a refund to a lot that has expired is a new lot where the plan says so, for as long as it says",
        ANEW,
        """
        0           | credit 5 expires=1h
                    | use 1 key=k | credits 1 (5 from 1)
                    | settle
        1h          | refund k | 1 units: +5 to 2
                    | left | 5
        30d 1h -1ms | use 1 | credits 1 (5 from 2)
        30d 1h      | use 1 | denied: credits credits
        """,
    ),
    Case(
        "a new lot of a refund expires",
        ANEW,
        """
        0           | credit 5 expires=1h
                    | use 1 key=k | credits 1 (5 from 1)
                    | settle
        2h          | refund k | 1 units: +5 to 2
        30d 2h -1ms | left | 5
        30d 2h      | left | 0
        """,
    ),
    Case(
        "of several lots only what goes to the expired one is issued anew",
        ANEW,
        """
        0  | credit 5 expires=1h
           | credit 5
           | use 2 key=k | credits 2 (10 from 1, 2)
           | settle
        2h | refund k | 2 units: +5 to 2, +5 to 3
           | left | 10
        """,
    ),
    Case(
        "a refund to a lot that was revoked is posted, and posted as revoked",
        ANEW,
        """
        0 | credit 20
          | use 1 key=k | credits 1 (5 from 1)
          | revoke 1 | -15 from 1
          | books
          | refund k | 1 units: +5 to 1, 5 revoked
          | left | 0
          | books | refund +5 revenue/f > lot/1; revoke -5 lot/1 > revoked
        """,
    ),
    Case(
        "overshoot is no charge of a layer, and is not refunded",
        PAID,
        """
        0 | credit 5
          | record 3 key=k | credits 1 (5 from 1) + overshoot 2 (10, 10 forgiven)
          | settle
          | refund k 2 | InvalidInput
          | refund k | 1 units: +5 to 1
        """,
    ),
    Case(
        "what a hold was charged in the end is refunded under the hold's key",
        PAID,
        """
        0 | credit 20
          | hold 3 key=h | credits 3 (15 from 1)
          | commit h 2 | credits 2 (10 from 1)
          | settle
          | refund h 3 | InvalidInput
          | refund h | 2 units: +10 to 1
          | left | 20
        """,
    ),
    Case(
        "parts of a refund add up to the charge, though its amount was rounded",
        "features: {f: {count: cost, price: {input: 1, per: 1M}}}\n"
        'plans: {p: {rules: [{for: [f], waterfall: [{from: overage, price_times: "1.20"}]}]}}',
        """
        0 | use input=3 key=k | overage 3 (4e-06)
          | settle
          | refund k 1 | 1 units: +0.000001 relieved
          | refund k 1 | 1 units: +0.000002 relieved
          | refund k | 1 units: +0.000001 relieved
          | settle
          | left | 0
        """,
    ),
    Case(
        "the plan in force says what becomes of a refund to an expired lot, from its instant on",
        ANEW.removesuffix("}") + ", q: {rules: [{for: [f], " + PAID + "}]}}",
        """
        0       | put q
                | credit 5 expires=30m
                | use 1 key=k | credits 1 (5 from 1)
                | settle
                | plan p when=1h
        1h      | refund k | 1 units: +5 to 2
        """,
    ),
]


@rules_of(CASES)
def test_refund(case):
    tell(case)

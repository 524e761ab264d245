"""What the end of a hold gives back to ceilings, spending limits, caps and lots (law 9)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

FREE = "waterfall: [{from: overage}]"
PAID = "waterfall: [{from: credits}]"
DAY = "every: day, in: UTC"

LIMITS = [
    Case(
        "a ceiling on units gets back what was too much",
        f"ceilings: [{{name: c, max: 5, {DAY}}}], {FREE}",
        """
        0 | hold 5 key=h | overage 5 (25)
          | commit h 2 | overage 2 (10)
          | use 4 | denied: ceiling c
          | use 3 | overage 3 (15)
        """,
    ),
    Case(
        "a ceiling on credits gets back what was too much",
        f"ceilings: [{{name: c, max: 25, of: credits, {DAY}}}], {FREE}",
        """
        0 | hold 5 key=h | overage 5 (25)
          | commit h 2 | overage 2 (10)
          | use 4 | denied: ceiling c
          | use 3 | overage 3 (15)
        """,
    ),
    Case(
        "a ceiling on a usage name gets back what was too much of that name",
        "features: {f: {count: cost, price: {input: 1, output: 1, per: 1M}}}\n"
        f"plans: {{p: {{rules: [{{for: [f], ceilings: [{{name: c, max: 5, of: output, {DAY}}}], {FREE}}}]}}}}",
        """
        0 | hold input=9 output=5 key=h | overage 14 (1.4e-05)
          | commit h input=30 output=2
          | use output=4 | denied: ceiling c
          | use output=3 | overage 3 (3e-06)
        """,
    ),
    Case(
        "a ceiling on requests gets nothing back",
        f"ceilings: [{{name: c, max: 1, of: requests, {DAY}}}], {FREE}",
        """
        0 | hold 1 key=h | overage 1 (5)
          | release h | released
          | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "a ceiling on subjects gets nothing back",
        f"ceilings: [{{name: c, max: 1, of: subjects, {DAY}}}], {FREE}",
        """
        0 | hold 1 key=h by=ada | overage 1 (5)
          | release h | released
          | use 1 by=bob | denied: ceiling c
        """,
    ),
    Case(
        "a commit of more counts the rest in the ceilings, whether they have room or not",
        f"ceilings: [{{name: c, max: 5, {DAY}}}], {FREE}",
        """
        0 | hold 4 key=h | overage 4 (20)
          | commit h 7 | overage 4 (20) + overage 3 (15)
          | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "a spending limit gets back the amount",
        f"{PAID}, spending: [{{name: s, max: 10, {DAY}}}]",
        """
        0 | credit 50
          | hold 2 key=h | credits 2 (10 from 1)
          | use 1 | denied: spending s
          | commit h 1 | credits 1 (5 from 1)
          | use 2 | denied: spending s
          | use 1 | credits 1 (5 from 1)
        """,
    ),
    Case(
        "an overage cap gets back the amount, at its factor",
        'waterfall: [{from: overage, price_times: "1.20", cap: {max: 12, ever: true}}]',
        """
        0 | hold 2 key=h | overage 2 (12)
          | use 1 | denied: cap overage_cap
          | commit h 1 | overage 1 (6)
          | use 1 | overage 1 (6)
          | settle
          | left | 0, 12 advanced
        """,
    ),
    Case(
        "a spending limit of a month that is over gets nothing back",
        f"{PAID}, spending: [{{name: s, max: 10, every: month, in: UTC}}]",
        """
        2026-03-31T23:55Z | credit 50
                          | hold 2 key=h | credits 2 (10 from 1)
        2026-04-01T00:00Z | use 2 | credits 2 (10 from 1)
                          | release h | released
                          | use 1 | denied: spending s
                          | left | 40
        """,
    ),
]


LOTS = [
    Case(
        "a lot that has not expired gets back what was held of it",
        PAID,
        """
        0        | credit 10 expires=30s
                 | hold 2 key=h | credits 2 (10 from 1)
        30s -1ms | release h | released
                 | use 2 | credits 2 (10 from 1)
        """,
    ),
    Case(
        "what falls back to a lot that has expired is posted as expired",
        PAID,
        """
        0   | credit 10 expires=30s
            | hold 2 key=h | credits 2 (10 from 1)
        30s | release h | released; expire 10 of 1
            | use 1 | denied: credits credits
            | books | grant +10 promotion > lot/1; expire -10 lot/1 > expired
        """,
    ),
    Case(
        "a hold keeps what it drew, though the lot expires before it ends",
        PAID,
        """
        0   | credit 10 expires=30s
            | hold 2 key=h | credits 2 (10 from 1)
        1m  | tend
            | commit h 1 | credits 1 (5 from 1); expire 5 of 1
            | books | grant +10 promotion > lot/1; debit -5 lot/1 > revenue/f; expire -5 lot/1 > expired
            | left | 0
        """,
    ),
    Case(
        "what a hold keeps of a lot that has expired is told as held",
        PAID,
        """
        0   | credit 10 expires=30s
            | hold 1 key=h | credits 1 (5 from 1)
            | left | 5, 5 held
        30s | tend
            | left | 0, 5 held
        """,
    ),
    Case(
        "what falls back to a lot that was revoked is posted as revoked",
        PAID,
        """
        0 | credit 20
          | hold 2 key=h | credits 2 (10 from 1)
          | revoke 1 | -10 from 1
          | release h | released; revoke 10 of 1
          | books | grant +20 promotion > lot/1; revoke -10 lot/1 > revoked; revoke -10 lot/1 > revoked
        """,
    ),
    Case(
        "of several lots only the one that is gone gets nothing",
        PAID,
        """
        0   | credit 7 expires=30s
            | credit 8
            | hold 3 key=h | credits 3 (15 from 1, 2)
        30s | release h | released; expire 7 of 1
            | left | 8
        """,
    ),
    Case(
        "a hold that expires gives back to what is there as a release does",
        PAID,
        """
        0   | credit 7 expires=30s
            | credit 8
            | hold 3 key=h lasts=1m | credits 3 (15 from 1, 2)
        61s | tend
            | left | 8
        """,
    ),
    Case(
        "gifted units fall back to their lot one for one",
        "waterfall: [{from: units}]",
        """
        0 | gift 3
          | gift 3
          | hold 5 key=h | units 5 (from 1, 2)
          | commit h 2 | units 2 (from 1)
          | left f | 4
        """,
    ),
]


@rules_of(LIMITS)
def test_back_to_limits(case):
    tell(case)


@rules_of(LOTS)
def test_back_to_lots(case):
    tell(case)

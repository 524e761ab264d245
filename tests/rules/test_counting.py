"""What limits count (`of`), for which requests (`only`), and for which features together."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell

FREE = "waterfall: [{from: overage}]"
TOKENS = "features: {f: {count: cost, price: {input: 1, output: 10, per: 1M}}}\n"
TWO = "plans: {p: {rules: [{name: both, for: [f, g], "

CASES = [
    Case(
        "a ceiling of requests counts each request once, whoever pays",
        "ceilings: [{name: c, max: 2, of: requests, every: day, in: UTC}], " + FREE,
        """
        0 | use 9 | overage 9 (45)
          | use 9 | overage 9 (45)
          | use 1 | denied: ceiling c
        """,
    ),
    Case(
        "a ceiling of credits counts what the units are worth, also where an allowance gives them",
        "ceilings: [{name: c, max: 12, of: credits, every: day, in: UTC}],"
        " waterfall: [{from: allowance, windows: [{name: w, max: 1, ever: true}]}, {from: overage}]",
        """
        0 | use 3 | denied: ceiling c
          | use 2 | allowance 1 + overage 1 (5)
          | use 1 | denied: ceiling c
        15h -1ms | use 1 | denied: ceiling c
        15h      | use 1 | overage 1 (5)
        """,
    ),
    Case(
        "a ceiling of open holds counts holds while they are open, and no other use",
        "ceilings: [{name: c, max: 2, of: open_holds}], " + FREE,
        """
        0 | hold 1 key=a | overage 1 (5)
          | hold 1 key=b | overage 1 (5)
          | hold 1 key=c | denied: ceiling c
          | use 1 | overage 1 (5)
          | release a | released
          | hold 1 key=c | overage 1 (5)
          | commit b 1 | overage 1 (5)
          | commit c 2 | overage 1 (5) + overage 1 (5)
          | hold 1 key=d | overage 1 (5)
          | hold 1 key=e | overage 1 (5)
          | hold 1 key=g | denied: ceiling c
        """,
    ),
    Case(
        "open holds per subject are counted for each",
        "ceilings: [{name: c, max: 1, of: open_holds, per: subject}], " + FREE,
        """
        0 | hold 1 key=a by=ada | overage 1 (5)
          | hold 1 key=b by=bob | overage 1 (5)
          | hold 1 key=c by=ada | denied: ceiling c
          | release a | released
          | hold 1 key=c by=ada | overage 1 (5)
        """,
    ),
    Case(
        "a ceiling of subjects counts each once in its window, and who was counted goes on",
        "ceilings: [{name: seats, max: 2, of: subjects, every: month, in: America/New_York}], " + FREE,
        """
        2026-03-31T12:00-04:00 | use 1 by=ada | overage 1 (5)
          | use 1 by=bob | overage 1 (5)
          | use 1 by=ada | overage 1 (5)
          | use 1 by=cat | denied: ceiling seats
        2026-04-01T00:00-04:00 -1ms | use 1 by=cat | denied: ceiling seats
        2026-04-01T00:00-04:00 | use 1 by=cat | overage 1 (5)
          | use 1 by=dan | overage 1 (5)
          | use 1 by=ada | denied: ceiling seats
        """,
    ),
    Case(
        "the account itself is one subject among its subjects",
        "ceilings: [{name: seats, max: 2, of: subjects, every: month, in: UTC}], " + FREE,
        """
        0 | use 1 | overage 1 (5)
          | use 1 by=ada | overage 1 (5)
          | use 1 by=bob | denied: ceiling seats
          | use 1 | overage 1 (5)
        """,
    ),
    Case(
        "subjects for ever are counted once and for all",
        "ceilings: [{name: seats, max: 1, of: subjects, ever: true}], " + FREE,
        """
        0 | use 1 by=ada | overage 1 (5)
        900d | use 1 by=bob | denied: ceiling seats
             | use 1 by=ada | overage 1 (5)
        """,
    ),
    Case(
        "subjects per team are distinct within each team",
        "ceilings: [{name: seats, max: 1, of: subjects, every: day, in: UTC, per: team}], " + FREE,
        """
        0 | use 1 by=ada team=red | overage 1 (5)
          | use 1 by=ada team=blue | overage 1 (5)
          | use 1 by=bob team=red | denied: ceiling seats
          | use 1 by=ada team=red | overage 1 (5)
        """,
    ),
    Case(
        "a subject that was denied takes no seat",
        "ceilings: [{name: seats, max: 1, of: subjects, every: day, in: UTC}],"
        " waterfall: [{from: allowance, windows: [{name: w, max: 1, ever: true}]}]",
        """
        0 | use 2 by=ada | denied: window w
          | use 1 by=bob | allowance 1
          | use 1 by=ada | denied: ceiling seats
        """,
    ),
    Case(
        "a ceiling of a usage name counts only that count",
        TOKENS + "plans: {p: {rules: [{for: [f], ceilings: [{name: c, max: 100, of: output, every: day, in: UTC}], "
        "waterfall: [{from: overage}]}]}}",
        """
        0 | use input=1000000 output=101 | denied: ceiling c
          | use input=1000000 output=60 | overage 1000600 (1.0006)
          | use input=5 output=41 | denied: ceiling c
          | use input=5 output=40 | overage 405 (0.000405)
          | use input=5 | overage 5 (5e-06)
        """,
    ),
    Case(
        "a bucket of a usage name refills that count",
        TOKENS + "plans: {p: {rules: [{for: [f], ceilings: [{name: c, max: 60, of: output, refill: 1m}], "
        "waterfall: [{from: overage}]}]}}",
        """
        0         | use output=60 | overage 600 (0.0006)
        999ms     | use output=1 | denied: ceiling c
        1s        | use output=1 | overage 10 (1e-05)
        1001ms    | use output=1 | denied: ceiling c
        """,
    ),
    Case(
        "the units of a feature that is counted by cost are credits",
        TOKENS + 'plans: {p: {rules: [{for: [f], waterfall: [{from: allowance, windows: [{name: w, max: "0.001", ever: '
        "true}]}]}]}}",
        """
        0 | use input=1001 | denied: window w
          | use input=400 output=60 | allowance 1000
          | use input=1 | denied: window w
        """,
    ),
    Case(
        "features of one rule share its ceilings",
        TWO + "ceilings: [{name: c, max: 3, of: requests, every: day, in: UTC}], " + FREE + "}]}}",
        """
        0 | use 7 | overage 7 (35)
          | use of=g | overage 1 (1)
          | use 1 | overage 1 (5)
          | use of=g | denied: ceiling c
        """,
    ),
    Case(
        "features of one rule share the windows of its allowance",
        TWO + "waterfall: [{from: allowance, windows: [{name: w, max: 3, ever: true}]}]}]}}",
        """
        0 | use 2 | allowance 2
          | use of=g | allowance 1
          | use of=g | denied: window w
          | use 1 | denied: window w
        """,
    ),
    Case(
        "features of one rule share its spending limits, each at its own price",
        TWO + "waterfall: [{from: overage}], spending: [{name: s, max: 11, every: day, in: UTC}]}]}}",
        """
        0 | use 2 | overage 2 (10)
          | use 1 | denied: spending s
          | use of=g | overage 1 (1)
          | use of=g | denied: spending s
        """,
    ),
    Case(
        "features of one rule share its open holds",
        TWO + "ceilings: [{name: c, max: 1, of: open_holds}], " + FREE + "}]}}",
        """
        0 | hold 1 key=a | overage 1 (5)
          | hold of=g key=b | denied: ceiling c
          | release a | released
          | hold of=g key=b | overage 1 (1)
        """,
    ),
    Case(
        "gifted units are of one feature, though a rule has several",
        TWO + "waterfall: [{from: units}]}]}}",
        """
        0 | gift 2 | lot 1
          | use of=g | denied: units g
          | use 2 | units 2 (from 1)
        """,
    ),
    Case(
        "limits of rules that are apart are apart, though their names are equal",
        "plans: {p: {rules: [{for: [f], waterfall: [{from: allowance, windows: [{name: w, max: 1, ever: true}]}]},"
        " {for: [g], waterfall: [{from: allowance, windows: [{name: w, max: 1, ever: true}]}]}]}}",
        """
        0 | use 1 | allowance 1
          | use of=g | allowance 1
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a rule is only for what it says, every name of it",
        "only: {size: [small, middle], team: [red]}, " + FREE,
        """
        0 | use 1 size=small team=red | overage 1 (5)
          | use 1 size=middle team=red | overage 1 (5)
          | use 1 size=large team=red | denied: plan size
          | use 1 size=small team=blue | denied: plan team
          | use 1 team=red | denied: plan size
        """,
    ),
    Case(
        "a ceiling that is only for some requests concerns and counts no other",
        "ceilings: [{name: c, max: 2, every: day, in: UTC, only: {size: [large]}}], " + FREE,
        """
        0 | use 9 size=small | overage 9 (45)
          | use 2 size=large | overage 2 (10)
          | use 1 size=large | denied: ceiling c
          | use 9 | overage 9 (45)
        """,
    ),
    Case(
        "a window that is only for some requests bounds no other",
        "waterfall: [{from: allowance, windows: [{name: all, max: 5, ever: true},"
        " {name: large, max: 2, ever: true, only: {size: [large]}}]}]",
        """
        0 | use 3 size=large | denied: window large
          | use 2 size=large | allowance 2
          | use 3 size=small | allowance 3
          | use 1 size=small | denied: window all
        """,
    ),
    Case(
        "a spending limit that is only for some requests bounds no other",
        "waterfall: [{from: overage}], spending: [{name: s, max: 5, ever: true, only: {size: [large]}}]",
        """
        0 | use 1 size=large | overage 1 (5)
          | use 1 size=large | denied: spending s
          | use 9 size=small | overage 9 (45)
        """,
    ),
    Case(
        "a feature that no rule of the plan names is not in the plan",
        FREE,
        """
        0 | use of=g | denied: plan p
        """,
    ),
]


@rules_of(CASES)
def test_counting(case):
    tell(case)

"""Plans that end by themselves, and policies that are published at once or for an instant."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def plans(**written: str) -> str:
    """Plans whose one rule is the waterfall given."""
    return f"plans: {{{', '.join(f'{name}: {{rules: [{{for: [f], {rule}}}]}}' for name, rule in written.items())}}}"


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


FREE = "waterfall: [{from: overage}]"
DAY = "every: day, in: UTC"

TRIALS = [
    Case(
        "a trial lasts its time, and then is the plan that it says",
        "plans: {p: {lasts: 14d, then: q, rules: [{for: [f], " + FREE + "}]}, q: {rules: [{for: [g], " + FREE + "}]}}",
        """
        0        | use 1 | overage 1 (5)
        14d -1ms | use 1 | overage 1 (5)
        14d      | use 1 | denied: plan q
                 | use of=g | overage 1 (1)
        14d +1ms | use 1 | denied: plan q
        """,
    ),
    Case(
        "the same plan put again does not begin a trial anew",
        "plans: {p: {lasts: 14d, then: q, rules: [{for: [f], " + FREE + "}]}, q: {rules: [{for: [g], " + FREE + "}]}}",
        """
        0        | use 1 | overage 1 (5)
        13d      | put p
        14d -1ms | use 1 | overage 1 (5)
        14d      | use of=g | overage 1 (1)
        """,
    ),
    Case(
        "a plan that is bought ends a trial before its time, and for good",
        "plans: {p: {lasts: 14d, then: q, rules: [{for: [f], " + FREE + "}]}, q: {rules: [{for: [g], " + FREE + "}]},"
        " r: {rules: [{for: [f], " + w(f"max: 1, {DAY}") + "}]}}",
        """
        0   | plan r
        14d | use 1 | allowance 1
        30d | use 1 | allowance 1
        """,
    ),
    Case(
        "a trial gives once, and what it gave expires by itself",
        "plans: {p: {lasts: 14d, then: q, gives: [{credits: 20, once: true, expires: 7d}],"
        " rules: [{for: [f], waterfall: [{from: credits}]}]}, q: {rules: [{for: [f], waterfall: [{from: credits}]}]}}",
        """
        0       | use 1 | credits 1 (5 from 1)
        7d -1ms | use 1 | credits 1 (5 from 1)
        7d      | use 1 | denied: credits credits
                | plan q
                | plan p
                | use 1 | denied: credits credits
                | books | grant +20 promotion > lot/1; debit -5 lot/1 > revenue/f; debit -5 lot/1 > revenue/f; \
plan_change plan: p -> q; plan_change plan: q -> p; expire -10 lot/1 > expired
        """,
    ),
    Case(
        "trials may follow one another, each from where the last one ended",
        "plans: {p: {lasts: 1d, then: q, rules: [{for: [f], " + w("max: 1, ever: true") + "}]},"
        " q: {lasts: 1d, then: r, rules: [{for: [f], " + w("max: 2, ever: true") + "}]},"
        " r: {rules: [{for: [f], " + w("max: 3, ever: true") + "}]}}",
        """
        0       | use 1 | allowance 1
        1d -1ms | use 1 | denied: window w
        1d      | use 1 | allowance 1
                | tend
        2d -1ms | use 1 | denied: window w
        2d      | use 1 | allowance 1
        """,
    ),
    Case(
        "a trial whose end nobody saw to is followed at the right instants all the same",
        "plans: {p: {lasts: 1d, then: q, rules: [{for: [f], " + w("max: 1, ever: true") + "}]},"
        " q: {lasts: 1d, then: r, rules: [{for: [f], " + w("max: 2, ever: true") + "}]},"
        " r: {rules: [{for: [f], " + w("max: 3, ever: true") + "}]}}",
        """
        0  | use 1 | allowance 1
        3d | tend
           | use 2 | allowance 2
           | books | plan_change plan: p -> q; plan_change plan: q -> r
        """,
    ),
    Case(
        "the plan after a trial gives what it gives when the trial ends",
        "plans: {p: {lasts: 14d, then: q, rules: [{for: [f], " + FREE + "}]},"
        " q: {gives: [{credits: 5, once: true}], rules: [{for: [f], waterfall: [{from: credits}]}]}}",
        """
        0        | use 1 | overage 1 (5)
        14d -1ms | use 1 | overage 1 (5)
        14d      | use 1 | credits 1 (5 from 1)
                 | use 1 | denied: credits credits
        """,
    ),
    Case(
        "a trial that is scheduled lasts its time from when it begins",
        "plans: {p: {rules: [{for: [f], " + w("max: 1, ever: true") + "}]},"
        " q: {lasts: 1d, then: r, rules: [{for: [f], " + w("max: 2, ever: true") + "}]},"
        " r: {rules: [{for: [f], " + w("max: 3, ever: true") + "}]}}",
        """
        0        | plan q when=1h
        1h -1ms  | use 2 | denied: window w
        1h       | use 2 | allowance 2
        25h -1ms | use 1 | denied: window w
        25h      | use 1 | allowance 1
        """,
    ),
]


PUBLISHED = [
    Case(
        "a policy that is published decides from then on, and counts on what was used",
        plans(p=w(f"max: 3, {DAY}")),
        """
        0 | use 3 | allowance 3
          | publish
          | use 3 | denied: window w
          | use 2 | allowance 2
        """,
        plans(p=w(f"max: 5, {DAY}")),
    ),
    Case(
        "a policy that is published for an instant decides from that instant on",
        plans(p=w(f"max: 3, {DAY}")),
        """
        0       | publish when=1h
                | use 4 | denied: window w
        1h -1ms | tend
                | use 4 | denied: window w
        1h      | tend
                | use 4 | allowance 4
        """,
        plans(p=w(f"max: 5, {DAY}")),
    ),
    Case(
        "a policy is not published for now or for what is past",
        plans(p=w(f"max: 3, {DAY}")),
        """
        0 | publish when=0h | InvalidInput
          | publish when=-1ms | InvalidInput
        """,
        plans(p=w(f"max: 5, {DAY}")),
    ),
    Case(
        "a new price holds for what is used from then on",
        plans(p=FREE),
        """
        0 | use 2 | overage 2 (10)
          | publish
          | use 2 | overage 2 (14)
        """,
        "features: {f: {unit: second, count: seconds, price: {credits: 7}}}\n" + plans(p=FREE),
    ),
    Case(
        "a hold keeps the price, the plan and the policy of its opening",
        plans(p="waterfall: [{from: credits}]"),
        """
        0 | credit 100
          | hold 2 key=h | credits 2 (10 from 1)
          | publish
          | extend h 3 | credits 1 (5 from 1)
          | commit h 4 | credits 3 (15 from 1) + credits 1 (5 from 1)
          | use 1 | credits 1 (7 from 1)
          | left | 73
        """,
        "features: {f: {unit: second, count: seconds, price: {credits: 7}}}\n"
        + plans(p="waterfall: [{from: credits}]"),
    ),
    Case(
        "a gift that was given once is not given again under a new policy",
        "plans: {p: {gives: [{name: hello, credits: 20, once: true}],"
        " rules: [{for: [f], waterfall: [{from: credits}]}]}}",
        """
        0 | left | 20
          | publish
          | tend
          | left | 20
        """,
        "plans: {p: {gives: [{name: hello, credits: 50, once: true}],"
        " rules: [{for: [f], waterfall: [{from: credits}]}]}}",
    ),
    Case(
        "a gift with a new name is given under a new policy",
        "plans: {p: {gives: [{name: hello, credits: 20, once: true}],"
        " rules: [{for: [f], waterfall: [{from: credits}]}]}}",
        """
        0 | left | 20
          | publish
          | use 1 | credits 1 (5 from 1)
          | left | 65
        """,
        "plans: {p: {gives: [{name: more, credits: 50, once: true}],"
        " rules: [{for: [f], waterfall: [{from: credits}]}]}}",
    ),
]


@rules_of(TRIALS)
def test_trial(case):
    tell(case)


@rules_of(PUBLISHED)
def test_published_policy(case):
    tell(case)

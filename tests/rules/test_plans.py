"""Plans that change, at once or at an instant: what was used counts on (law 12)."""

from __future__ import annotations

from tests.rules.story import Case, rules_of, tell


def plans(**written: str) -> str:
    """Plans whose one rule is the waterfall given."""
    return f"plans: {{{', '.join(f'{name}: {{rules: [{{for: [f], {rule}}}]}}' for name, rule in written.items())}}}"


def w(window: str) -> str:
    return f"waterfall: [{{from: allowance, windows: [{{name: w, {window}}}]}}]"


FREE = "waterfall: [{from: overage}]"
DAY = "every: day, in: UTC"

CHANGES = [
    Case(
        "a plan with a higher maximum leaves the room that it leaves",
        plans(p=w(f"max: 3, {DAY}"), q=w(f"max: 5, {DAY}")),
        """
        0 | use 3 | allowance 3
          | plan q
          | use 3 | denied: window w
          | use 2 | allowance 2
        """,
    ),
    Case(
        "a plan with a lower maximum counts what was used on, and takes nothing back",
        plans(p=w(f"max: 3, {DAY}"), q=w(f"max: 2, {DAY}")),
        """
        0   | use 3 | allowance 3
            | plan q
            | use 1 | denied: window w
        15h | use 2 | allowance 2
            | use 1 | denied: window w
        """,
    ),
    Case(
        "a plan that was left and comes again finds what was used",
        plans(p=w(f"max: 3, {DAY}"), q=FREE),
        """
        0 | use 2 | allowance 2
          | plan q
          | use 9 | overage 9 (45)
          | plan p
          | use 2 | denied: window w
          | use 1 | allowance 1
        """,
    ),
    Case(
        "another period starts empty",
        plans(p=w(f"max: 3, {DAY}"), q=w("max: 3, every: week, in: UTC")),
        """
        0 | use 3 | allowance 3
          | plan q
          | use 3 | allowance 3
          | use 1 | denied: window w
        """,
    ),
    Case(
        "another length of the same kind starts empty",
        plans(p=w("max: 3, every: 5h, starting: first_use"), q=w("max: 3, every: 6h, starting: first_use")),
        """
        0       | use 3 | allowance 3
        1h      | plan q
                | use 3 | allowance 3
        7h -1ms | use 1 | denied: window w
        7h      | use 1 | allowance 1
        """,
    ),
    Case(
        "another kind starts empty",
        plans(p=w("max: 3, sliding: 1h"), q=w("max: 3, refill: 1h")),
        """
        0 | use 3 | allowance 3
          | plan q
          | use 3 | allowance 3
          | use 1 | denied: window w
        """,
    ),
    Case(
        "another zone of a calendar window is another kind, and starts empty",
        plans(p=w(f"max: 3, {DAY}"), q=w("max: 3, every: day, in: Europe/Paris")),
        """
        0 | use 3 | allowance 3
          | plan q
          | use 3 | allowance 3
        """,
    ),
    Case(
        "what counts requests counts anew where it counts credits",
        plans(p=w(f"max: 3, of: requests, {DAY}"), q=w(f"max: 15, of: credits, {DAY}")),
        """
        0 | use 9 | allowance 9
          | plan q
          | use 3 | allowance 3
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a limit for the account counts anew where it counts per subject",
        plans(p=w(f"max: 3, {DAY}"), q=w(f"max: 3, {DAY}, per: subject")),
        """
        0 | use 3 by=ada | allowance 3
          | plan q
          | use 3 by=ada | allowance 3
          | use 1 by=ada | denied: window w
        """,
    ),
    Case(
        "a ceiling and a window of the same name and kind are one limit",
        plans(p=f"ceilings: [{{name: w, max: 3, {DAY}}}], {FREE}", q=w(f"max: 5, {DAY}")),
        """
        0 | use 3 | overage 3 (15)
          | plan q
          | use 3 | denied: window w
          | use 2 | allowance 2
        """,
    ),
    Case(
        "a window of a feature is another than that of a shared rule",
        "plans: {p: {rules: [{for: [f], " + w(f"max: 3, {DAY}") + "}]},"
        " q: {rules: [{name: both, for: [f, g], " + w(f"max: 3, {DAY}") + "}]}}",
        """
        0 | use 3 | allowance 3
          | plan q
          | use 2 | allowance 2
          | use of=g | allowance 1
          | use 1 | denied: window w
        """,
    ),
    Case(
        "a bucket under a plan with a larger one keeps what has not come back",
        plans(p=w("max: 2, refill: 1m"), q=w("max: 6, refill: 1m")),
        """
        0        | use 2 | allowance 2
                 | plan q
                 | use 5 | denied: window w
                 | use 4 | allowance 4
        10s -1ms | use 1 | denied: window w
        10s      | use 1 | allowance 1
        """,
    ),
    Case(
        "a scheduled plan is in force from its instant on, without anybody's seeing to it",
        plans(p=w(f"max: 1, {DAY}"), q=w(f"max: 2, {DAY}")),
        """
        0       | plan q when=1h
                | use 1 | allowance 1
        1h -1ms | use 1 | denied: window w
        1h      | use 1 | allowance 1
        1h +1ms | use 1 | denied: window w
        """,
    ),
    Case(
        "a scheduled plan is replaced by another that is scheduled",
        plans(p=w(f"max: 1, {DAY}"), q=w(f"max: 2, {DAY}"), r=w(f"max: 3, {DAY}")),
        """
        0       | plan q when=1h
                | plan r when=2h
        1h      | use 2 | denied: window w
        2h -1ms | use 2 | denied: window w
        2h      | use 3 | allowance 3
        """,
    ),
    Case(
        "a plan at once drops the one that was scheduled",
        plans(p=w(f"max: 1, {DAY}"), q=w(f"max: 2, {DAY}"), r=w(f"max: 3, {DAY}")),
        """
        0  | plan q when=1h
           | plan r
        1h | use 3 | allowance 3
        """,
    ),
    Case(
        "to stay with the present plan drops the one that was scheduled",
        plans(p=w(f"max: 1, {DAY}"), q=w(f"max: 2, {DAY}")),
        """
        0  | plan q when=1h
           | plan p
        1h | use 2 | denied: window w
        """,
    ),
    Case(
        "a plan is not scheduled for now or for what is past, and not one that there is not",
        plans(p=w(f"max: 1, {DAY}"), q=w(f"max: 2, {DAY}")),
        """
        0 | plan q when=0h | InvalidInput
          | plan q when=-1ms | InvalidInput
          | plan x | UnknownName
          | plan q when=1ms | done
        """,
    ),
    Case(
        "every change of a plan is in the statement",
        plans(p=FREE, q=FREE),
        """
        0  | plan q
           | books | plan_change plan: p -> q
           | plan p when=1h
           | books | nothing
        1h | books | plan_change plan: q -> p
        """,
    ),
]


@rules_of(CHANGES)
def test_plan_change(case):
    tell(case)

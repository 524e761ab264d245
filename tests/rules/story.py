"""Rule tables that read as a ledger: when | what is done | what is answered, over the public verbs and a turned clock.

A line's first column is a moment (`2026-03-29T02:00+01:00 -1ms`) or a time after START (`5h -1ms`); left out, the same
moment as the line before. The second is a verb with its words, each described at its method of `teller.Teller`. Amounts
of credits are whole or decimal credits. A line without a third column is only done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from tests.rules.teller import Teller


class Case(NamedTuple):
    """A sentence of the rules, a policy (or just what a plan's one rule says of `f`), what happens, and the policy that
    a story publishes."""

    sentence: str
    policy: str
    story: str
    following: str = ""


def rules_of(cases: Sequence[Case]) -> Callable[[Any], Any]:
    """Parametrise a test by cases, each known by its sentence."""
    sentences = [case.sentence for case in cases]
    assert len(set(sentences)) == len(sentences), "each case has a sentence of its own"
    return pytest.mark.parametrize("case", cases, ids=sentences)


def tell(case: Case) -> None:
    """Do what the story says, and compare every answer."""
    wrong = []
    with Teller(case.policy, case.following) as teller:
        for line in case.story.strip().splitlines():
            when, what, *expected = [part.strip() for part in line.split("|")]
            found = teller.do(when, what)
            if found != expected[0] if expected else re.match(r"[A-Z]|denied", found):
                wrong.append(f"{line.strip()}\n    found: {found}")
    if wrong:
        pytest.fail(f"{case.sentence}\n" + "\n".join(wrong), pytrace=False)

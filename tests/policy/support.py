"""Small policies for tests: a sound one, into which a fragment is put where it is looked at."""

import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from spillover.model.errors import Mistake, PolicyError
from spillover.model.policy import Limit, Plan, Rule
from spillover.policy import read_policy_text

PAGE = (Path(__file__).parents[2] / "docs" / "POLICY.md").read_text("utf-8")
FULL = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
"""The complete example of the documentation, in which every form stands."""

DOCUMENT = """\
spillover: 1
{top}features:
  chat: {{count: requests, price: {{credits: 5}}}}
  film: {{count: seconds, price: [{{when: {{size: small}}, credits: 1}}, {{when: {{size: large}}, credits: 3}}]}}
  tokens: {{count: cost, price: {{input: "1.25", output: 10, per: 1M}}}}
{features}plans:
  plus:
{plan}    rules:
{rules}"""

RULE = "      - for: [chat]\n        waterfall: [{from: units}]\n"


def with_top(fragment: str) -> str:
    """A document with further keys at its top."""
    return _document(top=fragment)


def with_feature(fragment: str) -> str:
    """A document with one more feature."""
    return _document(features=textwrap.indent(fragment.rstrip() + "\n", "  "))


def with_plan(fragment: str) -> str:
    """A document with further keys in its plan."""
    return _document(plan=textwrap.indent(fragment.rstrip() + "\n", "    "))


def with_rule(fragment: str) -> str:
    """A document whose only rule is this mapping; for chat, paid by units, unless it says otherwise."""
    lines = fragment.rstrip().split("\n")
    if not any(line.startswith("for:") for line in lines):
        lines.append("for: [chat]")
    if not any(line.startswith("waterfall:") for line in lines):
        lines.append("waterfall: [{from: units}]")
    return _document(rules="      - " + "\n        ".join(lines) + "\n")


def with_ceiling(fragment: str) -> str:
    """A document with one ceiling, given in flow style without its braces."""
    return with_rule(f"ceilings: [{{{fragment}}}]")


def with_gift(fragment: str) -> str:
    """A document with one gift, given in flow style without its braces."""
    return with_plan(f"gives: [{{{fragment}}}]")


def with_layers(fragment: str) -> str:
    """A document with these layers, one a line."""
    return with_rule("waterfall:\n" + textwrap.indent(fragment, "  "))


def mistakes(document: str) -> list[Mistake]:
    """The mistakes of a document; none if it is read."""
    try:
        read_policy_text(document, "p.yaml")
    except PolicyError as error:
        return list(error.mistakes)
    return []


def cases(document: Callable[[str], str], table: Iterable[tuple[str, ...]]) -> list[object]:
    """Parameters of a table of mistakes: a fragment | path | found | expected (a part of it)."""
    return [pytest.param(document(row[0]), *row[1:], id=row[0].replace("\n", " / ")[:70]) for row in table]


def check_mistake(document: str, path: str, found: str, expected: str) -> None:
    """A document has this mistake and no other, on the line that `#!` marks."""
    [mistake] = mistakes(document)
    assert (mistake.path, mistake.found) == (path, found)
    assert expected in mistake.expected
    marked = [line for line, text in enumerate(document.split("\n"), 1) if text.endswith("#!")]
    if marked:
        assert mistake.line == marked[0]
    else:
        assert document.split("\n")[mistake.line - 1].lstrip().startswith(("- ceilings", "film:"))


def only_rule(document: str) -> Rule:
    """The rule of a document made by `with_rule` and what builds on it."""
    return read_policy_text(document).plans["plus"].rules[0]


def only_plan(document: str) -> Plan:
    """The plan plus of a document."""
    return read_policy_text(document).plans["plus"]


def only_ceiling(fragment: str) -> Limit:
    """The ceiling of `with_ceiling`."""
    return only_rule(with_ceiling(fragment)).ceilings[0]


def _document(top: str = "", features: str = "", plan: str = "", rules: str = RULE) -> str:
    return DOCUMENT.format(top=top.rstrip() + "\n" if top else "", features=features, plan=plan, rules=rules)

"""Two answers to each request, one by each policy: what differs is counted as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from spillover.compare.figures import EXAMPLES_MAX, Count, figures_of
from spillover.compare.lane import Answer
from spillover.compare.report import (
    Change,
    ChangedAccount,
    ChangedGroup,
    Comparison,
    Difference,
    Example,
    Group,
    PolicyName,
)
from spillover.compare.spending import Timeline, bands_of
from spillover.compare.sums import Credits
from spillover.model.decision import Verdict
from spillover.model.policy import Policy

ACCOUNTS_SHOWN = 100
"""Accounts that are listed of those with requests that change sides."""
SENTENCES_MAX = 5_000
"""Denials whose sentence is worked out: the first of each account, as long as there are no more than these."""

Say = Callable[[bool], str]
"""The sentence of the denial: of the proposed policy (True) or of the present one."""
Where = tuple[str, str]
"""A plan and a feature."""


class Asked(NamedTuple):
    """One request as both policies met it."""

    account: str
    plan: str
    feature: str
    at: int
    key: str


class Facts(NamedTuple):
    """What a report says of where its requests came from."""

    source: str
    present: PolicyName
    proposed: PolicyName
    notes: tuple[str, ...]
    skipped: int = 0
    bad: int = 0
    first_bad: tuple[str, ...] = ()


class _Turned:
    """Requests of one account that change sides one way: the first, and how many by plan and feature."""

    __slots__ = ("first", "requests", "where")

    def __init__(self, first: Example, where: Where) -> None:
        self.first, self.where = first, where
        self.requests: dict[Where, int] = {}


class _Account:
    """What is kept of an account: what it spends under both policies, what changes sides."""

    __slots__ = ("spent", "turned")

    def __init__(self) -> None:
        self.spent = [0, 0]
        self.turned: dict[bool, _Turned] = {}  # True: newly denied


class Comparing:
    """Takes the answers of both policies, and gives the comparison at any time."""

    def __init__(self, present: Policy, proposed: Policy) -> None:
        self.present, self._proposed = present, proposed
        self._groups: dict[Where, tuple[Count, Count]] = {}
        self._accounts: dict[str, _Account] = {}
        self._examples: dict[tuple[bool, Where], list[Example]] = {}
        self._turned: dict[tuple[bool, Where], list[int]] = {}  # requests, accounts
        self._turned_accounts = {True: 0, False: 0}
        self._timeline = Timeline()
        self._since = self._until = self._sentences = 0
        self.forgotten = 0

    def take(self, asked: Asked, present: Answer, proposed: Answer, say: Say) -> None:
        """One request's two answers. `say` is called at once or never."""
        where = (asked.plan, asked.feature)
        group = self._groups.get(where)
        if group is None:
            group = self._groups[where] = (Count(asked.feature), Count(asked.feature))
        account = self._accounts.get(asked.account)
        if account is None:
            account = self._accounts[asked.account] = _Account()
        before, after = group[0].take(present), group[1].take(proposed)
        account.spent[0] += before
        account.spent[1] += after
        self._timeline.add(asked.at, before, after)
        self._since = min(self._since or asked.at, asked.at)
        self._until = max(self._until, asked.at)
        served = _served(present)
        if served != _served(proposed):
            self._turn(account, asked, where, served, say)

    def forget(self, account: str) -> None:
        """Make room: the account's own lines go, the sums stay."""
        if self._accounts.pop(account, None) is not None:
            self.forgotten += 1

    def _turn(self, account: _Account, asked: Asked, where: Where, denied: bool, say: Say) -> None:
        """A request that only one of the policies serves; `denied`: the proposed one does not."""
        examples = self._examples.setdefault((denied, where), [])
        turned = account.turned.get(denied)
        wanted = turned is None or len(examples) < EXAMPLES_MAX
        if wanted:
            self._sentences += 1
            sentence = say(denied) if self._sentences <= SENTENCES_MAX else ""
            example = Example(asked.account, asked.at, asked.key, sentence)
            if len(examples) < EXAMPLES_MAX:
                examples.append(example)
            if turned is None:
                turned = account.turned[denied] = _Turned(example, where)
                self._turned_accounts[denied] += 1
        assert turned is not None
        group = self._turned.setdefault((denied, where), [0, 0])
        group[0] += 1
        group[1] += where not in turned.requests
        turned.requests[where] = turned.requests.get(where, 0) + 1

    def comparison(self, facts: Facts) -> Comparison:
        """All that was taken so far."""
        present = figures_of((both[0] for both in self._groups.values()), self.present)
        proposed = figures_of((both[1] for both in self._groups.values()), self._proposed)
        width, moments = self._timeline.moments()
        return Comparison(
            facts.source, facts.present, facts.proposed, present.requests, len(self._accounts) + self.forgotten,
            self.forgotten, facts.skipped, facts.bad, facts.first_bad, self._since, self._until, present, proposed,
            Difference.of(present, proposed), tuple(self._grouped()), self._change(True), self._change(False), width,
            moments, bands_of((account.spent[0], account.spent[1]) for account in self._accounts.values()),
            facts.notes,
        )  # fmt: skip

    def _grouped(self) -> Iterator[Group]:
        for (plan, feature), (before, after) in sorted(self._groups.items()):
            present, proposed = figures_of([before], self.present), figures_of([after], self._proposed)
            yield Group(plan, feature, present, proposed, Difference.of(present, proposed))

    def _change(self, denied: bool) -> Change:
        turned = [(name, kept, kept.turned[denied]) for name, kept in self._accounts.items() if denied in kept.turned]
        groups = {where: both for (way, where), both in self._turned.items() if way == denied}
        listed = sorted(turned, key=lambda one: (-sum(one[2].requests.values()), one[0]))[:ACCOUNTS_SHOWN]
        return Change(
            sum(requests for requests, _ in groups.values()),
            self._turned_accounts[denied],
            tuple(
                ChangedGroup(*where, requests, accounts, tuple(self._examples.get((denied, where), ())))
                for where, (requests, accounts) in sorted(groups.items(), key=lambda group: (-group[1][0], group[0]))
            ),
            tuple(
                ChangedAccount(
                    name,
                    one.where[0],
                    sum(one.requests.values()),
                    one.where[1],
                    one.first,
                    *map(Credits.of, kept.spent),
                )
                for name, kept, one in listed
            ),
        )


def _served(answer: Answer) -> bool:
    return answer is None or (isinstance(answer, Verdict) and answer.allowed)

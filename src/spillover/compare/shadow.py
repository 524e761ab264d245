"""A policy in shadow mode: each live decision is decided once more by another policy, and only reported.

The shadow keeps cells of its own, since under it accounts would stand elsewhere. It sees an account at its first live
decision: lots begin with what the live account had left then, windows and debts begin empty. Lots that come later begin
with what the live account has of them when they are first seen; a lot that is raised again is not followed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

from msgspec.structs import replace

from spillover.compare.comparing import Asked, Comparing, Facts
from spillover.compare.lane import Answer, Lane, Standing
from spillover.compare.report import Comparison, PolicyName
from spillover.core.decide import plan_of
from spillover.core.lots import lot_cell
from spillover.model.account import Profile
from spillover.model.policy import Policy
from spillover.model.request import Request

ACCOUNTS_MAX = 10_000
"""Accounts that are kept in memory, about 2 KB each with a handful of cells; the one unused for longest goes first."""
CELLS_MAX = 4_096
"""Cells of one account, about 100 bytes each: an account with more begins anew, as if seen for the first time."""
NOTES = (
    "Each live decision was decided once more by the proposed policy, in memory; it changed nothing.",
    "Accounts began with what they had left of their lots when they were first seen, and with empty windows.",
    "Live denials are told as they were; what is asked again after one is asked of both policies.",
)


class Shadow:
    """Evaluates a proposed policy beside the live one. Used by one thread at a time.

    A decision costs one more evaluation of the rules, some tens of microseconds, and no I/O. Memory is bounded by
    `accounts_max` and CELLS_MAX; sums, lists and the timeline are bounded by themselves.
    """

    def __init__(self, policy: Policy, *, name: str = "shadow policy", accounts_max: int = ACCOUNTS_MAX) -> None:
        self._name = PolicyName(name, policy.hash)
        self._lane = Lane(policy)
        self._comparing = Comparing(policy, policy)
        self._standings: OrderedDict[str, Standing] = OrderedDict()
        self._most = accounts_max

    def take(
        self, account: str, profile: Profile, request: Request, at: int, answer: Answer, *, policy: Policy,
        left: Callable[[], Mapping[int, int]], sentence: Callable[[], str],
    ) -> None:  # fmt: skip
        """One live decision, in the order in which the account's were made; answers from before (replayed) left out.

        `policy` decided it, on `profile`, at the instant `at` (ms since 1970). `left` tells what each lot of the
        profile had left just before (micro-credits or units); it is asked for where lots are seen for the first time.
        `sentence` is the live denial's, asked for where the shadow would serve. Of a hold give its commit, with what it
        came to, and an opening that was denied.
        """
        self._comparing.present = policy
        standing = self._standing(account, profile, left)
        other = self._lane.answer(standing, account, replace(request, fingerprint="", hold=0), at)

        def say(of_proposed: bool) -> str:
            return self._lane.sentence(standing, account, request, at, other) if of_proposed else sentence()

        asked = Asked(account, plan_of(profile, at), request.feature, at, request.key)
        self._comparing.take(asked, answer, other, say)

    def comparison(self) -> Comparison:
        """The figures so far, as a backtest gives them."""
        present = PolicyName("the policy in force", self._comparing.present.hash)
        return self._comparing.comparison(Facts("live traffic", present, self._name, NOTES))

    def _standing(self, account: str, profile: Profile, left: Callable[[], Mapping[int, int]]) -> Standing:
        standing = self._standings.get(account)
        if standing is None or len(standing.cells) > CELLS_MAX:
            standing = self._standings[account] = Standing(profile, _cells(profile, left(), ()))
            if len(self._standings) > self._most:
                self._comparing.forget(self._standings.popitem(last=False)[0])
        elif standing.profile is not profile and standing.profile != profile:
            known = tuple(lot.id for lot in standing.profile.lots)
            if any(lot.id not in known for lot in profile.lots):
                for name, amount in _cells(profile, left(), known).items():
                    standing.put(name, amount)
            standing.profile = profile
        self._standings.move_to_end(account)
        return standing


def _cells(profile: Profile, left: Mapping[int, int], known: tuple[int, ...]) -> dict[str, int]:
    """What is left of the lots, but for those that are known already."""
    return {lot_cell(lot.id): left.get(lot.id, 0) for lot in profile.lots if lot.id not in known}

"""The present and the proposed policy side by side: each request is asked of both."""

from __future__ import annotations

from spillover.compare.comparing import Asked, Comparing
from spillover.compare.lane import Lane, Standing
from spillover.compare.report import PolicyName
from spillover.core.decide import plan_of
from spillover.model.policy import Policy
from spillover.model.request import Request

Standings = tuple[Standing, Standing]
"""Where one account stands under the present and under the proposed policy."""

NOTES = (
    "Each request was decided at its own time by both policies, in memory; nothing was written.",
    "Under another policy people would ask otherwise; here the same requests are asked of both.",
)


class Pair:
    """Two policies with the names that a report calls them by, and what came of both so far."""

    def __init__(self, present: Policy, proposed: Policy, names: tuple[str, str]) -> None:
        self.present, self.proposed = present, proposed
        self.names = (PolicyName(names[0], present.hash), PolicyName(names[1], proposed.hash))
        self.comparing = Comparing(present, proposed)
        self._lanes = (Lane(present), Lane(proposed))

    def decide(self, standings: Standings, account: str, request: Request, at: int) -> None:
        """Ask both the same; what a denial says is worked out only where it is wanted, on the state of then."""
        lanes = self._lanes
        present = lanes[0].answer(standings[0], account, request, at)
        proposed = lanes[1].answer(standings[1], account, request, at)

        def say(of_proposed: bool) -> str:
            answer = proposed if of_proposed else present
            return lanes[of_proposed].sentence(standings[of_proposed], account, request, at, answer)

        asked = Asked(account, plan_of(standings[0].profile, at), request.feature, at, request.key)
        self.comparing.take(asked, present, proposed, say)

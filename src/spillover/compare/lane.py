"""One policy's own world: the terms and cells that accounts would have under it. Plain dictionaries and the one rule.

Nothing here knows a store or a ledger: a request is decided by `core.decide`, its changes are applied to the cells in
memory. So a policy can be tried on recorded or on live usage without anything being touched.
"""

from __future__ import annotations

from collections.abc import Mapping

from spillover.core.apply import apply
from spillover.core.decide import decide
from spillover.core.intake import check_usage
from spillover.engine.answers import denied
from spillover.model.account import Profile
from spillover.model.commit import Cells, Operation
from spillover.model.decision import Blocker, Verdict
from spillover.model.errors import InvalidInput, KeyReused, SpilloverError
from spillover.model.policy import Policy
from spillover.model.request import Request

Answer = Verdict | SpilloverError | None
"""What became of a request under one policy: a verdict, the error that refused it, or None: answered before."""


class Standing:
    """Where one account stands under one policy. `cells` never hold a 0; `keys` tells what was granted under a key."""

    __slots__ = ("cells", "keys", "profile")

    def __init__(self, profile: Profile, cells: Mapping[str, int]) -> None:
        self.profile = profile
        self.cells: Cells = {name: value for name, value in cells.items() if value}
        self.keys: dict[str, str] = {}

    def put(self, name: str, value: int) -> None:
        """Set one cell."""
        if value:
            self.cells[name] = value
        else:
            self.cells.pop(name, None)


class Lane:
    """Decides requests by one policy, each account on its own standing."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def answer(self, standing: Standing, account: str, request: Request, at: int) -> Answer:
        """The answer at an instant (ms since 1970); what it grants is taken from the standing.

        `request` may name features, counts and attributes that this policy does not have: they are let go of, as at
        the door. Its key is looked at where its fingerprint is given.
        """
        mark = request.fingerprint
        if mark and request.key in standing.keys:
            return None if standing.keys[request.key] == mark else KeyReused(account, request.key)
        try:
            own = self._own(request)
        except SpilloverError as error:
            return error
        if own is None:
            return Verdict(False, 0, 0, (), (Blocker("plan", request.feature),))
        verdict, operations = decide(self.policy, standing.profile, standing.cells, own, at)
        if verdict.allowed:
            _take(standing, operations)
            if mark:
                standing.keys[request.key] = mark
        return verdict

    def sentence(self, standing: Standing, account: str, request: Request, at: int, answer: Answer) -> str:
        """Why a request was not served, in one sentence; to be asked before the standing changes. "" if it was."""
        if answer is None or (isinstance(answer, Verdict) and answer.allowed):
            return ""
        if isinstance(answer, SpilloverError):
            return f"refused: {answer}"
        own = self._own(request)
        if own is None:
            return f"denied: the policy has no feature {request.feature}"
        told = denied(self.policy, account, standing.profile, standing.cells, own, at, answer)
        return told.denial.sentence if told.denial else ""

    def _own(self, request: Request) -> Request | None:
        """The request as this policy's door would let it in; None for a feature that it does not have."""
        feature = self.policy.features.get(request.feature)
        if feature is None:
            return None
        sent = request.attributes
        usage = {name: count for name, count in request.usage.items() if name in feature.usage_names}
        if not usage and feature.count != "requests":
            found = ", ".join(sorted(request.usage)) or "nothing"
            raise InvalidInput(f"usage of {feature.name}", found, f"counts of {', '.join(feature.usage_names)}")
        return Request(
            request.account, feature.name, check_usage(feature, usage or None), request.key, request.subject,
            {name: sent[name] for name in self.policy.attributes if name in sent} if sent else sent, request.mode,
        )  # fmt: skip


def _take(standing: Standing, operations: tuple[Operation, ...]) -> None:
    changed = apply(standing.cells, operations)
    assert changed is not None, "a state lies in its own box (design, section 5, property a)"
    for name, value in changed.items():
        standing.put(name, value)

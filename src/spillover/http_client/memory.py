"""What a client remembers of the service's answers, for when there are none. Any thread may use it; nothing waits."""

from __future__ import annotations

from threading import Lock

from msgspec.structs import replace

from spillover.engine.answers import Decision
from spillover.engine.known import Recent
from spillover.http_client.calls import Call
from spillover.http_client.entries import hold_of, words_of
from spillover.http_client.notes import Held
from spillover.model.errors import SpilloverError, UnknownName
from spillover.model.policy import Feature

REMEMBERED_MAX = 10_000
"""Of each: features, holds that the service opened, accounts that it would not serve."""
SHUT = ("state", "plan")
"""What blocks a request in an outage, too."""


class Memory:
    """Features as they were described, holds that are open, and whom the service would not serve."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._features: Recent[str, Feature] = Recent(REMEMBERED_MAX)
        self._seen: Recent[tuple[str, str], Held] = Recent(REMEMBERED_MAX)
        self._shut: Recent[tuple[str, str], bool] = Recent(REMEMBERED_MAX)

    def feature(self, name: str) -> Feature | None:
        """What is known of it."""
        with self._lock:
            return self._features.get(name)

    def seen(self, whose: tuple[str, str]) -> Held | None:
        """A hold that the service opened, as it was then."""
        with self._lock:
            return self._seen.get(whose)

    def is_shut(self, account: str, feature: str) -> bool:
        """Whether the service said last that the account is not served this at all."""
        with self._lock:
            return bool(self._shut.get((account, feature)) or self._shut.get((account, "")))

    def describe(self, feature: Feature) -> None:
        """How the service described a feature."""
        with self._lock:
            self._features.put(feature.name, feature)

    def learn(self, call: Call[object], answer: Decision) -> None:
        """From a decision of the service."""
        with self._lock:
            self._features.put(answer.feature, answer.counted)
            if answer.denial is not None:
                if answer.denial.blockers[-1].kind in SHUT:
                    self._shut.put((answer.account, answer.feature), True)
                return
            self._shut.drop((answer.account, answer.feature))
            self._shut.drop((answer.account, ""))
            if call.path == "holds/open":
                held = hold_of(words_of(call), answer.counted, answer.at, True)
                self._seen.put((answer.account, answer.key), replace(held, due=answer.due))

    def learn_error(self, account: str, error: SpilloverError) -> None:
        """From an error that the service told."""
        if isinstance(error, UnknownName) and error.field == "account":
            with self._lock:
                self._shut.put((account, ""), True)

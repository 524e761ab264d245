"""What was admitted while the store could not be reached is recorded when it answers again (0006).

Each entry of the journal is recorded under its own key, and that key makes every step safe to repeat: a request that
the store had taken before it failed is found under it, and so is one that was recorded just before a process was
killed. The recorded event carries the fingerprint of the request as it was sent, so whoever sends it again is answered
by it.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from spillover.core.decide import TIME
from spillover.core.intake import Ask
from spillover.engine.answers import Decision
from spillover.engine.asking import Asking, request_of
from spillover.engine.items import Answer, Item
from spillover.engine.journal import Admitted, Journal, Refused
from spillover.engine.known import Known
from spillover.engine.policies import Policies
from spillover.engine.rebuilding import KEYS_MS
from spillover.engine.rounds import Rounds
from spillover.engine.tending import Tending
from spillover.model.commit import State
from spillover.model.errors import (
    AccountShut,
    Contended,
    KeyReused,
    PartUnavailable,
    SpilloverError,
    StoreError,
    UnknownName,
)
from spillover.ports import Ledger, Terms

DRAIN_MAX = 128
"""Entries recorded at a time: a batch like any other."""
LATER = (AccountShut, Contended, PartUnavailable)
"""What keeps one entry from being recorded just now, and no other."""


class Draining:
    """Records what waits in a journal. Used by one thread at a time; several may do so side by side, each its own."""

    def __init__(
        self, rounds: Rounds, policies: Policies, known: Known, tending: Tending, ledger: Ledger,
        clock: Callable[[], int], journal: Journal,
    ) -> None:  # fmt: skip
        self._rounds, self._policies, self._known, self._tending = rounds, policies, known, tending
        self._ledger, self._clock, self._journal = ledger, clock, journal
        self._after = 0
        self.is_waiting = True
        """Whether the last step found anything, so that there may be more."""

    async def step(self) -> int:
        """Record the oldest, or those behind what the step before saw; how many entries it ended.

        One that the store would not take just now (its account is shut or contended, or on one of several servers that
        does not answer) waits on, and holds up no other.
        One that can never be recorded is kept as refused. Raises the store's error while it does not serve.
        """
        entries = self._journal.waiting(DRAIN_MAX, self._after)
        self.is_waiting = bool(entries) or self._after > 0
        self._after = entries[-1].number if len(entries) == DRAIN_MAX else 0
        recorded, unrecorded = list[Admitted](), list[Refused]()
        owed: list[Admitted] = []
        pending: list[tuple[int, Item]] = []
        for entry in entries:
            try:
                if await self._is_booked(entry):
                    recorded.append(entry)
                else:
                    pending.append((len(owed), await self._owed(entry)))
                    owed.append(entry)
            except LATER:
                continue
            except StoreError:
                raise
            except SpilloverError as error:
                unrecorded.append(Refused(entry, str(error)))
        answers: list[Answer | None] = [None] * len(owed)
        await self._rounds.run(pending, answers)
        for entry, answer in zip(owed, answers, strict=True):
            if isinstance(answer, Decision) and answer:
                recorded.append(entry)
            elif isinstance(answer, Decision):
                unrecorded.append(Refused(entry, answer.sentence))
            elif isinstance(answer, SpilloverError) and not isinstance(answer, StoreError | Contended):
                unrecorded.append(Refused(entry, str(answer)))
        self._journal.end(recorded, unrecorded)
        return len(recorded) + len(unrecorded)

    async def _is_booked(self, entry: Admitted) -> bool:
        """Whether the books have it under a key that the store may have forgotten by now. Raises KeyReused."""
        if self._clock() - entry.at < KEYS_MS // 2:
            return False
        account = await self._ledger.find_account(entry.account)
        booked = None if account is None else await self._ledger.event_by_key(account, entry.key)
        if booked is None:
            return False
        policy, ask = await self._policies.of(booked.event.policy) or self._policies.at(self._clock()), _ask(entry)
        if request_of(ask, await self._known.names(ask, policy)).fingerprint != booked.event.fingerprint:
            raise KeyReused(entry.account, entry.key)
        return True

    async def _owed(self, entry: Admitted) -> Owed:
        """The entry on its way into the store, under the policy that admitted it, if it is still to be had."""
        now = self._clock()
        policy, ask = await self._policies.of(entry.policy) or self._policies.at(now), _ask(entry)
        if ask.feature not in policy.features:
            raise UnknownName("feature", repr(ask.feature), "one of the policy's features")
        try:
            await self._known.account(ask.account)
        except UnknownName:
            plan = self._policies.at(now).default_plan
            if not plan:
                raise
            await self._tending.admit(ask.account, Terms(plan=plan))
        request = replace(request_of(ask, await self._known.names(ask, policy)), mode="record")
        return Owed(replace(ask, mode="record", at=entry.at), request, policy, self._policies, self._known, self._clock)


class Owed(Asking):
    """A journaled request as it is recorded: in its own time, or as near to it as the horizon of late usage allows.

    The account may have gone on before the store answered this engine again; what was admitted is not lost for that.
    """

    __slots__ = ()

    def instant(self, state: State) -> int:
        """See the class."""
        return max(super().instant(state), state.cells.get(TIME, 0) - self.policy.late)


def _ask(entry: Admitted) -> Ask:
    """The request as it was sent."""
    return Ask(
        entry.account, entry.feature, entry.usage, entry.subject, entry.attributes, entry.key, entry.mode,
        entry.asked_at,
    )  # fmt: skip

"""What happens while the store cannot be reached: closed, or open for a bounded, journaled amount (0006).

Where the store fails, a request whose plan says `outage: {admit: ...}` is written into a journal and admitted; usage
that has happened already (mode `record`) is always written. `engine.draining` records it when the store answers again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from spillover.core.decide import TOLERANCE, plan_of, refused
from spillover.core.intake import Ask, fingerprint
from spillover.core.price import fitting_row, measure
from spillover.core.scopes import missing_attribute
from spillover.engine.answers import Decision, feature_of
from spillover.engine.asking import Asking
from spillover.engine.deciding import Deciding, Wish
from spillover.engine.draining import Draining
from spillover.engine.items import Answer, Item
from spillover.engine.journal import Admitted, Journal, Kept, Refused
from spillover.engine.known import ACCOUNTS_MAX, Known, Recent
from spillover.engine.policies import Policies
from spillover.engine.rounds import Watch
from spillover.engine.tending import Tending
from spillover.model.account import Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import (
    KeyReused,
    SpilloverError,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from spillover.model.policy import Feature, Policy
from spillover.model.request import Request
from spillover.ports import Ledger

Wanted = tuple[Admitted, int | None]
"""An entry for the journal, and the most units that bound it."""


class Outage:
    """Stands before `Deciding`, with the same `answer`. `instead` serves any thread, the rest one at a time."""

    def __init__(
        self, deciding: Deciding, policies: Policies, known: Known, tending: Tending, ledger: Ledger,
        clock: Callable[[], int], journal: Journal,
    ) -> None:  # fmt: skip
        """Make it when `deciding` has its shadow, if there is one: it looks on at what is decided too."""
        self._deciding, self._policies, self._clock, self._journal = deciding, policies, clock, journal
        self._draining = Draining(deciding.rounds, policies, known, tending, ledger, clock, journal)
        self._policy = policies.at(clock())
        self._lock = Lock()
        self._profiles: Recent[str, Profile] = Recent(ACCOUNTS_MAX)
        self._waits = bool(journal.waiting(1))
        self._closed = False
        self._beside: Watch | None = deciding.rounds.watch
        deciding.rounds.watch = self._look_on

    async def answer(self, wishes: Sequence[Wish]) -> list[Answer]:
        """One answer for each wish, in order, as `Deciding.answer` gives it, or admitted where the store fails.

        A request that waits in the journal gets the answer of then, also when the store serves again.
        Raises StoreUnavailable, StoreFull where nothing of the batch is admitted.
        """
        self._policy = self._policies.at(self._clock())
        waiting = self._found(wishes) if self._may_wait() else {}
        rest = [index for index in range(len(wishes)) if index not in waiting]
        answers = await self._decided([wishes[index] for index in rest]) if rest else []
        waiting.update(zip(rest, answers, strict=True))
        return [waiting[index] for index in range(len(wishes))]

    def instead(self, wishes: Sequence[Wish], failures: Sequence[SpilloverError]) -> list[Answer]:
        """The answers to wishes that the store failed: admitted and written down, or their failures."""
        answers: list[Answer] = list(failures)
        if self._closed:
            return answers
        now, policy = self._clock(), self._policy
        found = self._found(wishes)  # also what another process admitted, of an account that this one has not seen
        wanted: list[tuple[int, Wanted]] = []
        for index, wish in enumerate(wishes):
            if index in found:
                answers[index] = found[index]
            elif isinstance(wish, Ask) and (entry := self._wanted(wish, policy, now)):
                wanted.append((index, entry))
        if not wanted:
            return answers
        try:
            kept = self._journal.admit([entry for _, entry in wanted])
        except StoreError:
            return answers  # what the caller has to know is that the store failed
        self._waits = True
        for (index, (asked, _)), one in zip(wanted, kept, strict=True):
            if one is not None:
                answers[index] = _answer(asked, one, policy)
        return answers

    async def drain(self) -> int:
        """Record a bounded part of what waits; how many entries it ended. Raises the store's error while it is away."""
        self._waits = False  # before the look: another thread may admit something meanwhile
        try:
            return await self._draining.step()
        finally:
            self._waits = self._waits or self._draining.is_waiting

    def refused(self, limit: int = 1_000, after: int = 0) -> list[Refused]:
        """What could not be recorded, with its reason, the oldest first."""
        return self._journal.refused(limit, after)

    def forget(self, entries: Sequence[Refused]) -> None:
        """Drop what could not be recorded and has been looked at."""
        self._journal.forget(entries)

    async def close(self) -> None:
        """Record what waits if the store serves, and give back the journal. From then on nothing is admitted."""
        if self._closed:
            return
        self._closed = True
        try:
            while await self.drain():
                pass
        except SpilloverError:
            pass  # it waits in the journal, where it is safe
        finally:
            self._journal.close()

    async def _decided(self, wishes: Sequence[Wish]) -> list[Answer]:
        try:
            answers = await self._deciding.answer(wishes)
        except (StoreUnavailable, StoreFull) as failure:
            instead = self.instead(wishes, [failure] * len(wishes))
            if all(answer is failure for answer in instead):
                raise
            return instead
        failed = [index for index, answer in enumerate(answers) if isinstance(answer, StoreUnavailable | StoreFull)]
        if failed:
            failures = [answer for answer in answers if isinstance(answer, StoreUnavailable | StoreFull)]
            for index, answer in zip(failed, self.instead([wishes[at] for at in failed], failures), strict=True):
                answers[index] = answer
        return answers

    def _may_wait(self) -> bool:
        """Whether something may wait in the journal, of this process or another."""
        if self._closed:
            return False
        try:
            self._waits = self._journal.has_changed() or self._waits
        except StoreError:
            return False  # the store decides, and the key makes it once
        return self._waits

    def _found(self, wishes: Sequence[Wish]) -> dict[int, Answer]:
        """The answers of then to wishes that wait in the journal."""
        keys = {(wish.account, wish.key) for wish in wishes if isinstance(wish, Ask)}
        try:
            found = self._journal.find(sorted(keys)) if keys else {}
        except StoreError:
            return {}  # the store decides, and the key makes it once
        answers: dict[int, Answer] = {}
        for index, wish in enumerate(wishes):
            entry = found.get((wish.account, wish.key)) if isinstance(wish, Ask) else None
            if entry is not None and isinstance(wish, Ask):
                same = _mark(wish, _declared(wish, self._policy)) == entry.mark
                answers[index] = _decision(entry, self._policy, True) if same else KeyReused(wish.account, wish.key)
        return answers

    def _wanted(self, ask: Ask, policy: Policy, now: int) -> Wanted | None:
        """The entry that a request becomes; None for one that is not admitted."""
        feature = policy.features.get(ask.feature)
        if feature is None or ask.hold or (ask.at is not None and ask.at > now + TOLERANCE):
            return None
        attributes = _declared(ask, policy)
        row = fitting_row(feature, attributes)
        units = measure(feature, ask.usage, row)
        most = None if ask.mode == "record" else self._most(ask, attributes, policy, now)
        priceless = row is None and feature.count == "cost"
        if units > AMOUNT_MAX or (ask.mode != "record" and (most is None or units > most or priceless)):
            return None
        at = now if ask.at is None else ask.at
        entry = Admitted(
            ask.account, ask.key, ask.feature, ask.usage, ask.subject, attributes, ask.mode, at, ask.at, units,
            policy.hash, _mark(ask, attributes),
        )  # fmt: skip
        return entry, most

    def _most(self, ask: Ask, attributes: dict[str, str], policy: Policy, now: int) -> int | None:
        """How many units the account's plan admits; None where it is closed, or for what it would deny unasked."""
        with self._lock:
            profile = self._profiles.get(ask.account)
        plan = policy.plans.get(plan_of(profile, now)) if profile else None
        rule = plan.by_feature.get(ask.feature) if plan else None
        if profile is None or plan is None or rule is None:
            return None
        if ask.at is not None and ask.at < now - policy.late:
            return None  # it may be too late, which only the store can tell
        request = Request(profile.account, ask.feature, ask.usage, ask.key, ask.subject, attributes)
        if refused(rule, profile, request, now) or missing_attribute(rule, request):
            return None
        return plan.outage.get(ask.feature)

    def _look_on(self, decided: Sequence[tuple[Item, Answer]]) -> None:
        if self._beside is not None:
            self._beside(decided)
        with self._lock:
            for item, _ in decided:
                if isinstance(item, Asking):
                    self._profiles.put(item.name, item.profile)


def _declared(ask: Ask, policy: Policy) -> dict[str, str]:
    """The attributes that the policy declares: others are never stored."""
    return {name: ask.attributes[name] for name in policy.attributes if name in ask.attributes}


def _mark(ask: Ask, attributes: dict[str, str]) -> str:
    return fingerprint(ask.feature, ask.usage, ask.subject, attributes, ask.mode, ask.at)


def _answer(wanted: Admitted, kept: Kept, policy: Policy) -> Answer:
    if kept.entry.mark != wanted.mark:
        return KeyReused(wanted.account, wanted.key)
    return _decision(kept.entry, policy, not kept.fresh)


def _decision(entry: Admitted, policy: Policy, replayed: bool) -> Decision:
    counted: Feature = feature_of(policy, entry.feature)
    return Decision(
        True, entry.account, entry.feature, entry.key, entry.at, entry.units, entry.units, (), 0, replayed, counted,
        journaled=True,
    )  # fmt: skip

"""An open hold on its way through a batch: to be extended, committed, released, or expired (design, law 9)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from spillover.core.decide import RULES, TIME, TOLERANCE, hold_id
from spillover.core.holds import Ended, HowEnded, cells_for_hold, end, extend
from spillover.core.intake import RESERVED, check_usage
from spillover.engine.answers import Decision, Ending, denied, ended, extended
from spillover.engine.asking import changes_of, encode_hold
from spillover.engine.items import Answer, advance, bounded, live_instant, profile_of
from spillover.engine.known import Known, Sort
from spillover.engine.policies import Policies
from spillover.model.account import Profile
from spillover.model.commit import Commit, Committed, Conflict, Duplicate, Operation, Outcome, State
from spillover.model.decision import Verdict
from spillover.model.errors import BoundExceeded, Fault, HoldEnded, KeyReused, UnknownName
from spillover.model.event import SCHEMA, Event, decode_event, encode_event
from spillover.model.hold import Hold
from spillover.model.policy import Feature, Policy
from spillover.model.request import Request
from spillover.ports import HotStore

HoldVerb = Literal["commit", "release", "expire", "extend"]
LASTS_MAX = 86_400_000
"""Milliseconds that a hold may last from its opening or an extension: a day."""

decode_hold = msgspec.json.Decoder(Hold).decode
_encode = msgspec.json.Encoder().encode
_PAST = {"commit": "committed", "release": "released", "expire": "expired"}


class HoldAsk(Struct, frozen=True, gc=False):
    """What a caller wants of one of an account's holds. `usage` is in all, for a commit or an extension, as the caller
    gave it: only the hold tells of which feature it has to be. `lasts` (ms) is for an extension, as `extension_key` is,
    by which the same extension is known when it is asked for again; "" where it is not.

    `at` is its own time (ms), None for now.
    """

    account: str
    key: str
    verb: HoldVerb
    usage: object = None
    lasts: int = 0
    estimated: bool = False
    at: int | None = None
    id: int = 0  # the account's, where it is known already
    extension_key: str = ""


class Holding:
    """See the head of this file, and engine.items."""

    __slots__ = (
        "account", "ask", "at", "cells", "clock", "ended", "event", "hold", "id", "is_denied", "kind", "known", "name",
        "policies", "policy", "profile", "replay", "store", "usage", "verdict",
    )  # fmt: skip

    hold: Hold
    policy: Policy
    profile: Profile
    verdict: Verdict
    ended: Ended

    def __init__(
        self, ask: HoldAsk, account: int, store: HotStore, policies: Policies, known: Known, clock: Callable[[], int]
    ) -> None:
        self.ask, self.account, self.name = ask, account, ask.account
        self.store, self.policies, self.known, self.clock = store, policies, known, clock
        self.id = hold_id(ask.key)
        self.kind: HowEnded = "commit" if ask.verb == "extend" else ask.verb
        self.event: Event | None = None
        self.replay: Answer | None = None
        self.is_denied = False
        self.cells: dict[str, int] = {}
        self.usage: dict[str, int] = {}
        self.at = 0

    async def refresh(self) -> None:
        """Find the hold as it stands. What was answered before is `replay`: its end, or an extension with a key.

        Raises UnknownName, HoldEnded, InvalidInput for a usage that is none of the hold's feature, KeyReused.
        """
        if self.ask.extension_key and await self._extended_before():
            return
        found = await self.store.hold(self.account, self.id)
        if found is not None:
            await self._learn(decode_hold(found.record))
            if self.hold.key != self.ask.key:
                raise self._unknown()
        else:
            await self._ended_before()

    async def _learn(self, hold: Hold) -> None:
        """The hold, the policy of its opening, and the usage as counts of its feature."""
        policy = await self.policies.of(hold.policy)
        if policy is None:
            raise Fault(f"hold {self.ask.key!r}: its policy {hold.policy[:12]} is not in the ledger; run an audit")
        self.hold, self.policy = hold, policy
        if self.ask.verb in ("commit", "extend"):
            self.usage = _counts(policy.features[hold.feature], self.ask)

    async def _extended_before(self) -> bool:
        """Whether that key has extended the hold, which may have gone on or ended since. Raises KeyReused."""
        done = await self.store.find(self.account, keyed_extension(self.id, self.ask.extension_key))
        event = decode_event(done.payload) if done and done.payload else None
        if done is None or event is None or event.hold is None:
            return False
        await self._learn(event.hold)
        if done.fingerprint != self._fingerprint():
            raise KeyReused(self.name, self.ask.extension_key)
        self.replay = self._answer(event, done.sequence, True)
        return True

    async def _ended_before(self) -> None:
        """To be committed although it had expired, or answered by `replay`. Raises UnknownName, HoldEnded."""
        opening = await self.store.find(self.account, self.ask.key)
        event = decode_event(opening.payload) if opening and opening.payload else None
        if event is None or event.hold is None:
            raise self._unknown()
        await self._learn(event.hold)
        for kind in ("late", "end"):
            done = await self.store.find(self.account, end_key(self.id, kind))
            if done is None:
                continue
            last = decode_event(done.payload)
            if last.kind == "expire" and self.ask.verb == "commit":
                self.kind = "late"
                return
            same = done.fingerprint == self._fingerprint() or (last.kind == "expire" and self.ask.verb != "extend")
            if not same:
                raise HoldEnded(self.name, self.ask.key, _PAST[last.kind])
            self.replay = ended(self.policy, self.name, self.ask.key, last, done.sequence, True)
            return
        raise self._unknown()

    def _unknown(self) -> UnknownName:
        return UnknownName("hold", repr(self.ask.key), f"the key under which a hold of {self.name!r} was opened")

    def sort(self) -> Sort | None:
        """A hold has cells of its own, which are not remembered."""
        return None

    def instant(self, state: State) -> int:
        """Its own time, else now; no earlier than what the account has seen, within the tolerance."""
        if self.ask.at is None:
            return live_instant(self.clock, state)
        return max(self.ask.at, state.cells.get(TIME, 0) - TOLERANCE)

    def wanted(self, profile: Profile) -> Sequence[str]:
        """The cells that it may read."""
        return cells_for_hold(self.policy, profile, self.hold)

    def propose(self, state: State) -> Commit:
        """Decide on a state, and change it as if the commit were through."""
        self.profile = profile = profile_of(state, self.name)
        self.at = now = self.instant(state)
        return self._extend(state, profile, now) if self.ask.verb == "extend" else self._end(state, profile, now)

    def _end(self, state: State, profile: Profile, now: int) -> Commit:
        done, operations = end(self.policy, profile, state.cells, self.hold, self.kind, self.usage, now)
        if done.refused:
            blocker = done.refused
            advice = "the hold stays open"
            raise BoundExceeded(f"{blocker.kind} {blocker.name}", blocker.room + blocker.short, blocker.room, advice)
        self.ended = done
        hold, kind = self.hold, self.kind
        self.event = Event(
            SCHEMA, RULES, "commit" if kind == "late" else kind, hold.account, end_key(self.id, kind),
            self._fingerprint(), now, profile.version, changes_of(operations), hold.policy, hold.feature, hold.subject,
            hold.attributes, self.usage, "record", done.units,
            done.granted, done.legs, overshoot=done.overshoot, ends=hold.id, late=kind == "late",
            estimated=self.ask.estimated, moves=done.moves,
        )  # fmt: skip
        return self._commit(state, profile, operations)

    def _extend(self, state: State, profile: Profile, now: int) -> Commit:
        hold, usage = self.hold, self.usage or self.hold.usage
        rule = self.policy.plans[hold.plan].by_feature[hold.feature]
        due = now + (self.ask.lasts or rule.hold.lasts)
        self.verdict, operations = extend(self.policy, profile, state.cells, hold, usage, due, now)
        self.is_denied = not self.verdict.allowed
        named = self.ask.extension_key
        key = keyed_extension(hold.id, named) if named else f"{RESERVED}extend:{hold.id}:{hold.steps + 1}"
        if self.is_denied:
            self.cells = dict(state.cells)
            denial = (hold.feature, self.verdict.blockers[-1].kind, now // 60_000)
            return Commit(
                hold.account, state.epoch, profile.version, operations, key, self._fingerprint(), denied=denial,
                seen=state.sequence,
            )  # fmt: skip
        self.event = Event(
            SCHEMA, RULES, "extend", hold.account, key, self._fingerprint(), now, profile.version,
            changes_of(operations), hold.policy, hold.feature, hold.subject, hold.attributes, dict(usage), "exact",
            self.verdict.units, self.verdict.granted, self.verdict.legs, hold=self.verdict.hold,
        )  # fmt: skip
        return self._commit(state, profile, operations)

    def _commit(self, state: State, profile: Profile, operations: tuple[Operation, ...]) -> Commit:
        event = self.event
        assert event is not None
        payload = bounded(encode_event(event))
        # The hold's own cells are read anew, others may be remembered from before it was opened: the store tells.
        advance(state, operations, stale=True)
        hold = event.hold
        return Commit(
            event.account, state.epoch, profile.version, operations, event.key, event.fingerprint, payload,
            hold=(hold.id, hold.due, encode_hold(hold)) if hold else None, ended="" if hold else event.ends,
            seen=state.sequence,
        )  # fmt: skip

    def conclude(self, outcome: Outcome) -> Answer | None:
        """The answer that an outcome is; None if it must be decided again."""
        if isinstance(outcome, Committed):
            if self.is_denied:
                return self._denied()
            return self._answer(self.event, outcome.sequence, False)
        self.known.forget(self.account)
        if isinstance(outcome, Conflict) or not outcome.payload:
            return None
        if outcome.fingerprint != self._fingerprint():
            return self._other_end(outcome)
        return self._answer(decode_event(outcome.payload), outcome.sequence, True)

    def _denied(self) -> Decision:
        """The denial of an extension. When it would pass, and what would let it, is said as of a request for what is
        more, under the plan of the opening; no instant is told at which the extension itself would not pass."""
        hold, usage = self.hold, self.usage or self.hold.usage
        policy, cells, before = self.policy, self.cells, hold.usage
        more = {name: count - before.get(name, 0) for name, count in usage.items() if count > before.get(name, 0)}
        request = Request(hold.account, hold.feature, more or before, hold.key, hold.subject, hold.attributes)
        terms = replace(self.profile, plan=hold.plan, next_plan="")

        def passes(instant: int) -> bool:
            return extend(policy, terms, cells, hold, usage, hold.due, instant)[0].allowed

        return denied(policy, self.name, terms, cells, request, self.at, self.verdict, passes=passes)

    def _other_end(self, outcome: Duplicate) -> Answer | None:
        if self.ask.extension_key:
            return KeyReused(self.name, self.ask.extension_key)
        event = decode_event(outcome.payload)
        if event.kind in ("extend", "expire"):
            return None  # another step of extension, or it expired meanwhile: look again
        return HoldEnded(self.name, self.ask.key, _PAST[event.kind])

    def _answer(self, event: Event | None, sequence: int, replayed: bool) -> Decision | Ending:
        assert event is not None
        if event.kind == "extend":
            return extended(self.policy, self.name, self.ask.key, event, sequence, replayed)
        return ended(self.policy, self.name, self.ask.key, event, sequence, replayed)

    def _fingerprint(self) -> str:
        """What makes two ends of a hold the same end."""
        ask = self.ask
        content = _encode((ask.verb, sorted(self.usage.items()), ask.estimated, ask.lasts))
        return hashlib.blake2b(content, digest_size=16).hexdigest()


def _counts(feature: Feature, ask: HoldAsk) -> dict[str, int]:
    """The usage as counts of the feature; none where nothing was used, or where an extension asks for time alone."""
    usage = ask.usage
    if ask.verb == "extend" and usage is None:
        return {}
    if isinstance(usage, Mapping) and usage and not any(usage.values()):
        odd = [name for name, count in usage.items() if name not in feature.usage_names or type(count) is not int]
        if not odd:
            return {}
    if type(usage) is int and not usage and len(feature.usage_names) == 1:
        return {}
    return check_usage(feature, usage)


def keyed_extension(id_: str, key: str) -> str:
    """The key of the event that extends a hold under a key of the caller's: never that of a numbered step."""
    return f"{RESERVED}extend:{id_}:{hashlib.blake2b(key.encode(), digest_size=16).hexdigest()}"


def end_key(id_: str, kind: str) -> str:
    """The key of the event that ends a hold: of kind "late" for a commit after it had expired."""
    return f"{RESERVED}late:{id_}" if kind == "late" else f"{RESERVED}end:{id_}"

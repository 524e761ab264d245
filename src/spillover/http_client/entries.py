"""From a call to what stands in the journal, and from there to what its caller is told and to the call that records it.

An entry's `mode` says how it is recorded: "exact", "partial" and "record" are requests, "commit" and "estimate" (of
which nobody knew the true usage) commits of holds, "release" the release of one. A plain number as usage, of a feature
whose counts are not known here, has the name "".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from spillover.access.desk import OpenedHold
from spillover.core.intake import fingerprint
from spillover.core.words import amount_of
from spillover.documents.told import ToldDecision, ToldEnding
from spillover.engine.answers import Decision, Ending
from spillover.engine.journal import Admitted
from spillover.http_client.calls import Call, told
from spillover.http_client.notes import Held
from spillover.http_client.requests import DECISION, ENDING
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.policy import Feature
from spillover.model.request import Mode

Words = dict[str, Any]
REQUESTS: Final = ("exact", "partial", "record")
ENDS: Final = ("commit", "estimate", "release")
PLAIN = ""
"""The name of a count that only the service knows."""
LASTS_MS = 3_600_000
"""How long a hold is open here, if nobody says it: nothing is kept for it that somebody could miss."""

decode_words = msgspec.json.Decoder(dict[str, Any]).decode


def words_of(call: Call[Any]) -> Words:
    """What the body of a call says."""
    return {} if call.body is None else decode_words(call.body)


def feature_known(name: str, known: Feature | None) -> Feature:
    """The feature as the service's answers described it; else what can be said of it."""
    return known or Feature(name, "unit", "requests")


def usage_named(given: object, known: Feature | None) -> dict[str, int]:
    """Usage as counts by name."""
    if isinstance(given, Mapping):
        return dict(given)
    if given is None:
        return {}
    name = known.count if known and known.count not in ("requests", "cost") else PLAIN
    return {name: cast(int, given)}


def usage_said(usage: Mapping[str, int]) -> dict[str, int] | int | None:
    """The same as it is sent."""
    if not usage:
        return None
    return usage[PLAIN] if PLAIN in usage else dict(usage)


def is_same(one: Admitted | Held, other: Admitted | Held, known: Feature | None) -> bool:
    """Whether two requests under one key are the same. Meanwhile more may be known of the feature's counts."""
    if isinstance(one, Held) or isinstance(other, Held):
        return one.mark == other.mark
    return _sameness(one, known) == _sameness(other, known)


def _sameness(one: Admitted, known: Feature | None) -> tuple[object, ...]:
    usage = dict(one.usage)
    if known and known.count == "requests" and list(usage.values()) == [1]:
        usage = {}
    elif known and list(usage) == [known.count]:
        usage = {PLAIN: usage[known.count]}
    mode = "commit" if cast(str, one.mode) == "estimate" else one.mode
    return one.feature, usage, one.subject, one.attributes, mode, one.asked_at


def units_of(usage: Mapping[str, int], known: Feature | None) -> int:
    """How much of a bound it has: what the feature counts, or all its counts together where that is not known here or
    is money."""
    if known and known.count == "requests":
        return 1
    if known and known.count in usage:
        return max(usage[known.count], 1)
    return min(max(sum(usage.values()), 1), AMOUNT_MAX)


def entry_of(words: Words, known: Feature | None, now: int, why: str) -> Admitted:
    """A request as it stands in the journal. `why`: what let it in."""
    usage = usage_named(words.get("usage"), known)
    subject, attributes, at = words.get("subject") or "", words.get("attributes") or {}, words.get("at")
    mode: Mode = words.get("mode", "record")
    mark = fingerprint(words["feature"], usage, subject, attributes, mode, at)
    return Admitted(
        words["account"], words["key"], words["feature"], usage, subject, attributes, mode, now if at is None else at,
        at, units_of(usage, known), why, mark,
    )  # fmt: skip


def hold_of(words: Words, known: Feature | None, now: int, sent: bool) -> Held:
    """A hold that is opened here."""
    usage = usage_named(words.get("estimate"), known)
    subject, attributes = words.get("subject") or "", words.get("attributes") or {}
    lasts = words.get("lasts") or LASTS_MS
    said = usage_named(words.get("estimate"), None)  # whatever is known: the hold may be extended meanwhile
    mark = fingerprint(words["feature"], said, subject, attributes, words["mode"], words.get("at"), lasts)
    units = units_of(usage, known)
    at = now if words.get("at") is None else words["at"]
    return Held(
        words["account"], words["key"], words["feature"], usage, subject, attributes, at, at + lasts, units, mark, sent
    )


def end_of(
    verb: str, words: Words, held: Held | None, known: Feature | None, now: int, why: str, *, own: bool = False
) -> Admitted:
    """The end of a hold as it stands in the journal: `verb` is "commit" or "release". `held`: what is known of it;
    `own`: it was opened here, and a commit without usage is one of what was held."""
    given = words.get("usage")
    usage = dict(held.usage) if given is None and held and own else usage_named(given, known)
    mode = "release" if verb == "release" else "estimate" if words.get("estimated") else "commit"
    feature, subject, attributes = (held.feature, held.subject, held.attributes) if held else ("", "", {})
    at = words.get("at")
    mark = fingerprint(feature, usage, "", {}, mode, at)
    return Admitted(
        words["account"], words["key"], feature, usage, subject, attributes, cast(Mode, mode),
        now if at is None else at, at, units_of(usage, known) if mode != "release" else 0, why, mark,
    )  # fmt: skip


def decision_of(entry: Admitted | Held, known: Feature | None, replayed: bool, why: str = "") -> Decision:
    """What the caller is told: who pays is told later."""
    counted = feature_known(entry.feature, known)
    due = entry.due if isinstance(entry, Held) else 0
    units = entry.units if counted.count != "cost" else 0
    said = f"{_amount(counted, entry.units)}admitted while {why or 'the service was unreachable'}, to be settled later"
    return ToldDecision(
        True, entry.account, entry.feature, entry.key, entry.at, units, units, (), 0, replayed, counted, due=due,
        journaled=True, told=said,
    )  # fmt: skip


def ending_of(entry: Admitted, known: Feature | None, replayed: bool, why: str = "") -> Ending:
    """What who ends a hold is told."""
    counted = feature_known(entry.feature, known)
    kind = "release" if cast(str, entry.mode) == "release" else "commit"
    units = entry.units if counted.count != "cost" else 0
    beside = f"while {why or 'the service was unreachable'}, to be settled later"
    said = f"released {beside}" if kind == "release" else f"committed: {_amount(counted, entry.units)}used {beside}"
    return ToldEnding(
        kind, entry.account, entry.feature, entry.key, entry.at, units, (), None, (), False,
        cast(str, entry.mode) == "estimate", 0, replayed, counted, told=said,
    )  # fmt: skip


class AnyNames(tuple[str, ...]):
    """The counts of a feature, which only the service knows."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


def opened_of(held: Held) -> OpenedHold:
    """A hold as work begins under it."""
    usage = {name: count for name, count in held.usage.items() if name != PLAIN}
    return OpenedHold(usage, held.feature, AnyNames(usage), held.due, False)


def recording(entry: Admitted) -> Words:
    """The request that records an entry, in the words of `consume_many`."""
    return {
        "account": entry.account, "feature": entry.feature, "usage": usage_said(entry.usage), "key": entry.key,
        "subject": entry.subject or None, "attributes": entry.attributes or None, "mode": "record", "at": entry.at,
    }  # fmt: skip


def calls_of(entry: Admitted) -> list[Call[Any]]:
    """The calls that record an entry, in their order: a next one is only made where the one before found its key taken,
    its time too old, or its hold unknown. So the last ones find what was done before and change nothing."""
    recorded = recording(entry)
    at_its_time, now = (_told("record", words, entry) for words in (recorded, recorded | {"at": None}))
    if entry.mode in REQUESTS:
        name = "record" if entry.mode == "record" else "consume"
        mode = None if entry.mode == "record" else entry.mode
        return [at_its_time, now, _told(name, recorded | {"mode": mode, "at": entry.asked_at}, entry)]
    words: Words = {"account": entry.account, "key": entry.key}
    if cast(str, entry.mode) == "release":
        return [told("holds/release", words | {"at": entry.asked_at}, ENDING, again=True, key=entry.key)]
    words |= {"usage": usage_said(entry.usage), "estimated": cast(str, entry.mode) == "estimate", "at": entry.at}
    commit = told("holds/commit", words, ENDING, again=True, key=entry.key)
    return [commit, at_its_time, now, commit] if entry.feature else [commit]


def _told(path: str, words: Words, entry: Admitted) -> Call[Any]:
    if path == "record":
        words = {name: value for name, value in words.items() if name != "mode"}
    return told(path, words, DECISION, again=True, key=entry.key)


def _amount(counted: Feature, units: int) -> str:
    return "" if counted.count == "cost" else f"{amount_of(counted, units)} "

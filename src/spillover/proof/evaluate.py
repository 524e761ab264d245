"""A decision made again, offline: the shipped rules on a receipt's cells, compared with what its event says."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.decide import RULES, cells_for, decide
from spillover.core.holds import Ended, HowEnded, cells_for_hold, end, extend
from spillover.model.account import Profile
from spillover.model.commit import Operation
from spillover.model.decision import Verdict
from spillover.model.errors import InvalidInput, NewerRules
from spillover.model.event import Event
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.request import Request
from spillover.policy import policy_from_document
from spillover.proof.receipt import Receipt

ENDS = ("commit", "release", "expire")
DECIDED = ("usage", "hold", "extend", *ENDS)
"""Kinds of events that a decision made. Terms are orders: there is nothing to decide again."""


class Difference(Struct, frozen=True):
    """The first thing by which the decision made again is another one: its name, and both values, shown."""

    name: str
    recorded: str
    found: str


def evaluate(receipt: Receipt, policy: Policy | None = None) -> Difference | None:
    """None if the rules give the same decision on the receipt's cells, else the first difference, by name.

    Raises NewerRules for a decision of rules that this version does not know, PolicyError for a document that is no
    policy, InvalidInput for an event that no decision made, or that names what is not in the receipt.
    """
    event = receipt.decided
    if max(event.rules, receipt.rules) > RULES:
        raise NewerRules(
            f"the receipt is of rules {max(event.rules, receipt.rules)}, expected at most {RULES};"
            " a newer Spillover can check it"
        )
    if event.kind not in DECIDED:
        raise InvalidInput("receipt", f"an event of kind {event.kind}", f"one of {', '.join(DECIDED)}")
    policy = policy or policy_from_document(receipt.policy)
    _require_known(policy, event, receipt.hold)
    if event.kind in ENDS:
        return _compare_end(event, *_ended(policy, receipt.profile, receipt.cells, event, _held(receipt.hold)))
    if event.kind == "extend":
        hold = _held(receipt.hold)
        assert event.hold is not None
        verdict, operations = extend(
            policy, receipt.profile, receipt.cells, hold, event.usage, event.hold.due, event.at
        )  # fmt: skip
    else:
        verdict, operations = decide(policy, receipt.profile, receipt.cells, request_of(event), event.at)
    return _compare_verdict(event, verdict, operations)


def request_of(event: Event) -> Request:
    """The request that a usage event or the opening of a hold answered."""
    lasts = event.hold.due - event.hold.opened if event.hold else 0
    mode = event.mode if event.mode in ("partial", "record") else "exact"
    return Request(
        event.account, event.feature, event.usage, event.key, event.subject, event.attributes, mode,  # type: ignore[arg-type]
        event.fingerprint, lasts,
    )  # fmt: skip


def cells_of(policy: Policy, profile: Profile, event: Event, hold: Hold | None) -> tuple[str, ...]:
    """The names of all cells that the event's decision may have read."""
    if hold is not None and event.kind in ("extend", *ENDS):
        return cells_for_hold(policy, profile, hold)
    return cells_for(policy, profile, request_of(event))


def how_ended(event: Event) -> HowEnded:
    """In the words of the rules."""
    return "late" if event.late else event.kind  # type: ignore[return-value]


def _require_known(policy: Policy, event: Event, hold: Hold | None) -> None:
    for feature in (event.feature, hold.feature if hold else event.feature):
        if feature not in policy.features:
            raise InvalidInput("receipt", f"the feature {feature!r}", "one of its policy")
    if event.kind in ("hold", "extend") and event.hold is None:
        raise InvalidInput("receipt", f"an event of kind {event.kind} without its record", "one with it")


def _held(hold: Hold | None) -> Hold:
    if hold is None:
        raise InvalidInput("receipt", "no record of the hold", "the hold that the event extends or ends")
    return hold


def _ended(
    policy: Policy, profile: Profile, cells: dict[str, int], event: Event, hold: Hold
) -> tuple[Ended, Iterable[Operation]]:
    return end(policy, profile, cells, hold, how_ended(event), event.usage, event.at)


def _compare_end(event: Event, done: Ended, operations: Iterable[Operation]) -> Difference | None:
    refused = f"refused: {done.refused.kind} {done.refused.name}" if done.refused else event.kind
    return _first(
        [
            ("kind", event.kind, refused),
            ("units", event.units, done.units),
            ("granted", event.granted, done.granted),
            ("legs", event.legs, done.legs),
            ("overshoot", event.overshoot, done.overshoot),
            ("moves", event.moves, done.moves),
            ("changes", event.changes, _changes(operations)),
        ]
    )


def _compare_verdict(event: Event, verdict: Verdict, operations: Iterable[Operation]) -> Difference | None:
    blocked = "" if verdict.allowed else f"{verdict.blockers[-1].kind} {verdict.blockers[-1].name}"
    found: list[tuple[str, object, object]] = [
        ("verdict", "granted", "granted" if verdict.allowed else f"denied: {blocked}"),
        ("units", event.units, verdict.units),
        ("granted", event.granted, verdict.granted),
        ("legs", event.legs, verdict.legs),
        ("overshoot", event.overshoot, verdict.overshoot),
        ("hold", _of_these_rules(event.hold, verdict.hold), verdict.hold),
    ]
    return _first([*found, ("changes", event.changes, _changes(operations))])


def _of_these_rules(recorded: Hold | None, found: Hold | None) -> Hold | None:
    """The record as these rules would number it: an older number with the same content is the same decision."""
    return replace(recorded, rules=found.rules) if recorded and found else recorded


def _changes(operations: Iterable[Operation]) -> tuple[tuple[str, int | None, int], ...]:
    return tuple((name, floor, add) for name, _, _, floor, add in operations if add or floor is not None)


def _first(pairs: list[tuple[str, object, object]]) -> Difference | None:
    for name, recorded, found in pairs:
        if recorded != found:
            return Difference(name, _shown(recorded), _shown(found))
    return None


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:197] + "..."

"""What a backtest comes to as JSON: both policies side by side, who is newly denied or served, who pays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Self

import msgspec
from msgspec import Struct

from spillover.compare import report as nouns
from spillover.documents.amounts import Credits, Instant, instant_in, said, text_of


class ServedUnits(Struct, frozen=True, gc=False):
    """What was asked for and what was granted of one feature."""

    feature: str
    unit: Annotated[str, said('"micro-credit" for a feature that is counted by its cost', "second")]
    asked: int
    granted: int


class LayerShare(Struct, frozen=True, gc=False):
    """What one layer gave to one feature."""

    feature: str
    layer: Annotated[str, said("allowance, units, credits, overage or overshoot", "credits")]
    requests: int
    units: int
    unit: str
    charged: Credits


class DeniedFor(Struct, frozen=True, gc=False):
    """Requests denied for one reason."""

    kind: Annotated[str, said("The kind of what brought them to a halt", "window")]
    name: str
    requests: int


class RefusedFor(Struct, frozen=True, gc=False):
    """Requests that were no question."""

    error: str
    requests: int
    examples: tuple[str, ...]


class Figures(Struct, frozen=True, gc=False):
    """What one policy does with the requests."""

    requests: Annotated[int, said("granted + repeated + denials + refusals")]
    granted: int
    repeated: Annotated[int, said("Answered as before, under the same key")]
    denials: int
    refusals: int
    split: Annotated[int, said("Paid by more than one layer")]
    charged: Annotated[Credits, said("credits + overage + overshoot")]
    credits: Credits
    overage: Credits
    overshoot: Credits
    forgiven: Credits
    served: tuple[ServedUnits, ...]
    layers: tuple[LayerShare, ...]
    denied: tuple[DeniedFor, ...]
    refused: tuple[RefusedFor, ...]


class Difference(Struct, frozen=True, gc=False):
    """The proposed policy's figures less the present one's."""

    granted: int
    denials: int
    refusals: int
    split: int
    charged: Credits
    credits: Credits
    overage: Credits
    overshoot: Credits
    forgiven: Credits


class PlanFigures(Struct, frozen=True, gc=False):
    """One feature under one plan, by both policies."""

    plan: str
    feature: str
    present: Figures
    proposed: Figures
    difference: Difference


class Example(Struct, frozen=True, gc=False):
    """One request that changes sides, with the sentence of the denial."""

    account: str
    at: Instant
    key: str
    sentence: str


class ChangedPlan(Struct, frozen=True, gc=False):
    """Requests of one plan and feature that change sides."""

    plan: str
    feature: str
    requests: int
    accounts: int
    examples: tuple[Example, ...]


class ChangedAccount(Struct, frozen=True, gc=False):
    """An account some of whose requests change sides, and what it spends."""

    account: str
    plan: str
    requests: int
    feature: str
    first: Example
    present: Credits
    proposed: Credits


class Change(Struct, frozen=True, gc=False):
    """Requests that one policy serves and the other does not."""

    requests: int
    accounts: int
    by_group: tuple[ChangedPlan, ...]
    by_account: Annotated[tuple[ChangedAccount, ...], said("Those with the most such requests first, at most 100")]


class Moment(Struct, frozen=True, gc=False):
    """What was charged from `at` to the next moment."""

    at: Instant
    present: Annotated[int, said("Micro-credits")]
    proposed: Annotated[int, said("Micro-credits")]


class Band(Struct, frozen=True, gc=False):
    """How many accounts spend more than `above` and at most `until` in all."""

    above: Annotated[int, said("Micro-credits")]
    until: Annotated[int | None, said("Micro-credits; null for without end")]
    present: int
    proposed: int


class PolicyName(Struct, frozen=True, gc=False):
    """A policy."""

    name: Annotated[str, said("Where it came from", "the policy in force")]
    hash: str


class Backtest(Struct, frozen=True):
    """The present policy beside the proposed one, on the same requests."""

    source: Annotated[str, said("The trace, or the books", "the books of this service")]
    present_policy: PolicyName
    proposed_policy: PolicyName
    requests: int
    accounts: int
    forgotten: Annotated[int, said("Accounts whose own lines made room; 0 but of a shadow")]
    skipped: Annotated[int, said("Rows of a trace that are no requests")]
    bad: Annotated[int, said("Rows of a trace that could not be used")]
    first_bad: tuple[str, ...]
    since: Annotated[Instant | None, said("Of the first request; null for none")]
    until: Annotated[Instant | None, said("Of the last request; null for none")]
    present: Figures
    proposed: Figures
    difference: Difference
    groups: tuple[PlanFigures, ...]
    newly_denied: Change
    newly_served: Change
    width: Annotated[int, said("The length of a moment in milliseconds")]
    timeline: tuple[Moment, ...]
    bands: tuple[Band, ...]
    notes: Annotated[tuple[str, ...], said("How it was computed, and what cannot be known")]
    same: Annotated[bool, said("Nothing differs for anybody, in any figure")]

    @classmethod
    def of(cls, comparison: nouns.Comparison) -> Self:
        """The comparison; it needs no policy, as units of every feature stand as they are."""
        found = _each_at(msgspec.to_builtins(comparison), text_of)
        for name in ("since", "until"):
            found[name] = text_of(found[name]) if found[name] else None
        return msgspec.convert({**found, "same": comparison.same}, cls)

    def noun(self) -> nouns.Comparison:
        """The comparison."""
        found = _each_at(msgspec.to_builtins(self), instant_in)
        for name in ("since", "until"):
            found[name] = instant_in(found[name]) if found[name] else 0
        return msgspec.convert(found, nouns.Comparison)


def _each_at(value: Any, told: Callable[[Any], Any]) -> Any:  # noqa: ANN401  # whatever JSON tells
    """The same, with each field `at` told otherwise."""
    if isinstance(value, dict):
        return {name: told(one) if name == "at" else _each_at(one, told) for name, one in value.items()}
    return [_each_at(one, told) for one in value] if isinstance(value, list | tuple) else value

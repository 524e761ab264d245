"""Which publication is in force when: of those whose instant has come, the one with the highest number.

One that was withdrawn before its instant came counts as if it had never been.
"""

from __future__ import annotations

from collections.abc import Sequence

from spillover.model.reports import PolicyChange, Publication


def in_force(publications: Sequence[Publication], at: int) -> Publication | None:
    """The one that decides at an instant; None before the first."""
    come = [one for one in _standing(publications) if one.since <= at]
    return max(come, key=lambda one: one.number, default=None)


def changes(publications: Sequence[Publication]) -> tuple[PolicyChange, ...]:
    """When the policy in force became another one, in the order of time; the first policy is no change."""
    found: list[PolicyChange] = []
    before: Publication | None = None
    for instant in sorted({one.since for one in _standing(publications)}):
        now = in_force(publications, instant)
        if before and now and now.hash != before.hash:
            found.append(PolicyChange(instant, before.hash, now.hash, now.reason, now.actor))
        before = now or before
    return tuple(found)


def to_come(publications: Sequence[Publication], now: int) -> tuple[Publication, ...]:
    """Those that will come into force after an instant, as things stand, in the order in which they come."""
    deciding = in_force(publications, now)
    newest = deciding.number if deciding else 0
    coming = []
    for one in sorted(_standing(publications), key=lambda one: (one.since, -one.number)):
        if one.since > now and one.number > newest:
            coming.append(one)
            newest = one.number
    return tuple(coming)


def replaced(publications: Sequence[Publication]) -> frozenset[int]:
    """Numbers of those scheduled that never come into force: one published later counts from no later an instant on."""
    found, earliest = set(), None
    for one in sorted(_standing(publications), key=lambda one: -one.number):
        if earliest is not None and one.at < one.since >= earliest:
            found.add(one.number)
        counts_from = max(one.since, one.at)
        earliest = counts_from if earliest is None else min(earliest, counts_from)
    return frozenset(found)


def withdrawn(publications: Sequence[Publication]) -> frozenset[int]:
    """Numbers of those that were taken back."""
    return frozenset(one.withdraws for one in publications if one.withdraws)


def _standing(publications: Sequence[Publication]) -> list[Publication]:
    gone = withdrawn(publications)
    return [one for one in publications if not one.withdraws and one.number not in gone]

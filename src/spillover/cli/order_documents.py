"""What was asked, held and ordered as JSON documents, in the words of documents.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from spillover.cli.documents import (
    Document,
    amount_in,
    blocker_of,
    credits_of,
    decision_of,
    instant_of,
    legs_of,
    lot_of,
    overshoot_of,
)
from spillover.engine.answers import Decision, Ending
from spillover.engine.orders import Ordered, Reversed
from spillover.model.account import Lot
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.reports import LotBalance
from spillover.ports import Refunded


def answer_of(policy: Policy, decision: Decision) -> Document:
    """A decision that took place: what it did, and the key under which it is known."""
    return {
        **decision_of(policy, decision),
        "key": decision.key,
        "replayed": decision.replayed,
        "sequence": decision.sequence or None,
        "overshoot": overshoot_of(policy, decision.feature, decision.overshoot),
        "limited_by": [blocker_of(policy, decision.feature, blocker) for blocker in decision.blockers],
        "due": instant_of(decision.due) if decision.due else None,
        "held": legs_of(policy, decision.feature, decision.held),
    }


def ending_of(policy: Policy, ending: Ending) -> Document:
    """The end of a hold."""
    return {
        "account": ending.account,
        "feature": ending.feature,
        "key": ending.key,
        "at": instant_of(ending.at),
        "kind": ending.kind,
        "sentence": ending.sentence,
        "granted": amount_in(policy, ending.feature, ending.granted),
        "charged": credits_of(ending.charged),
        "legs": legs_of(policy, ending.feature, ending.legs),
        "overshoot": overshoot_of(policy, ending.feature, ending.overshoot),
        "late": ending.late,
        "estimated": ending.estimated,
        "replayed": ending.replayed,
    }


def hold_of(policy: Policy, hold: Hold, names: Mapping[str, str]) -> Document:
    """An open hold. `names`: token -> name, of people that were not erased."""
    return {
        "key": hold.key,
        "feature": hold.feature,
        "subject": names.get(hold.subject, hold.subject) or None,
        "attributes": {name: names.get(value, value) for name, value in hold.attributes.items()},
        "opened": instant_of(hold.opened),
        "due": instant_of(hold.due),
        "estimate": hold.usage,
        "held": amount_in(policy, hold.feature, hold.units),
        "legs": legs_of(policy, hold.feature, [part.leg for part in hold.parts]),
        "extended": hold.steps,
    }


def standing_lot_of(policy: Policy, found: LotBalance, state: str) -> Document:
    """A lot with what the books have of it."""
    measure = found.lot.measure
    gone = found.granted - found.balance - found.spent
    sums = {"granted": found.granted, "spent": found.spent, "gone": gone, "settled": found.balance}
    return {
        **lot_of(found.lot),
        "state": state,
        **{name: amount_in(policy, measure, amount) for name, amount in sums.items()},
        "scope": {name: list(values) for name, values in found.lot.scope},
        "paid": found.paid or None,
        "currency": found.currency or None,
        "tax": found.tax or None,
        "reference": found.reference or None,
        "granted_at": instant_of(found.granted_at),
    }


def ordered_of(policy: Policy, name: str, key: str, done: Ordered, measures: Mapping[int, str]) -> Document:
    """What an order did. `measures`: lot -> what it is measured in."""
    lowered = [{"lot": lot, **amount_in(policy, measures[lot], amount)} for lot, amount in done.lowered]
    entries = [
        {"kind": entry.kind, "what": entry.what, "before": entry.before, "after": entry.after} for entry in done.entries
    ]
    return {"account": name, "key": key, "version": done.version, "lowered": lowered, "entries": entries}


def reversed_of(name: str, reference: str, key: str, done: Reversed) -> Document:
    """What a chargeback took back; lots with a reference are of credits."""
    sums = {"granted": done.granted, "taken": done.taken, "shortfall": done.shortfall}
    lots = [{"lot": lot, **credits_of(amount)} for lot, amount in done.lots]
    amounts = {sort: credits_of(amount) for sort, amount in sums.items()}
    return {"account": name, "reference": reference, "key": key, **amounts, "lots": lots}


def refunded_of(
    policy: Policy, name: str, event: tuple[str, str], key: str, done: Refunded, lots_of: Mapping[int, Lot]
) -> Document:
    """What a refund of the event (its key and feature) gave back; sums in micro-credits or units, as its lots."""
    event_key, feature = event
    lots = [
        {"lot": back.lot, **amount_in(policy, lots_of[back.lot].measure, back.amount), "posted_as": back.fate or None}
        for back in returned(done, lots_of)
    ]
    return {
        "account": name,
        "refunded": event_key,
        "key": key,
        "feature": feature,
        **amount_in(policy, feature, done.units),
        "lots": lots,
        "relieved": credits_of(done.relieved),
        "expired": done.expired,
        "revoked": sum(amount for _, amount in done.revoked),
    }


class Returned(NamedTuple):
    """What a refund gave back to a lot; `fate`: "" can be spent again, else posted as "expired" or "revoked"."""

    lot: int
    amount: int
    fate: str


def returned(done: Refunded, lots_of: Mapping[int, Lot]) -> list[Returned]:
    """What went to each lot, in order, and what became of it."""
    revoked = dict(done.revoked)
    sums: dict[int, int] = {}
    for lot, amount in done.lots:
        sums[lot] = sums.get(lot, 0) + amount
    # What expired by then is all of the lots that expire first.
    expired, left = set[int](), done.expired
    for lot in sorted(sums.keys() - revoked.keys(), key=lambda lot: lots_of[lot].expires):
        if left <= 0:
            break
        expired.add(lot)
        left -= sums[lot]
    return [
        Returned(lot, amount, "revoked" if lot in revoked else "expired" if lot in expired else "")
        for lot, amount in sums.items()
    ]

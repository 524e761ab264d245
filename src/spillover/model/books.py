"""What settlement writes: monetization events (data set 2) and balance updates (data set 3), and what is read back."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

UpdateKind = Literal[
    "grant", "debit", "overshoot_refund", "refund", "expire", "revoke", "adjust", "rollover", "overage", "owed",
    "window_reset", "override", "plan_change", "state_change",
]  # fmt: skip


class Charge(Struct, frozen=True, gc=False):
    """A monetization event: what is charged for one usage event, in micro-credits. Only where something is charged.

    `legs` are the paid ones: (layer, units, unit price, amount); then ("overshoot", units, price, amount) and, with a
    negative amount, ("forgiven", 0, 0, -forgiven). `amount` is their sum, 0 where all is forgiven."""

    feature: str
    at: int
    subject: str
    amount: int
    legs: tuple[tuple[str, int, int, int], ...]


class Transfer(Struct, frozen=True, gc=False):
    """A balance update before it has its place in the chain: `amount` (in `measure`) moves from one book to another;
    `delta` is what that does to the lot (without one, to the receivable, the overshoot book, or what is owed).

    The four allowance adjustments move nothing: `measure` is what was changed, `source` and `target` from and to what.
    """

    kind: UpdateKind
    measure: str  # "credits", or the feature whose units these are
    lot: int  # 0 where no lot is concerned
    delta: int
    source: str  # the book that gives: "lot/3", "purchases", "promotion", "receivable"
    target: str  # the book that takes: "lot/3", "revenue/codex.messages"
    cause: str  # "EPOCH.SEQUENCE" of the event, or the caller's key
    reason: str
    actor: str
    at: int

    @property
    def amount(self) -> int:
        """What moves between the books, never negative."""
        return abs(self.delta)

"""Automatic top-ups as JSON: the rule of an account, and what was ordered by it."""

from __future__ import annotations

from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import Credits, Instant, credits_of, said, text_of
from spillover.documents.packs import Pack
from spillover.ports import sales as nouns
from spillover.ports.sales import TopUpState


class TopUpRule(Struct, frozen=True):
    """When the account's credits fall to `below` or less, the pack is ordered."""

    account: Annotated[str | None, said("null where it was erased", "acme")]
    below: Credits
    pack: Annotated[str, said("The policy's name of it", "small")]
    most: Annotated[int, said("Orders in a calendar month of the account's zone, at most", 3)]
    made: Instant

    @classmethod
    def of(cls, rule: nouns.TopUpRule, account: str | None) -> Self:
        """A rule, by the account's name."""
        return cls(account, credits_of(rule.below), rule.pack, rule.most, text_of(rule.made))


class TopUpRules(Struct, frozen=True):
    """All rules. Pages go on with `after`."""

    rules: tuple[TopUpRule, ...]
    after: Annotated[int | None, said("What the next page goes on with; null: there is no more")]


class TopUpOrder(Struct, frozen=True):
    """A pack that was ordered: paid, failed, or wanted still."""

    key: Annotated[str, said("Under which it is charged and granted, once", "topup:4711:2026-03:1")]
    state: TopUpState
    pack: Pack
    at: Instant
    tries: Annotated[int, said("Charges that were refused")]
    due: Annotated[Instant | None, said("When it is looked at next; null where it has ended")]
    note: Annotated[str | None, said("Why it failed, or why the last try did", "card declined")]

    @classmethod
    def of(cls, order: nouns.TopUp) -> Self:
        """An order."""
        waits = order.state == "wanted"
        return cls(
            order.key, order.state, Pack.of(order.pack.measure == "credits", order.pack), text_of(order.at),
            order.tries, text_of(order.due) if waits else None, order.note or None,
        )  # fmt: skip


class TopUps(Struct, frozen=True):
    """How an account is topped up."""

    account: str
    rule: Annotated[TopUpRule | None, said("null where it is not")]
    orders: Annotated[tuple[TopUpOrder, ...], said("The newest first, at most a hundred")]

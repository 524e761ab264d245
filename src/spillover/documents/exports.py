"""Pieces of overage as JSON: what was written down to be billed, and what became of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from msgspec import Struct

from spillover.documents.amounts import Credits, credits_of, instant_of, said
from spillover.ports import sales as nouns


class Piece(Struct, frozen=True):
    """Overage of one account, of the balance updates `after` < number <= `until`."""

    account: Annotated[str, said("The account's name, or its id where it was erased", "acme")]
    number: Annotated[int, said("Of the account's pieces, from 1 on", 1)]
    outcome: Annotated[str, said("What became of it", "sent")]
    amount: Annotated[Credits, said("Credits that the overage line advanced, less what was refunded")]
    money: Annotated[str, said("What is billed for it", "12.50 EUR")]
    reference: Annotated[str | None, said("What the biller calls it", "ii_1")] = None
    after: Annotated[int | None, said("The last balance update before it", 0)] = None
    until: Annotated[int | None, said("Its last balance update", 17)] = None
    rest: Annotated[str | None, said("What rounding left for the next, in minor units", "1/3")] = None
    at: Annotated[str | None, said("When it was written down")] = None
    why: Annotated[str | None, said("Why it is not done")] = None

    @classmethod
    def of(cls, name: str | None, piece: nouns.Export, money: str) -> Self:
        """A piece as it was written down. `money`: its amount as text."""
        return cls(
            str(piece.account) if name is None else name, piece.number, piece.state, credits_of(piece.amount), money,
            piece.reference or None, piece.after, piece.until, piece.rest, instant_of(piece.at),
        )  # fmt: skip


class Pieces(Struct, frozen=True):
    """Pieces in their order."""

    pieces: tuple[Piece, ...]

    @classmethod
    def of(cls, pieces: Iterable[Piece]) -> Self:
        """All of them."""
        return cls(tuple(pieces))

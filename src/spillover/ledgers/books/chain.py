"""Hash chains: each data set has one for every account, so that an edit, a gap or a cut end shows (docs/LEDGER.md)."""

from __future__ import annotations

import hashlib

import msgspec

Data = str | int
"""What a canonical row is made of; bytes come as the text that they are."""

_canonical = msgspec.json.Encoder().encode  # for texts and integers its output is that of RFC 8785


def genesis(table: str, account: int) -> bytes:
    """The hash before an account's first row in that data set."""
    return hashlib.sha256(f"spillover 1 {table} {account}".encode()).digest()


def link(previous: bytes, row: tuple[Data, ...]) -> bytes:
    """The hash of a row: all its columns in the table's order, chained to the row before."""
    return hashlib.sha256(previous + _canonical(row)).digest()

"""Canonical rows and their hashes, as docs/LEDGER.md states them (invariant 19)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

canonical = msgspec.json.Encoder().encode
"""The bytes of a row: a JSON array without spaces, in which only what must be escaped is."""

Row = tuple[Any, ...]


def genesis(table: str, account: int) -> bytes:
    """The hash before an account's first row."""
    return hashlib.sha256(f"spillover 1 {table} {account}".encode()).digest()


def link(before: bytes, row: Row) -> bytes:
    """The hash of a row (without its own hash) behind the one before."""
    return hashlib.sha256(before + canonical(row)).digest()

"""The hash chains of the books, computed again from docs/LEDGER.md; and the one form in which proofs are written.

Canonical JSON is what Python's `json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)` writes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec

from spillover.model.account import Profile
from spillover.model.event import Event, encode_event

HASH_LENGTH = 64
"""Characters of a SHA-256 in hexadecimal."""

_LATER_TERMS = ("overrides", "next_plan", "next_at", "gifts")
"""What the terms in events of form 1 did not have."""


def canonical(value: object) -> bytes:
    """A value's canonical JSON. Raises UnicodeEncodeError for text that has no UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def genesis(table: str, account: int) -> bytes:
    """The hash before an account's first row in that data set."""
    return hashlib.sha256(f"spillover 1 {table} {account}".encode()).digest()


def link(previous: bytes, row: tuple[str | int, ...] | list[str | int]) -> bytes:
    """The hash of a row, chained to the row before."""
    return hashlib.sha256(previous + canonical(row)).digest()


def event_row(epoch: int, sequence: int, event: Event, text: str) -> tuple[str | int, ...]:
    """A usage event as the chain of `usage_events` has it."""
    return (event.account, epoch, sequence, event.key, text)


def event_text(event: Event) -> str:
    """The event's JSON, byte for byte as it stands in the books."""
    if event.schema == 1 and event.terms is not None:
        form: dict[str, Any] = msgspec.to_builtins(event)
        form["terms"] = _terms_of_form_1(event.terms)
        return msgspec.json.encode(form).decode()
    return encode_event(event).decode()


def _terms_of_form_1(terms: Profile) -> dict[str, Any]:
    form: dict[str, Any] = msgspec.to_builtins(terms)
    return {name: value for name, value in form.items() if name not in _LATER_TERMS}

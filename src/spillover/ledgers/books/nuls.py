"""Texts with a NUL: PostgreSQL keeps none, so no books do. An order with one is refused, an event is poison.

The door lets none in, so such an event is a forged or damaged one.
"""

from __future__ import annotations

import re

NUL, SHOWN = "\0", "\u2400"
_ESCAPED = b"\\u0000"
_find = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000").search


def in_json(payload: bytes) -> bool:
    """Whether a text in this JSON has a NUL; a backslash before `u0000` that is itself escaped is none."""
    return _ESCAPED in payload and _find(payload) is not None


def shown(text: str) -> str:
    """The text as the books keep it where they must keep something: the sign for a NUL in place of each."""
    return text.replace(NUL, SHOWN)

"""What is asked: one feature, raw usage, by whom. Names are already tokens where they name people."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Mode = Literal["exact", "partial", "record"]


class Request(Struct, frozen=True, gc=False):
    """One request, checked by core.intake, ready to be decided.

    `subject` and unpriced attributes are random tokens (names stand in an erasable table); "" is the account itself.
    `fingerprint` identifies the content for law 10. `hold`: for how many ms a hold is wanted; 0: none, it is consumed.
    """

    account: int
    feature: str
    usage: dict[str, int]
    key: str
    subject: str = ""
    attributes: dict[str, str] = {}
    mode: Mode = "exact"
    fingerprint: str = ""
    hold: int = 0

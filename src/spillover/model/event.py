"""What the stream carries: an event holds everything, so settlement computes nothing but sums (design, section 7)."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from spillover.model.account import Profile
from spillover.model.decision import Leg

SCHEMA = 1
"""The version of the event's form."""


class Event(Struct, frozen=True, omit_defaults=True, gc=False):
    """A usage event (data set 1), or the entry by which new terms came into force (`kind` "terms").

    Its place, (epoch, sequence), is given by the store at commit and stands beside it. `changes` are the cell
    operations that were applied, without their conditions: (name, floor, add). `at` is milliseconds since 1970.
    """

    schema: int
    rules: int
    kind: Literal["usage", "terms"]
    account: int
    key: str
    fingerprint: str
    at: int
    profile: int  # the version decided on; for terms the version that came into force
    changes: tuple[tuple[str, int | None, int], ...]
    policy: str = ""
    feature: str = ""
    subject: str = ""
    attributes: dict[str, str] = {}
    usage: dict[str, int] = {}
    mode: str = "exact"
    units: int = 0
    granted: int = 0
    legs: tuple[Leg, ...] = ()
    terms: Profile | None = None


class StreamEntry(Struct, frozen=True, gc=False):
    """One event in the stream with its identity: account and key, and (epoch, sequence)."""

    account: int
    epoch: int
    sequence: int
    key: str
    payload: bytes


encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(Event).decode

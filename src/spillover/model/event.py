"""What the stream carries: an event holds everything, so settlement computes nothing but sums (design, section 7)."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from spillover.model.account import Profile
from spillover.model.decision import Overshoot
from spillover.model.hold import Hold
from spillover.model.leg import Leg

SCHEMA = 2
"""The version of the event's form. Every field that form 1 had means in form 2 what it meant."""

EventKind = Literal["usage", "hold", "extend", "commit", "release", "expire", "terms"]
MoveKind = Literal["revoke", "adjust", "expire", "rollover", "owed"]
EntryKind = Literal["window_reset", "override", "plan_change", "state_change"]


class Move(Struct, frozen=True, omit_defaults=True, gc=False):
    """A lot lowered other than by a draw: `amount` left it, `to` the lot that has it now (a rollover), else 0.

    `held`: it did not come out of the lot's cell but out of what a hold kept, when it fell back to a lot that had
    expired or been revoked.
    """

    kind: MoveKind
    lot: int
    amount: int
    to: int = 0
    held: bool = False


class Entry(Struct, frozen=True, gc=False):
    """A change of an allowance or of terms, for the statement: what it concerns, how it was and how it is."""

    kind: EntryKind
    what: str  # "plan", "state", "consent", "zone", "billing_day", or the limit's title and scope
    before: str
    after: str


class Event(Struct, frozen=True, omit_defaults=True, gc=False):
    """A usage event (data set 1), or the entry by which new terms came into force (`kind` "terms").

    Its place, (epoch, sequence), is given by the store at commit and stands beside it. `changes` are the cell
    operations that were applied, without their conditions: (name, floor, add). `at` is milliseconds since 1970.

    usage    consumed or recorded in one step: `legs`, `overshoot`
    hold     `legs` were drawn and are kept by `hold`, the record; extend: the same, `legs` are the further ones
    commit   ends the hold `ends`: `usage`, `units` and `legs` are the final ones, in full; `moves` what fell back to
             lots that are gone. `late`: it had expired, `legs` were drawn now. `estimated`: nobody gave the true usage
    release, expire    ends the hold `ends`; nothing is granted
    terms    profile `profile` came into force: `terms`, with `moves` and `entries`, for `reason`, by `actor`
    """

    schema: int
    rules: int
    kind: EventKind
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
    overshoot: Overshoot | None = None
    hold: Hold | None = None
    ends: str = ""
    late: bool = False
    estimated: bool = False
    moves: tuple[Move, ...] = ()
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    actor: str = ""


class StreamEntry(Struct, frozen=True, gc=False):
    """One event in the stream with its identity: account and key, and (epoch, sequence)."""

    account: int
    epoch: int
    sequence: int
    key: str
    payload: bytes


encode_event = msgspec.json.Encoder().encode
decode_event = msgspec.json.Decoder(Event).decode

"""Who pays: the account's slowly changing facts (profile) and the lots it holds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

AccountState = Literal["active", "suspended", "closed"]

NEVER = 2**53 - 1
"""The expiry of a lot that has none: later than any instant."""


class Lot(Struct, frozen=True, omit_defaults=True, gc=False):
    """A block of credits or of a feature's own units; what remains of it is the cell `lot:ID`.

    `measure` is "credits" (micro-credits) or the feature whose units it holds. Instants are milliseconds since 1970.
    """

    id: int
    measure: str
    priority: int = 100
    effective: int = 0
    expires: int = NEVER
    promotional: bool = False


class Profile(Struct, frozen=True, gc=False):
    """What `decide` knows of an account besides its cells. Replaced as a whole; `version` grows by one each time.

    `lots` stand in burn order (core.lots.burn_order). `anchor` is the billing instant that fixed windows start from.
    """

    account: int
    version: int
    plan: str
    anchor: int
    zone: str = "UTC"
    state: AccountState = "active"
    consent: bool = True
    lots: tuple[Lot, ...] = ()

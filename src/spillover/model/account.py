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
    `scope`: what it may be spent on, attribute (or "feature", "subject") -> values, all of which must fit; tokens where
    they name people.
    """

    id: int
    measure: str
    priority: int = 100
    effective: int = 0
    expires: int = NEVER
    promotional: bool = False
    scope: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Override(Struct, frozen=True, omit_defaults=True, gc=False):
    """Another maximum for one limit of this account (`limits.set`), for one `scope` value or all of them (None).

    `limit` is the limit's title, "OWNER/NAME". In force until `until` (excluded).
    """

    limit: str
    max: int
    scope: str | None = None
    until: int = NEVER


class Profile(Struct, frozen=True, gc=False):
    """What `decide` knows of an account besides its cells. Replaced as a whole; `version` grows by one each time.

    `lots` stand in burn order (core.lots.burn_order). `anchor` is the billing instant that fixed windows start from.
    From `next_at` on the plan is `next_plan` ("": no change is scheduled). `gifts` are those given by plans:
    (PLAN/NAME, the instant from which the next one is due).
    """

    account: int
    version: int
    plan: str
    anchor: int
    zone: str = "UTC"
    state: AccountState = "active"
    consent: bool = True
    lots: tuple[Lot, ...] = ()
    overrides: tuple[Override, ...] = ()
    next_plan: str = ""
    next_at: int = NEVER
    gifts: tuple[tuple[str, int], ...] = ()

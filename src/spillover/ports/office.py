"""What a service must remember that is not books: who may call it, and what administrators did (decision 0007)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

Scope = Literal["decide", "read", "admin"]
"""What a key opens: decisions and holds; questions; everything. `admin` holds `decide`, which holds `read`."""


class Secret(Struct, frozen=True):
    """One secret of a key: its SHA-256, and until when it opens (ms since 1970)."""

    digest: bytes
    until: int


class ApiKey(Struct, frozen=True):
    """A key by which a program calls the service. The secrets themselves are never kept.

    `accounts`, `features`: the only ones it is good for; () for all. "" is an account that was erased since: nothing is
    called so, so a key that was bound to it alone opens nothing. `revoked`: since when it opens nothing; 0 never.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    secrets: tuple[Secret, ...]
    accounts: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    created: int = 0
    revoked: int = 0


class Act(Struct, frozen=True):
    """What an administrator did: the verb, on which account, as whom, why, and how it ended ("" while under way).

    `account` is "" where there is none. `details` is what was asked, as JSON, without secrets. Erasing an account takes
    away `account` and `details` of its acts, and `details` of others that name it; the rest stays.
    """

    number: int
    at: int
    by: str
    verb: str
    account: str
    reason: str
    details: bytes
    outcome: str = ""
    ended: int = 0


class Office(Protocol):
    """Kept in the books' database, in tables of its own. Used by one thread at a time.

    Raises StoreError; InvalidInput and BoundExceeded for texts that no database keeps, before anything is written.
    """

    async def put_key(self, key: ApiKey) -> None:
        """Keep a key, in place of what stands under its id."""

    async def change_key(self, id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        """Keep a key as `change` makes it of how it stands, while nobody else changes one; None for no such one.

        `change` may be called again, and does nothing outside; what it raises leaves the key as it is.
        """

    async def key(self, id: str) -> ApiKey | None:
        """The key with that id."""

    async def keys(self) -> Sequence[ApiKey]:
        """All keys, revoked ones too, in the order of making."""

    async def begin(self, act: Act) -> int:
        """Write down an act before it is done; its number, from 1 on without gaps. Its own `number`, `outcome` and
        `ended` are not looked at.
        """

    async def end(self, number: int, outcome: str, at: int) -> None:
        """How it ended, once; later words change nothing."""

    async def acts(
        self, *, since: int = 0, until: int = 1 << 53, account: str | None = None, limit: int = 1000, after: int = 0
    ) -> Sequence[Act]:
        """What was done from `since` until before `until`, the earliest first; pages go on with `after`, a number.

        `account`: only on this one. At most 10,000 of them.
        """

    async def acts_of(self, verb: str, *, limit: int = 1000, after: int = 0) -> Sequence[Act]:
        """All of that verb, whenever they were done, in the order of their numbers; pages as those of `acts`."""

    async def signing_key(self, fresh: bytes) -> bytes:
        """The secret that customers' tokens are signed with: `fresh`, if none was kept before."""

    async def close(self) -> None:
        """Give back the handle. Safe to repeat."""

"""The outbox: new terms that are booked and that the hot state does not know yet, in the order of their making."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec
from msgspec.structs import asdict

from spillover.model.account import Profile
from spillover.model.event import Entry
from spillover.model.terms import Lower, Reset
from spillover.ports import Push
from spillover.sql import statements

SQL = statements("spillover.ledgers.sqlite", "outbox.sql")

_profile = msgspec.json.Decoder(Profile).decode


class Queued(msgspec.Struct, frozen=True, omit_defaults=True):
    """A push without its profile and instant, which stand among the versions. Its fields are those of `Push`."""

    raised: tuple[tuple[int, int], ...] = ()
    relieved: int = 0
    lowers: tuple[Lower, ...] = ()
    resets: tuple[Reset, ...] = ()
    entries: tuple[Entry, ...] = ()
    reason: str = ""
    actor: str = ""


_encode = msgspec.json.Encoder().encode
_queued = msgspec.json.Decoder(Queued).decode


def queue(connection: apsw.Connection, push: Push) -> None:
    """Keep the push for the hot state."""
    rest = {name: value for name, value in asdict(push).items() if name not in ("profile", "at")}
    profile = push.profile
    connection.execute(SQL["queue"], (profile.account, profile.version, _encode(Queued(**rest)).decode()))


def unpushed(connection: apsw.Connection, limit: int, account: int | None) -> list[Push]:
    """The oldest queued terms, of one account or of all.

    A row that cannot be read is left for an audit to name, with the later ones of its account, which build on it:
    damage to one account must not keep back the terms of all.
    """
    chosen = (SQL["unpushed"],) if account is None else (SQL["unpushed_of"], (account,))
    found: list[Push] = []
    stuck: set[Any] = set()
    rows: Any = connection.execute(*chosen)
    for owner, payload, push, at in rows:
        if owner in stuck:
            continue
        try:
            found.append(Push(_profile(payload), **asdict(_queued(push)), at=at))
        except (msgspec.DecodeError, TypeError):
            stuck.add(owner)
        if len(found) >= limit:
            break
    return found


def pushed(connection: apsw.Connection, pushes: Sequence[Push]) -> None:
    """Take these off the queue."""
    connection.executemany(SQL["pushed"], [(push.profile.account, push.profile.version) for push in pushes])

"""The outbox: new terms that are booked and that the hot state does not know yet, in the order of their making.

What was pushed is kept beside it until it is settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import asdict

from spillover.ledgers.books.tables import Row, Tables
from spillover.model.account import Profile
from spillover.model.event import Entry
from spillover.model.terms import Lower, Reset
from spillover.ports import Push

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


def queue(tables: Tables, push: Push) -> None:
    """Keep the push for the hot state."""
    rest = {name: value for name, value in asdict(push).items() if name not in ("profile", "at")}
    profile = push.profile
    tables.run("outbox.queue", profile.account, profile.version, _encode(Queued(**rest)).decode())


def unpushed(tables: Tables, limit: int, account: int | None) -> list[Push]:
    """The oldest queued terms, of one account or of all.

    A row that cannot be read is left for an audit to name, with the later ones of its account, which build on it:
    damage to one account must not keep back the terms of all.
    """
    rows = tables.rows("outbox.unpushed") if account is None else tables.rows("outbox.unpushed_of", account)
    return _pushes(rows, limit)


def unpushed_of_each(tables: Tables, accounts: Sequence[tuple[int]]) -> dict[int, list[Push]]:
    """All queued terms of these accounts, each one's in version order, as far as they can be read."""
    rows = sorted(tables.many("outbox.unpushed_of_each", accounts))
    found: dict[int, list[Push]] = {}
    for push in _pushes(((account, *rest) for account, _, *rest in rows), len(rows)):
        found.setdefault(push.profile.account, []).append(push)
    return found


def _pushes(rows: Iterable[Row], limit: int) -> list[Push]:
    found: list[Push] = []
    stuck: set[int] = set()
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


def pushed(tables: Tables, pushes: Sequence[Push]) -> None:
    """Take these off the queue, and keep them until they are settled: a hot state put back is told them again.

    Terms that were queued again by a rebuild come into force later than before, by which one is known that was read
    before it: that push reached a hot state that is no more.
    """
    tables.lock({push.profile.account for push in pushes})
    given = {(push.profile.account, push.profile.version): push.at for push in pushes}
    done = [(account, version) for account, version, at in tables.many("outbox.instant", list(given))
            if given[account, version] == at]  # fmt: skip
    tables.many("outbox.keep", done)
    tables.many("outbox.drop", done)

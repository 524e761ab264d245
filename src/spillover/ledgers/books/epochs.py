"""Where accounts stand in the books, their settled state, and the epochs in which a hot state is put back from it.

Whatever an older hot state still says after its epoch was raised is fenced: it reaches no balance.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from spillover.ledgers.books.reads import check_limit
from spillover.ledgers.books.tables import Row, Tables, single
from spillover.ledgers.books.terms import check_instant, check_text, profile_of
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import OpenHold, Place, Remembered, Standing
from spillover.model.errors import Contended, InvalidInput, UnknownName
from spillover.model.reports import RaisedEpoch


class _Known(Struct):
    """What is remembered of an event."""

    key: str
    fingerprint: str
    at: int


_known = msgspec.json.Decoder(_Known).decode
KEYS_MAX = 100_000
"""Keys that a standing names at most, the newest: whoever waits for a rebuild waits while they are read and written."""
KEYS_PAGE = 1_000
"""Events read at a time, the newest first, until a whole page of them is too old."""


def places(tables: Tables, *, limit: int, after: int) -> list[Place]:
    """Where the accounts stand, as of their last settled event, in the order of their ids."""
    check_limit(limit)
    return [Place(*row) for row in tables.rows("epochs.places", after, limit)]


def pushed_terms(tables: Tables, *, limit: int, after: int) -> list[tuple[int, int]]:
    """(account, the highest version that was pushed and is not settled yet), in the order of account ids."""
    check_limit(limit)
    return [(account, version) for account, version in tables.rows("outbox.pushed_terms", after, limit)]


def standing(tables: Tables, account: int, *, keys_since: int | None) -> Standing:
    """The settled state. Raises UnknownName."""
    place = Place(*_place(tables, account))
    profile = profile_of(tables, account, place.version) if place.version else None
    holds = sorted((OpenHold(account, *row) for row in tables.rows("epochs.holds", account)), key=_id)
    keys = () if keys_since is None else _keys(tables, account, keys_since)
    cells: dict[str, int] = dict(tables.rows("epochs.cells", account))
    return Standing(account, place.epoch, place.sequence, profile, cells, tuple(holds), keys)


def raise_epoch(
    tables: Tables, account: int, *, epoch: int, at: int, reason: str, actor: str, keys_since: int, first: bool
) -> Standing:
    """Raise the account's epoch, if it is `epoch`; the settled state in the epoch that it has then. `first`: raises
    Contended if it is not."""
    check_instant("at", at)
    check_text("reason", reason)
    check_text("actor", actor)
    if type(epoch) is not int or not 0 <= epoch < AMOUNT_MAX:
        raise InvalidInput("epoch", repr(epoch), "a whole number from 0 to 2^53 - 2")
    tables.lock([account])
    _, now, ended, version = _place(tables, account)
    if now == epoch:
        # Later than all that is not settled: so a push that was read before is known by its instant (outbox.pushed).
        later = (single(tables, int, "epochs.latest", account, version) or 0) + 1
        tables.run("epochs.raise", account, epoch)
        tables.run("epochs.add", account, epoch + 1, ended, min(max(at, later), AMOUNT_MAX), reason, actor)
        tables.run("epochs.take_up", account)
        tables.run("epochs.unqueue", account)
        tables.run("epochs.queue_again", account, version)
        tables.run("epochs.unpush", account)
    elif first:
        raise Contended(f"account {account}: found epoch {now}, expected {epoch}; rebuild it again")
    return standing(tables, account, keys_since=keys_since)


def epochs(tables: Tables, account: int) -> list[RaisedEpoch]:
    """The account's epochs after the first, in their order."""
    return [RaisedEpoch(*row) for row in tables.rows("epochs.of", account)]


def _place(tables: Tables, account: int) -> Row:
    row = tables.one("epochs.place", account)
    if row is None:
        raise UnknownName("account", str(account), "the id of an account that was put before")
    return row


def _id(hold: OpenHold) -> str:
    return hold.id


def _at_place(known: Remembered) -> tuple[int, int]:
    return known.epoch, known.sequence


def _keys(tables: Tables, account: int, since: int) -> tuple[Remembered, ...]:
    """The keys as their callers gave them; of one that came again, what it made first; in the order of places.

    Events with an older time of their own may be left out, with all before them: the books know such a key when it
    comes again.
    """
    found: dict[str, Remembered] = {}
    before, young = (AMOUNT_MAX, AMOUNT_MAX), True
    while young and len(found) < KEYS_MAX:
        page = list(tables.rows("epochs.keys", account, *before, min(KEYS_PAGE, KEYS_MAX - len(found))))
        young = False
        for epoch, sequence, payload in page:
            before, known = (epoch, sequence), _known(payload)
            if known.at >= since:
                young = True
                found[known.key] = Remembered(known.key, epoch, sequence, known.fingerprint, known.at)
    return tuple(sorted(found.values(), key=_at_place))

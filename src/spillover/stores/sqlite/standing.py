"""All of an account's state in a SQLite file at once: read whole, shut, and put back from the books."""

from __future__ import annotations

import apsw

from spillover.model.commit import OpenHold, Place, Standing
from spillover.stores.accounts import NOWHERE, decode_profile, encode_profile
from spillover.stores.sqlite.known import SQL, find_stands


def standing(connection: apsw.Connection, account: int) -> Standing | None:
    """The account's whole state; None for one that the file does not know. Inside a transaction."""
    stand = find_stands(connection, [account]).get(account)
    if stand is None:
        return None
    epoch, sequence, version, shut = stand
    profile = decode_profile(connection.execute(SQL["find_profile"], (account,)).get) if version else None
    cells = dict(connection.execute(SQL["all_cells"], (account,)))
    holds = tuple(OpenHold(*row) for row in connection.execute(SQL["holds_by_id"], (account,)))
    return Standing(account, epoch, sequence, profile, cells, holds, shut=bool(shut))


def shut(connection: apsw.Connection, account: int) -> Place:
    """Mark the account as shut, known or not; where it stands. Inside a write."""
    connection.execute(SQL["shut"], (account,))
    epoch, sequence, version, _ = find_stands(connection, [account])[account]
    return Place(account, epoch, sequence, version, shut=True)


def put_back(connection: apsw.Connection, state: Standing) -> bool:
    """Replace the account's state by this, open, if its epoch is above the file's. Inside a write.

    A key whose event is lost is forgotten; where the books lie in another file nobody can say so, and all stay.
    """
    account, profile = state.account, state.profile
    if state.epoch <= find_stands(connection, [account]).get(account, NOWHERE)[0]:
        return False
    run, many = connection.execute, connection.executemany
    for table in ("drop_profile", "drop_cells", "drop_holds"):
        run(SQL[table], (account,))
    run(SQL["open_at"], (account, state.epoch, state.sequence, profile.version if profile is not None else 0))
    if profile is not None:
        run(SQL["put_profile"], (account, encode_profile(profile)))
    many(SQL["put_cell"], [(account, name, value) for name, value in state.cells.items() if value])
    many(SQL["put_hold"], [(account, hold.id, hold.due, hold.record) for hold in state.holds])
    if connection.table_exists("main", "usage_events"):
        run(SQL["forget_lost"], (account, state.epoch))
    many(SQL["put_key"], [(account, k.key, k.epoch, k.sequence, k.fingerprint) for k in state.keys])
    return True

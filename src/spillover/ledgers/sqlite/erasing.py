"""Erasing names in the file itself, where a deletion alone leaves copies in freed pages and in the log.

Where a service keeps an office beside the books (decision 0007), what it wrote down of the account goes with its names,
in the same transaction: whoever erases need not know of it.
"""

from __future__ import annotations

from spillover.ledgers.sqlite.opening import Desk
from spillover.model.errors import StoreUnavailable
from spillover.sql import statements

SQL = statements("spillover.ledgers.sqlite", "erasing.sql")
OFFICE = ("words", "bindings", "customers")
"""Tables of the office, `office_...`, in which names of accounts stand; an older office has the first of them."""


def erase(desk: Desk, account: int, *, noted: bool) -> None:
    """Delete the names of an account and of its people; `noted`: the log is to be cut after. Safe to repeat.

    Deleting rows is not enough: where a page was split, it keeps stale copies of the rows that moved. So the table is
    written anew, which frees (and with secure_delete overwrites) every page it had; its cost grows with all names, some
    3 s for a million.
    """
    with desk.alone() as connection:
        connection.pragma("secure_delete", True)
    with desk.write() as connection:
        for table in OFFICE:  # before the name itself, by which they are found
            if connection.table_exists("main", f"office_{table}"):
                connection.execute(SQL[f"keep_other_{table}"], (account,))
                for step in (f"empty_{table}", f"put_back_{table}", "drop_kept"):
                    connection.execute(SQL[step])
        connection.execute(SQL["keep_others"], (account,))
        for step in ("empty", "put_back", "drop_kept"):
            connection.execute(SQL[step])
        if noted:
            connection.execute(SQL["note_erasure"])


def finish(path: str, reads: Desk, terms: Desk, wait_ms: int) -> bool:
    """Cut the log if names were deleted whose older pages it may still hold; whether there was such a thing to do.

    The note of it is in the file, so any process may finish what another began. Raises StoreUnavailable if a reader
    holds the log for longer than `wait_ms`.
    """
    with reads.read() as connection:
        last = connection.execute(SQL["last_erasure"]).get
    if last is None:
        return False
    try:
        terms.cut_log(wait_ms)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{path}: found another process reading it, expected to cut the log; the names are deleted, but"
            " older pages in the log still hold them; end long reads or backups, then erase once more (a later"
            " settlement or close also tries)"
        ) from error
    with terms.write() as connection:
        connection.execute(SQL["erasures_done"], (last,))
    return True

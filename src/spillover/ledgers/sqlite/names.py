"""Names behind ids and tokens, in the only table that holds any, so that erasing a person is a deletion (section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw

from spillover.ledgers.sqlite.opening import Desks
from spillover.model.errors import BoundExceeded, InvalidInput, StoreUnavailable, UnknownName
from spillover.sql import statements

SQL = statements("spillover.ledgers.sqlite", "names.sql")
NAME_MAX = 128
TOKEN_BITS = 80
LABELS_MAX = 100_000
"""Subjects and attribute values of one account that have a token."""

RandomBits = Callable[[int], int]
"""A source of that many random bits."""


def find_account(connection: apsw.Connection, name: str) -> int | None:
    """The id behind an account's name."""
    found: int | None = connection.execute(SQL["find_account"], (name,)).get
    return found


def name_of(connection: apsw.Connection, account: int) -> str | None:
    """The account's name; None if it was erased or never was."""
    found: str | None = connection.execute(SQL["name_of"], (account,)).get
    return found


def add_account(connection: apsw.Connection, account: int, name: str) -> None:
    """Give a new account its name. Raises InvalidInput for a name that is not one."""
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise InvalidInput("account", repr(name), f"1 to {NAME_MAX} printable characters")
    connection.execute(SQL["add"], (account, str(account), "account", name))


def labels(connection: apsw.Connection, account: int) -> dict[str, str]:
    """Token -> name, of the account's subjects and attribute values."""
    return dict(connection.execute(SQL["labels"], (account,)))


def names_behind(connection: apsw.Connection, account: int, tokens: Iterable[str]) -> dict[str, str]:
    """Token -> name, for those of these that are tokens with a name."""
    rows: Iterable[Any] = connection.executemany(SQL["label"], [(account, token) for token in tokens])
    return dict(rows)


def tokens(desks: Desks, account: int, wanted: Sequence[str], random_bits: RandomBits) -> dict[str, str]:
    """Name -> token, made at first sight.

    Raises UnknownName for an account that was erased or never was, BoundExceeded where its names would be too many.
    """
    rows = [(account, name) for name in dict.fromkeys(wanted)]
    found = tokens_known(desks, account, wanted)
    if len(found) == len(rows):
        return found
    with desks.terms.write() as connection:
        # An engine that still knows the id of an erased account must not bring its people's names back.
        if name_of(connection, account) is None:
            raise UnknownName("account", str(account), "an account that was put before and not erased")
        found = _find(connection, rows)  # another process may have been first
        new = [(account, f"{random_bits(TOKEN_BITS):020x}", "label", name) for _, name in rows if name not in found]
        _require_room(connection, account, len(new))
        connection.executemany(SQL["add"], new)
    return found | {name: token for _, token, _, name in new}


def tokens_known(desks: Desks, account: int, wanted: Sequence[str]) -> dict[str, str]:
    """Name -> token, of those names that have one."""
    with desks.reads.read() as connection:
        return _find(connection, [(account, name) for name in dict.fromkeys(wanted)])


def _require_room(connection: apsw.Connection, account: int, new: int) -> None:
    known: int = connection.execute(SQL["count_labels"], (account,)).get if new else 0
    if known + new > LABELS_MAX:
        raise BoundExceeded(
            "names of subjects and attribute values of the account", known + new, LABELS_MAX,
            "send subjects and values that come again, not one for each request (such as a request's id), or declare"
            " no such attribute in the policy",
        )  # fmt: skip


def _find(connection: apsw.Connection, rows: Sequence[tuple[int, str]]) -> dict[str, str]:
    found: Iterable[Any] = connection.executemany(SQL["find_label"], rows)
    return dict(found)


def erase(desks: Desks, account: int) -> None:
    """Forget the names of an account and of its people, in the file itself. Safe to repeat.

    Deleting rows is not enough: where a page was split, it keeps stale copies of the rows that moved. So the table is
    written anew, which frees (and with secure_delete overwrites) every page it had; its cost grows with all names, some
    3 s for a million. Then the log, which holds older pages, is copied into the file and cut to nothing.
    """
    with desks.unbound() as desk:
        with desk.alone() as connection:
            connection.pragma("secure_delete", True)
        with desk.write() as connection:
            connection.execute(SQL["keep_others"], (account,))
            for step in ("empty", "put_back", "drop_kept"):
                connection.execute(SQL[step])
            if desks.path is not None:
                connection.execute(SQL["note_erasure"])
    finish_erasure(desks, desks.wait_ms)


def finish_erasure(desks: Desks, wait_ms: int) -> bool:
    """Cut the log if names were deleted whose older pages it may still hold; whether there was such a thing to do.

    The note of it is in the file, so any process may finish what another began. Raises StoreUnavailable if a reader
    holds the log for longer than `wait_ms`.
    """
    if desks.path is None:
        return False
    with desks.reads.read() as connection:
        last = connection.execute(SQL["last_erasure"]).get
    if last is None:
        return False
    try:
        desks.terms.cut_log(wait_ms)
    except StoreUnavailable as error:
        raise StoreUnavailable(
            f"{desks.path}: found another process reading it, expected to cut the log; the names are deleted, but"
            " older pages in the log still hold them; end long reads or backups, then erase once more (a later"
            " settlement or close also tries)"
        ) from error
    with desks.terms.write() as connection:
        connection.execute(SQL["erasures_done"], (last,))
    return True

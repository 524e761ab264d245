"""SQLite's errors become Spillover's: one line that says what was found, what was expected, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from spillover.model.errors import NotADatabase, StoreError, StoreFull, StoreUnavailable

MOVED = "these books were moved to "
"""How the refusal of books begins that were moved away (`spillover move`); where they live now follows."""


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Inside, no error of the driver gets out untranslated."""
    try:
        yield
    except apsw.Error as error:
        raise translate(error, path) from error


def unusable(error: OSError, path: str) -> StoreUnavailable:
    """What an error of the file system, outside of SQLite, means."""
    return StoreUnavailable(
        f"{path}: found {error.strerror or error}, expected a file that can be opened, locked and written;"
        " check its directory, its permissions and the limit of open files"
    )


def translate(error: apsw.Error, path: str) -> StoreError:
    """The error of the tree that this driver error stands for."""
    said = str(error)
    match error:
        case apsw.ConstraintError() if said.startswith(MOVED):
            return StoreUnavailable(
                f"{path}: found that {said}, expected books that are kept here; connect to where they live now"
            )
        case apsw.FullError():
            return StoreFull(
                f"{path}: found no space left ({said}), expected room to write;"
                " free space or move the file, then send the same keys again"
            )
        case apsw.NotADBError():
            return NotADatabase(f"{path}: found something else ({said}), expected a SQLite database; check the path")
        case apsw.BusyError() | apsw.LockedError():
            return StoreUnavailable(
                f"{path}: found it locked by another program ({said}), expected a turn within the time limit;"
                " look for a stopped process or an open transaction in another tool, then try again"
            )
        case apsw.CorruptError():
            return StoreError(
                f"{path}: found a damaged database ({said}), expected intact pages;"
                " stop all writers, keep a copy, and restore a backup or rebuild"
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.IOError() | apsw.PermissionsError():
            return StoreUnavailable(
                f"{path}: found that it cannot be read or written ({said}), expected a working file;"
                " check permissions, mount and disk, then send the same keys again"
            )
        case apsw.ConnectionClosedError():
            return StoreUnavailable(f"{path}: found the store closed, expected an open one; connect again")
        case _:
            return StoreError(f"{path}: found {type(error).__name__} ({said}), expected one that serves; report this")

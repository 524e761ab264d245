"""Opening a database for one command. Only commands that are meant to may create the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.access.plain import Access


def file_of(url: str) -> str:
    """The path of a database that is there. Raises InvalidInput where there is none: reading creates nothing."""
    from spillover.bootstrap.connect import path_of

    path = path_of(url)
    if path is None:
        raise InvalidInput("--db", repr(url), "sqlite:///FILE; what is in memory ends with its program")
    if not os.path.exists(path) or (os.path.isfile(path) and not os.path.getsize(path)):
        found = "an empty file" if os.path.exists(path) else "no file"
        raise InvalidInput("--db", f"{found} at {path}", "a database; `spillover init` makes one, or give its --db")
    return path


def open_there(url: str) -> Access:
    """The engine over a database that is there."""
    from spillover.bootstrap.connect import connect

    file_of(url)
    return connect(url, settle=False)


def open_or_create(url: str, policy: str | None, rehearsal: Callable[[Access], object]) -> Access:
    """The engine over a database that is made if a policy is given for it.

    `rehearsal` is done in memory first, so that a refused command neither makes a file nor publishes a policy.
    """
    if policy is None:
        return open_there(url)
    from spillover.bootstrap.connect import connect, path_of
    from spillover.policy import read_policy

    if path_of(url) is None:
        raise InvalidInput("--db", repr(url), "sqlite:///FILE; what is in memory ends with its program")
    wanted = read_policy(policy)
    with connect("memory://", policy=wanted, settle=False) as trial:
        rehearsal(trial)
    return connect(url, policy=wanted, settle=False)

"""Opening a database for one command. Only commands that are meant to may create the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.access.plain import Access

WAITING_MAX = 20_000
"""Events of the stream that are looked at, at most, to say how many wait."""


def address_of(url: str) -> str | None:
    """The path behind `--db`, None for memory. Raises InvalidInput for what is no address, saying what may be meant."""
    from spillover.bootstrap.connect import path_of

    try:
        return path_of(url)
    except InvalidInput as error:
        meant = "sqlite:///FILE" if "://" in url or not url else f"sqlite:///{url}"
        expected = error.expected if url.startswith("sqlite:///") else f"an address such as {meant}"
        raise InvalidInput("--db", repr(url), expected) from None


def file_of(url: str) -> str:
    """The path of a database that is there. Raises InvalidInput where there is none: reading creates nothing."""
    path = address_of(url)
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
    from spillover.bootstrap.connect import connect
    from spillover.policy import read_policy

    if address_of(url) is None:
        raise InvalidInput("--db", repr(url), "sqlite:///FILE; what is in memory ends with its program")
    wanted = read_policy(policy)
    with connect("memory://", policy=wanted, settle=False) as trial:
        rehearsal(trial)
    return connect(url, policy=wanted, settle=False)


def refuse_another_policy(url: str, policy: str) -> None:
    """Raise InvalidInput where the database decides by another policy than this file's: nobody asked to change it."""
    from spillover.bootstrap.connect import connect
    from spillover.policy import read_policy

    path = address_of(url)
    if path is None or not os.path.exists(path) or (os.path.isfile(path) and not os.path.getsize(path)):
        return
    wanted = read_policy(policy)
    try:
        with connect(url, settle=False) as access:
            current = access.policy.hash
    except InvalidInput:  # a database without any policy yet
        return
    if current != wanted.hash:
        found = f"{path}, which decides by another policy ({current[:12]}, not {wanted.hash[:12]})"
        raise InvalidInput("--db", found, "a database of its own for a trial; --publish changes this one's policy")


def waiting_of(access: Access, name: str) -> int:
    """How many events of an account are decided and not booked yet, as far as a look at WAITING_MAX events tells."""
    account = access.run(access.desk.account(name))
    return sum(1 for entry in access.run(access.desk.store.read(WAITING_MAX)) if entry.account == account)


def names_of(access: Access, name: str) -> dict[str, str]:
    """Token -> name, of an account's people and unpriced attribute values that were not erased."""
    account: int = access.run(access.desk.account(name))
    names: dict[str, str] = access.look(access.desk.ledger.names(account))
    return names


def measures_of(access: Access, name: str) -> dict[int, str]:
    """Lot -> what it is measured in, of all lots that an account ever had."""
    return {found.lot.id: found.lot.measure for found in access.lots.list(name)}

"""Opening a database for one command. Only commands that are meant to may create the file."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.access.plain import Access
    from spillover.bootstrap.addresses import Address

WAITING_MAX = 20_000
"""Events that are counted, at most, to say how many wait."""


def place_of(url: str) -> Address:
    """What is behind `--db`. Raises InvalidInput for what is no address, saying what may be meant."""
    from spillover.bootstrap.addresses import address_of

    try:
        return address_of(url)
    except InvalidInput as error:
        meant = url if "://" in url or not url else f"sqlite:///{url}"
        expected = error.expected if "://" in url else f"an address such as {meant or 'sqlite:///FILE'}"
        raise InvalidInput("--db", error.found, expected) from None


def require_lasting(url: str) -> Address:
    """An address of something that may be there already. Raises InvalidInput for one in memory."""
    address = place_of(url)
    if address.kind == "memory":
        raise InvalidInput("--db", repr(url), "sqlite:///FILE or a server; what is in memory ends with its program")
    return address


def require_there(url: str) -> Address:
    """An address with a database behind it. Raises InvalidInput where there is none: reading creates nothing."""
    from spillover.bootstrap.rungs import is_there

    address = require_lasting(url)
    path = address.path
    if path is not None:
        if not os.path.exists(path) or (os.path.isfile(path) and not os.path.getsize(path)):
            found = "an empty file" if os.path.exists(path) else "no file"
            raise InvalidInput("--db", f"{found} at {path}", "a database; `spillover init` makes one, or give its --db")
    elif not is_there(address):
        expected = "one with tables; `spillover policy publish FILE --create` makes them, or give another --db"
        raise InvalidInput("--db", "a server without Spillover's tables in that database", expected)
    return address


def books_of(url: str) -> str:
    """The file, or the URL of the server, that has the books of a database that is there. Raises InvalidInput."""
    address = require_there(url)
    return address.path or address.books


def open_there(url: str) -> Access:
    """The engine over a database that is there."""
    from spillover.bootstrap.connect import connect_as_set

    require_there(url)
    return connect_as_set(url, settle=False)


def open_or_create(url: str, policy: str | None, rehearsal: Callable[[Access], object]) -> Access:
    """The engine over a database that is made if a policy is given for it.

    `rehearsal` is done in memory first, so that a refused command neither makes a file nor publishes a policy.
    """
    if policy is None:
        return open_there(url)
    from spillover.bootstrap.connect import connect, connect_as_set
    from spillover.policy import read_policy

    require_lasting(url)
    wanted = read_policy(policy)
    with connect("memory://", policy=wanted, settle=False) as trial:
        rehearsal(trial)
    return connect_as_set(url, policy=wanted, settle=False)


def refuse_another_policy(url: str, policy: str) -> None:
    """Raise InvalidInput where the database decides by another policy than this file's: nobody asked to change it."""
    from spillover.bootstrap.addresses import safe
    from spillover.bootstrap.connect import connect_as_set
    from spillover.policy import read_policy

    address = place_of(url)
    if address.kind == "memory":
        return
    try:
        require_there(url)
    except InvalidInput:  # nothing is there yet, so nobody's policy is changed
        return
    wanted = read_policy(policy)
    try:
        with connect_as_set(url, settle=False) as access:
            current = access.policy.hash
    except InvalidInput:  # a database without any policy yet
        return
    if current != wanted.hash:
        found = f"{address.path or safe(url)}, which decides by another policy ({current[:12]}, not {wanted.hash[:12]})"
        raise InvalidInput("--db", found, "a database of its own for a trial; --publish changes this one's policy")


def waiting_of(access: Access, name: str) -> int:
    """How many events of an account are decided and not booked yet, at most WAITING_MAX."""
    account = access.run(access.desk.account(name))
    return len(access.run(access.desk.store.entries(account, WAITING_MAX)))


def names_of(access: Access, name: str) -> dict[str, str]:
    """Token -> name, of an account's people and unpriced attribute values that were not erased."""
    account: int = access.run(access.desk.account(name))
    names: dict[str, str] = access.look(access.desk.ledger.names(account))
    return names


def measures_of(access: Access, name: str) -> dict[int, str]:
    """Lot -> what it is measured in, of all lots that an account ever had."""
    return {found.lot.id: found.lot.measure for found in access.lots.list(name)}

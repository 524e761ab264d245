"""Accounts in what commands find: by name and id; and the one refusal of accounts that live elsewhere now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING

from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.bootstrap.rungs import Rung
    from spillover.engine.restoring import Astray

Names = Mapping[int, str | None]
"""Id -> name; None for an account that was erased."""
LISTED_MAX = 5
"""Accounts that a next command names one by one."""


def names_of(rung: Rung, accounts: Iterable[int]) -> dict[int, str | None]:
    """The names behind these ids."""
    from spillover.engine.drive import drive

    return {account: drive(rung.ledger.account_name(account)) for account in sorted(set(accounts))}


def named(names: Names, account: int) -> str:
    """One account as people read it: "acme (id 17)", or "id 17 (erased)"."""
    name = names.get(account)
    return f"id {account} (erased)" if name is None else f"{name} (id {account})"


def as_arguments(names: Names, accounts: Sequence[int]) -> str:
    """These accounts as a command takes them; "" where they are too many to be named one by one."""
    if len(accounts) > LISTED_MAX:
        return ""
    return " ".join(quote(names.get(account) or str(account)) for account in accounts)


def require_here(rung: Rung, accounts: Sequence[int]) -> None:
    """Raises InvalidInput for the first that was moved away: only where it lives now is it looked at, or rebuilt."""
    for account in accounts:
        if target := _moved_to(rung, account):
            found = f"{named(names_of(rung, [account]), account)}, which was moved away"
            raise InvalidInput("account", found, f"one that lives here; run it there: --db {quote(target)}")


def require_some_here(found: Sequence[Astray], accounts: int) -> None:
    """Raises InvalidInput where all accounts that there are were moved away."""
    if accounts and len(found) == accounts and all(one.what == "moved" for one in found):
        from spillover.engine.elsewhere import moved_books

        raise moved_books(found[0].target)


def require_not_moved(rung: Rung, account: int) -> None:
    """Raises InvalidInput for books of which every account is shut, as this one is, if it was moved away."""
    if target := _moved_to(rung, account):
        from spillover.engine.elsewhere import moved_books

        raise moved_books(target)


def _moved_to(rung: Rung, account: int) -> str:
    """Where the account lives that was moved away; "" for one that lives here, or that nobody knows."""
    from spillover.engine.drive import drive
    from spillover.engine.rebuilding import moved_away

    place = next(iter(drive(rung.ledger.places(limit=1, after=account - 1))), None)
    return drive(moved_away(rung.ledger, account, place.epoch)) if place and place.account == account else ""

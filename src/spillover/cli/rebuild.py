"""`spillover rebuild`: hot state put back from the books, for one account or for all, such as after a restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, actor, as_json, database, example, reason
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.bootstrap.rungs import Rung
    from spillover.engine.rebuilding import Rebuilt
    from spillover.engine.restoring import Astray, Total
    from spillover.pictures.progress import Moved

FOUND = 1
TIMEOUT_MS = 60_000
SHOWN_MAX = 50
"""Accounts that are listed one by one."""


@example(
    "spillover rebuild acme --reason 'found by reconcile'", "spillover rebuild --all --check", "spillover rebuild --all"
)
@click.command(cls=Command, short_help="Put hot state back from the books.")
@click.argument("accounts", nargs=-1)
@click.option(
    "--all", "everything", is_flag=True, help="All accounts, such as after a backup of the books was restored."
)
@click.option("--check", is_flag=True, help="Only say what does not follow from the books; with --all.")
@reason
@actor
@database
@as_json
def rebuild(
    accounts: tuple[str, ...], everything: bool, check: bool, reason: str, actor: str, db: str, as_json: bool
) -> int:
    """Replace what decides (the hot state) of ACCOUNTS, by name or id, by what the books say, which they record.

    What is decided and not booked yet is booked first. Requests of an account wait some milliseconds while it is
    rebuilt. With --all it says first which events the books do not have; stop the engines before, if the books were
    restored. Books whose hot state lies on a server of its own go with the one at this address from then on: another
    one that they went with is refused. Status 1 if events were lost, or an account could not be rebuilt or was moved
    elsewhere; with --check, if anything does not follow from the books. Safe to repeat, and beside others.
    """
    from spillover.cli.naming import names_of, require_here, require_some_here
    from spillover.cli.output import write_json
    from spillover.cli.rebuild_words import document_of, say_astray, say_binding, say_next, say_total
    from spillover.engine.restoring import Total
    from spillover.pictures.progress import progress

    if bool(accounts) == everything or (check and not everything):
        found = "--check without --all" if check and not everything else "both" if accounts else "neither"
        raise InvalidInput("usage", found, "ACCOUNT ..., or --all")
    with opened(db, takes=everything) as rung, progress("looking") as moved:
        found_, count = _survey(rung, moved) if everything else ([], 0)
        require_some_here(found_, count)
        ids = [id_of(rung, account) for account in accounts]
        require_here(rung, ids)
        names = names_of(rung, (one.account for one in found_))
        if not as_json and everything:
            say_astray(found_, names, SHOWN_MAX)
        total = Total()
        done: list[Rebuilt] = []
        if not check:
            _rebuild(rung, ids, total, done, reason or "rebuild", actor, moved)
        would_bind = check and _would_bind(rung, db)
        bound = everything and not check and rung.take(reason=reason or "rebuild", actor=actor)
        names |= names_of(rung, [one.account for one in done] + list(total.failed))
    if as_json:
        said = document_of(found_ if everything else None, None if check else total, done, names, bound=bound)
        write_json(said | {"would_bind": would_bind} if check else said)
    else:
        if not check:
            say_total(total, done, names, found_, bound=bound)
        elif would_bind:
            say_binding()
        say_next(found_, None if check else total, done, names)
    wrong = bool(found_) if check else bool(total.lost or total.failed or total.away)
    return FOUND if wrong else 0


@contextmanager
def opened(db: str, *, takes: bool = False) -> Iterator[Rung]:
    """Handles below the engine: an engine would push terms at once, which a shut account refuses.

    `takes`: also on a hot store that the books do not go with (yet).
    """
    from spillover.bootstrap.rungs import open_as_set
    from spillover.cli.database import require_there

    rung = open_as_set(require_there(db), TIMEOUT_MS, bind="take" if takes else "bind")
    try:
        yield rung
    finally:
        rung.close()


def _would_bind(rung: Rung, db: str) -> bool:
    """Whether the books do not go with the hot state at this address, which lies apart, and a rebuild would bind them.

    `rung`: the same, opened in any case; so what is refused now is refused for that alone.
    """
    from spillover.bootstrap.addresses import address_of
    from spillover.bootstrap.rungs import open_rung
    from spillover.model.errors import WrongSettings

    if rung.apart is None or rung.bound is None:
        return False
    try:
        open_rung(address_of(db), "fast", TIMEOUT_MS, bind="look").close()
    except WrongSettings:
        return True
    return rung.bound() is None


def id_of(rung: Rung, account: str) -> int:
    """The account of that name, or with that id. Raises UnknownName."""
    from spillover.core.intake import check_name
    from spillover.engine.drive import drive
    from spillover.model.errors import UnknownName

    found = drive(rung.ledger.find_account(check_name("account", account)))
    if found is not None:
        return found
    if account.isascii() and account.isdecimal() and len(account) <= 16:
        return int(account)  # of one that was erased
    raise UnknownName("account", repr(account), "the name of an account, or its id")


def _survey(rung: Rung, moved: Moved | None) -> tuple[list[Astray], int]:
    """What does not follow from the books, and how many accounts there are."""
    from spillover.engine.drive import drive
    from spillover.engine.restoring import pages, survey

    async def all_() -> tuple[list[Astray], int]:
        found: list[Astray] = []
        seen = 0
        async for places in pages(rung.ledger, rung.store):
            found += await survey(rung.store, rung.ledger, places)
            seen += len(places)
            if moved:
                moved(seen, None)
        return found, seen

    return drive(all_())


def _rebuild(
    rung: Rung, accounts: list[int], total: Total, done: list[Rebuilt], reason: str, actor: str,
    moved: Moved | None,
) -> None:  # fmt: skip
    from spillover.access.clock import system_clock
    from spillover.engine.drive import drive
    from spillover.engine.restoring import pages, rebuild_all

    def told(one: Rebuilt) -> None:
        if one.lost or accounts:
            done.append(one)
        if moved:
            moved(total.accounts, None)

    async def all_() -> None:
        if accounts:
            await rebuild_all(
                rung.store, rung.ledger, accounts, total, now=system_clock, reason=reason, actor=actor, told=told
            )
            return
        async for places in pages(rung.ledger, rung.store):
            ids = [place.account for place in places]
            await rebuild_all(
                rung.store, rung.ledger, ids, total, now=system_clock, reason=reason, actor=actor, told=told
            )

    drive(all_())

"""`spillover reconcile`: hot state and books compared while both are in use."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, as_json, database, example

if TYPE_CHECKING:
    from spillover.bootstrap.rungs import Rung
    from spillover.engine.reconciling import Finding, Looked
    from spillover.model.commit import Place

FOUND = 1
PAGE = 60
"""Accounts between two rests."""
READERS = 3
"""How many read side by side from a server: most of the time of each is spent on the way there and back."""
RATE = 500
REMEMBERED_MAX = 10_000
"""Findings that are known not to be new; with more, all are told again."""


@example("spillover reconcile", "spillover reconcile --follow --rate 500 --db postgresql://localhost/shop")
@click.command(cls=Command, short_help="Compare hot state and books on a running system.")
@click.argument("accounts", nargs=-1)
@click.option("--follow", is_flag=True, help="Round after round, until stopped; each finding is told once.")
@click.option(
    "--rate", type=click.IntRange(1, 100_000), default=RATE, show_default=True, metavar="N",
    help="Accounts a second, at most.",
)  # fmt: skip
@click.option("--repair", is_flag=True, help="Rebuild what differs, on record, and look again.")
@database
@as_json
def reconcile(accounts: tuple[str, ...], follow: bool, rate: int, repair: bool, db: str, as_json: bool) -> int:
    """Compare cells, holds, terms and lots of ACCOUNTS, or of all, with what books and stream say they are.

    It only reads, unless it repairs, and needs no pause of anybody. Accounts that move too fast to be told are counted
    as busy and looked at again next time. Status 1 if a difference was found (and is still there, with --repair).
    """
    from spillover.cli.output import write, write_json_line
    from spillover.pictures.progress import progress
    from spillover.pictures.wording import counted

    def tell(one: Finding) -> None:
        if as_json:
            write_json_line(_document(one))
        else:
            write(f"account {one.account}: {one.kind} {one.what}: found {one.hot}, expected {one.expected}")

    wrong = 0
    with _readers(db) as rungs, progress("comparing") as moved:
        known: set[Finding] = set()
        while True:
            tally = {"accounts": 0, "same": 0, "differs": 0, "busy": 0, "shut": 0, "repaired": 0}
            for one in _round(rungs, accounts, _Pace(rate)):
                now = _told(rungs[0], one, known, tell, repair)
                tally["accounts"] += 1
                tally[now.status] += 1
                tally["repaired"] += one.status == "differs" and now.status == "same"
                if moved:
                    moved(tally["accounts"], None)
            wrong = tally["differs"]
            if as_json:
                write_json_line(tally)
            elif not follow or wrong or tally["repaired"]:
                rest = ", ".join(f"{tally[name]} {name}" for name in ("busy", "shut", "repaired") if tally[name])
                write(f"{counted(tally['accounts'], 'account')}: {wrong} differ" + (f", {rest}" if rest else ""))
            if not follow:
                return FOUND if wrong else 0
            if len(known) > REMEMBERED_MAX:
                known.clear()


class _Pace:
    """Rests so that no more accounts a second are looked at than were asked for; at least a moment between rounds."""

    def __init__(self, rate: int) -> None:
        self._rate, self._begun, self._done = rate, time.monotonic(), 0

    def rest(self, done: int) -> None:
        """After so many more accounts."""
        self._done += done
        ahead = self._done / self._rate - (time.monotonic() - self._begun)
        if ahead > 0:
            time.sleep(ahead)


@contextmanager
def _readers(db: str) -> Iterator[list[Rung]]:
    """Handles on the database for those who read it side by side; a file is read by one."""
    from spillover.bootstrap.addresses import address_of
    from spillover.cli.rebuild import opened

    with ExitStack() as stack:
        rungs = [stack.enter_context(opened(db))]
        if address_of(db).path is None:
            rungs += [stack.enter_context(opened(db)) for _ in range(READERS - 1)]
        yield rungs


def _round(rungs: Sequence[Rung], accounts: tuple[str, ...], pace: _Pace) -> Iterator[Looked]:
    """Every account once, in the order of their ids or as they were named."""
    from spillover.cli.rebuild import id_of
    from spillover.engine.drive import drive

    if accounts:
        yield from _look(rungs[0], [id_of(rungs[0], account) for account in accounts])
        pace.rest(max(len(accounts), PAGE))
        return
    after: int | None = 0
    with ThreadPoolExecutor(len(rungs)) as pool:
        while after is not None:
            places: list[Place] = drive(rungs[0].ledger.places(limit=PAGE, after=after))
            after = places[-1].account if len(places) >= PAGE else None
            ids = [place.account for place in places]
            share = -(-len(ids) // len(rungs)) or 1
            for part in pool.map(_look, rungs, [ids[at : at + share] for at in range(0, len(ids), share)]):
                yield from part
            pace.rest(max(len(ids), 1))


def _look(rung: Rung, accounts: Sequence[int]) -> list[Looked]:
    from spillover.engine.drive import drive
    from spillover.engine.reconciling import look

    return [drive(look(rung.store, rung.ledger, account)) for account in accounts]


def _told(rung: Rung, one: Looked, known: set[Finding], tell: Callable[[Finding], None], repair: bool) -> Looked:
    """Tell what is new of an account, and mend it if that is wanted; how it stands then."""
    from spillover.access.clock import system_clock
    from spillover.engine.drive import drive
    from spillover.engine.rebuilding import rebuild
    from spillover.engine.reconciling import look

    new = [finding for finding in one.findings if finding not in known]
    for finding in new:
        tell(finding)
    known.update(new)
    if one.status != "differs" or not repair or not new:  # what a rebuild does not mend is not rebuilt for ever
        return one
    what = f"reconcile: {new[0].kind} {new[0].what}"
    drive(rebuild(rung.store, rung.ledger, one.account, now=system_clock(), reason=what, actor="reconcile"))
    after = drive(look(rung.store, rung.ledger, one.account))
    left = [finding for finding in after.findings if finding not in known]
    for finding in left:
        tell(finding)
    known.update(left)
    return after


def _document(one: Finding) -> dict[str, object]:
    from msgspec import to_builtins

    return dict(to_builtins(one))

"""`spillover reconcile`: hot state and books compared while both are in use."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, database, example

if TYPE_CHECKING:
    from spillover.bootstrap.rungs import Rung
    from spillover.engine.reconciling import Finding, Looked
    from spillover.model.commit import Place

FOUND = 1
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
@click.option(
    "--repair", is_flag=True, help="Rebuild the accounts that differ, which the books record, and look again."
)
@database
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one line for each finding and each round.")
def reconcile(accounts: tuple[str, ...], follow: bool, rate: int, repair: bool, db: str, as_json: bool) -> int:
    """Compare what decides (the hot state) of ACCOUNTS, by name or id, or of all, with what the books say it must be.

    What was decided and is not booked yet is counted in. It reads only, unless it repairs, while engines and settlers
    go on. An account that moves too fast to be told is counted as busy, one that is being rebuilt as shut; look again
    later. Status 1 if a difference was found (with --repair: if it is still there); the next command stands at the end.
    What was moved elsewhere is refused, with the address where it lives.
    """
    from spillover.cli.output import write, write_json_line
    from spillover.pictures.progress import progress
    from spillover.pictures.wording import counted

    wrong = 0
    with _readers(db) as rungs, progress("comparing") as moved:
        known: set[Finding] = set()
        tell = _Teller(rungs[0], as_json)
        while True:
            astray: list[int] = []
            shut: list[int] = []
            tally = {"accounts": 0, "same": 0, "differs": 0, "busy": 0, "shut": 0, "repaired": 0}
            for one in _round(rungs, accounts, _Pace(rate)):
                now = _told(rungs[0], one, known, tell, repair)
                tally["accounts"] += 1
                tally[now.status] += 1
                tally["repaired"] += one.status == "differs" and now.status == "same"
                astray += [one.account] * (now.status == "differs")
                shut += [one.account] * (now.status == "shut" and (bool(accounts) or not shut))
                if moved:
                    moved(tally["accounts"], None)
            if tally["shut"] and (accounts or tally["shut"] == tally["accounts"]):
                _require_here(rungs[0], shut, named=bool(accounts))
            wrong = tally["differs"]
            if as_json:
                write_json_line(tally)
            elif not follow or wrong or tally["repaired"]:
                rest = ", ".join(f"{tally[name]} {name}" for name in ("busy", "shut", "repaired") if tally[name])
                write(f"{counted(tally['accounts'], 'account')}: {wrong} differ" + (f", {rest}" if rest else ""))
                tell.next(astray, repair=repair)
            if not follow:
                return FOUND if wrong else 0
            if len(known) > REMEMBERED_MAX:
                known.clear()


class _Teller:
    """Tells each finding with its account's name, and after a round that told one the next command."""

    def __init__(self, rung: Rung, as_json: bool) -> None:
        self._rung, self._as_json, self._told = rung, as_json, False
        self._names: dict[int, str | None] = {}

    def __call__(self, one: Finding) -> None:
        """One finding, as a line."""
        from spillover.cli.naming import named, names_of
        from spillover.cli.output import write, write_json_line

        if one.account not in self._names:
            self._names = names_of(self._rung, [one.account])  # findings of one account come together
        self._told = True
        if self._as_json:
            write_json_line(_document(one, self._names[one.account]))
        else:
            whose = named(self._names, one.account)
            write(f"account {whose}: {one.kind} {one.what}: found {one.hot}, expected {one.expected}")

    def next(self, astray: Sequence[int], *, repair: bool) -> None:
        """What to run for the accounts that differ still."""
        from spillover.cli.naming import LISTED_MAX, as_arguments, names_of
        from spillover.cli.output import write

        told, self._told = self._told, False
        if not astray or not told:
            return
        names = names_of(self._rung, astray[: LISTED_MAX + 1])
        if repair:  # a rebuild did not mend it: the books themselves differ
            write("Next: spillover audit")
        elif few := as_arguments(names, astray):
            write(f"Next: spillover rebuild {few} --reason 'found by reconcile'")
        else:
            write("Next: spillover reconcile --repair")


class _Pace:
    """Rests so that no more accounts a second are looked at than were asked for; at least a moment between rounds."""

    def __init__(self, rate: int) -> None:
        from spillover.engine.reconciling import GROUP_MAX

        self._rate, self._begun, self._done = rate, time.monotonic(), 0
        self.page = min(rate, READERS * GROUP_MAX)
        """Accounts between two rests: those of a second at most, a group for each reader."""

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
        pace.rest(max(len(accounts), pace.page))
        return
    after: int | None = 0
    with ThreadPoolExecutor(len(rungs)) as pool:
        while after is not None:
            places: list[Place] = drive(rungs[0].ledger.places(limit=pace.page, after=after))
            after = places[-1].account if len(places) >= pace.page else None
            ids = [place.account for place in places]
            share = -(-len(ids) // len(rungs)) or 1
            for part in pool.map(_look, rungs, [ids[at : at + share] for at in range(0, len(ids), share)]):
                yield from part
            pace.rest(max(len(ids), 1))


def _require_here(rung: Rung, shut: Sequence[int], *, named: bool) -> None:
    """Raises InvalidInput if what is shut was moved away. Where all accounts are shut, one tells for the rest."""
    from spillover.cli.naming import require_here, require_not_moved

    if named:
        require_here(rung, shut)
    else:
        require_not_moved(rung, shut[0])


def _look(rung: Rung, accounts: Sequence[int]) -> list[Looked]:
    from spillover.engine.drive import drive
    from spillover.engine.reconciling import look_at_all

    return drive(look_at_all(rung.store, rung.ledger, accounts))


def _told(rung: Rung, one: Looked, known: set[Finding], tell: _Teller, repair: bool) -> Looked:
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


def _document(one: Finding, name: str | None) -> dict[str, object]:
    from msgspec import to_builtins

    told: dict[str, object] = to_builtins(one)
    return {"account": one.account, "name": name} | told

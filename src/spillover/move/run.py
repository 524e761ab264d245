"""`move`: the steps in their order. Each is safe to repeat, so whoever is killed is followed by who begins again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shlex import quote

from spillover.access.clock import Clock, system_clock
from spillover.bootstrap.addresses import Address
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.engine.rebuilding import moved_away
from spillover.engine.restoring import Total, pages, rebuild_all
from spillover.engine.settlement import settle_all
from spillover.model.errors import InvalidInput, StoreError
from spillover.move.arriving import arrive_all, require_unused
from spillover.move.books import GONE, LEAVING, OPENING, SOURCE, STATE
from spillover.move.copying import compare_table, copy_table
from spillover.move.leaving import ROUNDS_MAX, Left, leave_all
from spillover.move.places import TIMEOUT_MS, End, address, hot_alone, name_of, opened, require_there
from spillover.move.report import Carried, MoveReport
from spillover.move.tables import DENIALS, KEYS, OFFICE

CARRIED, OPEN = "carried", "open"
"""How far a target has come: its books are those of the source; its accounts are served."""
Told = Callable[[str, int], None]
"""Told what is being done, and how many of it are done."""
Proof = Callable[[End], str]
"""The digest of an end's books."""


def move(
    source: str, target: str, *, actor: str = "", clock: Clock = system_clock, told: Told | None = None,
    proof: Proof | None = None,
) -> MoveReport:  # fmt: skip
    """Carry everything into an empty database, and open it there. The source stays as it is, closed for good.

    The same call again goes on where it was interrupted, and of a finished move only says so. `proof` gives the digest
    of the books at an end, compared for both; every row of every table is compared in any case. Raises InvalidInput for
    a target that has other content, into which nothing of the move is written then (older books there are upgraded by
    being opened), StoreError where the two differ afterwards.
    """
    mine, theirs = address("--from", source), address("--to", target)
    require_there("--from", mine)
    if name_of(mine) == name_of(theirs):
        raise InvalidInput("--to", name_of(theirs), "another database than --from")
    say = told or (lambda _what, _done: None)
    with opened(mine) as one, _opened_target(one, theirs) as other:
        state = _require_ours(one, other)
        if state == OPEN:
            return _finished(one, other)
        other.rung.take(reason=f"moved from {one.name}", actor=actor)  # not before: it may be refused
        if one.books.columns("office_keys"):  # that an older version left, which has fewer tables
            drive(open_office(mine, TIMEOUT_MS).close())
        left = _close(one, other.name, clock, actor, say)
        tables = dict(KEYS)
        _office(one, other, theirs, tables)
        notes = _denials(one, other, tables)
        # Until the source says that accounts are opened elsewhere, it may have been opened again and used since.
        if state != CARRIED or LEAVING not in one.books.progress():
            for table, key in tables.items():
                copy_table(one.books, other.books, table, key, say)
            carried = tuple(compare_table(one.books, other.books, table, key, say) for table, key in tables.items())
            digest = _same_digest(one, other, proof)
            other.books.end_numbers()
        else:
            carried, digest = _counted(other, tables), proof(other) if proof else ""
            notes = (*notes, "the books were carried and compared before")
        other.books.note(STATE, CARRIED)
        _leave(one, other.name, OPENING)
        opens = arrive_all(
            other.rung.store, other.rung.ledger, one.name, now=clock, actor=actor,
            moved=lambda done: say("accounts opened", done),
        )  # fmt: skip
        count = drive(opens)
        _leave(one, other.name, GONE)
        other.books.note(STATE, OPEN)
    return MoveReport(
        one.name, other.name, count, left.settled, left.quarantined, tuple(left.lost), carried, digest, notes
    )


def give_up(
    source: str, *, reason: str = "move given up", actor: str = "", clock: Clock = system_clock,
    told: Told | None = None,
) -> Total:  # fmt: skip
    """Open the source of a move again, which lives on there. What came to the target is worth nothing from then on.

    Raises InvalidInput where the target serves already, where no move is under way, and for its target.
    """
    mine = address("--from", source)
    require_there("--from", mine)
    total = Total()
    with opened(mine) as end:
        _require_leaving(end)
        if left := end.books.reopen_books():
            raise _too_late(end, left)

        async def all_() -> None:
            store, books = end.rung.store, end.rung.ledger
            async for places in pages(books, store):
                accounts = [place.account for place in places]
                await rebuild_all(store, books, accounts, total, now=clock, reason=reason, actor=actor, reopen=True)
                if told is not None:
                    told("accounts opened", total.accounts)

        drive(all_())
    return total


@contextmanager
def _opened_target(one: End, theirs: Address) -> Iterator[End]:
    """The target, open: only now its tables are made, so what is known to be refused is refused before."""
    if one.books.is_leaving() and (there := drive(_gone_to(one))) and there != name_of(theirs):
        if one.books.are_closed():
            expected = f"where they live now: spillover move --from {quote(there)} --to {quote(name_of(theirs))}"
            raise InvalidInput("--from", "books that were moved elsewhere", expected)
        raise InvalidInput("--to", "another target than that of the move under way", f"{there}, or --give-up")
    with hot_alone(theirs) as store:
        if store is not None:
            drive(require_unused(store, one.rung.ledger, name_of(theirs)))
    with opened(theirs, takes=True) as other:
        yield other


def _finished(one: End, other: End) -> MoveReport:
    """What a move came to that has ended. Raises InvalidInput where the source has come into being since."""
    known = other.books.progress()
    if not one.books.are_closed():
        found = "the target of an earlier move from there"
        raise InvalidInput("--to", found, "an empty database; the books in --from were not moved")
    lives = (drive(_gone_to(other)) if other.books.is_leaving() else "") or other.name
    tables = tuple(Carried(table, known[table].rows, "") for table in (*KEYS, *OFFICE, "denials") if table in known)
    notes = ("this move had come to its end before: nothing was done, and nothing compared again",)
    return MoveReport(one.name, other.name, known["accounts"].rows, 0, 0, (), tables, "", notes, lives)


def _require_ours(one: End, other: End) -> str:
    """How far it has come: the target is empty, or this very move was begun there."""
    known = other.books.progress()
    if SOURCE in known:
        if known[SOURCE].said != one.name:
            raise InvalidInput("--to", f"another move, from {known[SOURCE].said}", "an empty database")
        return known[STATE].said if STATE in known else ""
    for table in (*KEYS, *(table for table in OFFICE if other.books.columns(table))):
        if other.books.has_rows(table):
            raise InvalidInput("--to", f"{table} of its own in {other.name}", "an empty database")
    drive(require_unused(other.rung.store, one.rung.ledger, other.name))
    other.books.begin(one.name)
    return ""


def _close(one: End, target: str, clock: Clock, actor: str, say: Told) -> Left:
    """The source's accounts, then its books: from here on it does not change any more."""
    left = Left()
    if one.books.are_closed():
        if not one.books.close_books(target):
            raise InvalidInput("--from", f"books that were moved elsewhere, in {one.name}", "where they live now")
        return left
    drive(one.rung.ledger.finish_erasure())
    one.books.bar(target)
    for _ in range(ROUNDS_MAX):
        leaves = leave_all(
            one.rung.store, one.rung.ledger, target, left, now=clock, actor=actor,
            moved=lambda done: say("accounts closed", done),
        )  # fmt: skip
        drive(leaves)
        rest = drive(settle_all(one.rung.store, one.rung.ledger))  # of accounts that the books do not know
        left.settled += rest.done
        left.quarantined += rest.quarantined
        if one.books.close_books(target):
            return left
    raise StoreError(
        f"{one.name}: found accounts opened again in {ROUNDS_MAX} rounds, expected them closed; move again"
    )


def _leave(one: End, target: str, state: str) -> None:
    """Say in the source that its accounts live elsewhere from here on: two that serve would pay twice."""
    if not one.books.note_leaving(target, state):
        raise StoreError(
            f"{one.name}: found books that were opened again meanwhile (--give-up), expected them closed;"
            " move again, into an empty database"
        )


def _require_leaving(end: End) -> None:
    known = end.books.progress()
    if SOURCE in known and (STATE not in known or known[STATE].said != OPEN):
        raise InvalidInput("--from", "the target of a move under way", f"its source, {known[SOURCE].said}")
    if not end.books.is_leaving():
        raise InvalidInput("--give-up", "no move from this database", "one under way; its accounts are open here")


def _too_late(end: End, left: str) -> InvalidInput:
    """Why a move can no more be given up: its target serves, and what it decided is nowhere else."""
    target = drive(_gone_to(end)) or "the target"
    if left == GONE:
        expected = f"one under way; move back into an empty database: spillover move --from {quote(target)} --to URL"
        return InvalidInput("--give-up", "a finished move", expected)
    expected = f"one that has opened none; end it: spillover move --from {quote(end.name)} --to {quote(target)}"
    return InvalidInput("--give-up", "a move that has begun to open accounts in its target", expected)


async def _gone_to(end: End) -> str:
    """Where the first account lives that was moved away; "" for none."""
    async for places in pages(end.rung.ledger, end.rung.store):
        for place in places:
            if target := await moved_away(end.rung.ledger, place.account, place.epoch):
                return target
    return ""


def _office(one: End, other: End, target: Address, tables: dict[str, tuple[str, ...]]) -> None:
    """What a service remembers beside the books goes with them, if there is any."""
    if any(one.books.columns(table) for table in OFFICE):
        if not other.books.columns("office_keys"):
            drive(open_office(target, TIMEOUT_MS).close())
        tables |= OFFICE


def _denials(one: End, other: End, tables: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Counts of denials lie with the hot state; where one of the two is no SQL database they begin anew."""
    if one.books.columns("denials") and other.books.columns("denials"):
        tables["denials"] = DENIALS
        return ()
    return ("counts of denials begin anew: they lie with the hot state, and one has no table of them",)


def _same_digest(one: End, other: End, proof: Proof | None) -> str:
    if proof is None:
        return ""
    mine, theirs = proof(one), proof(other)
    if mine != theirs:
        raise StoreError(f"{other.name}: found books with digest {theirs[:12]}, expected {mine[:12]} as in {one.name}")
    return mine


def _counted(other: End, tables: dict[str, tuple[str, ...]]) -> tuple[Carried, ...]:
    known = other.books.progress()
    return tuple(Carried(table, known[table].rows, "") for table in tables if table in known)

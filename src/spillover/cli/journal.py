"""`spillover journal`: what was admitted while the store could not be reached, and what of it could not be recorded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, Group, as_json, example
from spillover.model.errors import InvalidInput, NotADatabase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spillover.engine.journal import Admitted, Refused
    from spillover.journal import SQLiteJournal

FOUND = 1
PAGE = 1_000
SHOWN_MAX = 50
"""Entries of each kind that are shown to people; --json gives all."""


@example("spillover journal list app.journal", "spillover journal forget app.journal 17")
@click.group(cls=Group, short_help="What was admitted in an outage: list, forget.")
def journal() -> None:
    """Look into the journal of an outage: an engine's (`connect(..., journal=FILE)`), a service's (`serve --journal
    FILE`) or that of a client (`Admit(..., journal=FILE)`).

    It has the requests that were admitted while the database, or the service, could not be reached. Who has the file
    open records them as soon as it can be reached again; nobody needs to do that. What is then refused stays, to be
    seen to.
    """


@example("spillover journal list app.journal", "spillover journal list app.journal --json | jq .refused")
@journal.command("list", cls=Command, short_help="What waits, and what was refused.")
@click.argument("file")
@as_json
def listing(file: str, as_json: bool) -> int:
    """List the requests in FILE that wait to be recorded, and those that were refused. Status 1 if any was refused.

    For each that was refused: see to its reason, put the usage on the books by `spillover record` if it is to be
    billed, then `spillover journal forget` it. What waits needs nothing but an engine or a client that has FILE open.
    """
    from spillover.cli.output import write, write_json
    from spillover.pictures.tables import table
    from spillover.pictures.wording import counted

    with_it = _opened(file)
    try:
        waiting, refused = list(_waiting(with_it)), list(_refused(with_it))
    finally:
        with_it.close()
    if as_json:
        documents = [_document(one.entry) | {"reason": one.reason} for one in refused]
        write_json({"waiting": [_document(one) for one in waiting], "refused": documents})
    else:
        write(f"{counted(len(waiting), 'request')} waiting, {len(refused)} refused.")
        rows = [("waits", *_row(one), "") for one in waiting[:SHOWN_MAX]]
        rows += [("refused", *_row(one.entry), one.reason) for one in refused[:SHOWN_MAX]]
        if rows:
            write(table(("", ">number", "time", "account", "feature", "usage", "key", "~reason"), rows))
        left = max(len(waiting) - SHOWN_MAX, 0) + max(len(refused) - SHOWN_MAX, 0)
        if left:
            write(f"{left} more; --json gives all.")
    return FOUND if refused else 0


@example("spillover journal forget app.journal 17 18", "spillover journal forget app.journal --all")
@journal.command("forget", cls=Command, short_help="Drop what was refused and has been seen to.")
@click.argument("file")
@click.argument("numbers", nargs=-1, type=click.IntRange(1))
@click.option("--all", "everything", is_flag=True, help="All that were refused.")
@as_json
def forget(file: str, numbers: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """Drop refused requests of FILE, by their NUMBERS in `spillover journal list`, once they were seen to.

    Their usage is on no books unless it was recorded. What waits cannot be forgotten.
    """
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    if bool(numbers) == everything:
        raise InvalidInput("usage", "both" if numbers else "neither", "the NUMBERS of refused entries, or --all")
    with_it = _opened(file)
    try:
        refused = {one.entry.number: one for one in _refused(with_it)}
        unknown = [number for number in numbers if number not in refused]
        if unknown:
            expected = f"a refused entry's number; `spillover journal list {file}` shows them"
            raise InvalidInput("number", str(unknown[0]), expected)
        chosen = [refused[number] for number in dict.fromkeys(numbers)] if numbers else list(refused.values())
        with_it.forget(chosen)
    finally:
        with_it.close()
    if as_json:
        write_json({"forgotten": [one.entry.number for one in chosen]})
    else:
        write(f"Forgot {counted(len(chosen), 'request')}.")


def _opened(file: str) -> SQLiteJournal:
    """The journal in a file that is there: looking for one makes none. Raises InvalidInput, StoreErrors."""
    from spillover.journal import SQLiteJournal
    from spillover.sqlite.versions import versions_of

    found = "no file" if not os.path.isfile(file) else "" if os.path.getsize(file) else "an empty file"
    if not found:
        try:
            found = "" if "journal" in versions_of(file) else "a file without a journal"
        except NotADatabase:
            found = "a file of another kind"
    if found:
        expected = "a journal; it is the file that the engine or the client was given: journal=FILE"
        raise InvalidInput("FILE", f"{found} at {file}", expected)
    return SQLiteJournal(file, beside=frozenset({"client"}))


def _waiting(journal: SQLiteJournal) -> Iterator[Admitted]:
    after = 0
    while page := journal.waiting(PAGE, after):
        yield from page
        after = page[-1].number


def _refused(journal: SQLiteJournal) -> Iterator[Refused]:
    after = 0
    while page := journal.refused(PAGE, after):
        yield from page
        after = page[-1].entry.number


def _row(entry: Admitted) -> tuple[str, ...]:
    from spillover.pictures.wording import instant_text

    usage = " ".join(f"{name}={count}" if name else f"{count}" for name, count in entry.usage.items())
    return str(entry.number), instant_text(entry.at), entry.account, entry.feature, usage, entry.key


def _document(entry: Admitted) -> dict[str, object]:
    from spillover.documents.amounts import instant_of

    return {
        "number": entry.number,
        "at": instant_of(entry.at),
        "account": entry.account,
        "feature": entry.feature,
        "usage": entry.usage,
        "mode": entry.mode,
        "subject": entry.subject or None,
        "attributes": entry.attributes,
        "key": entry.key,
        "policy": entry.policy,
    }

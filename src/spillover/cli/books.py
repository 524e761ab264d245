"""`spillover settle` and `spillover audit`: booking what was decided, and checking the books against themselves."""

from __future__ import annotations

import click

from spillover.cli.options import Command, as_json, database, example

FOUND = 1


@example("spillover settle --db sqlite:///shop.db", "spillover settle --follow --db postgresql://localhost/shop")
@click.command(cls=Command)
@click.option("--tend/--no-tend", default=True, help="Also see to what has fallen due (the default), or only book.")
@click.option("--follow", is_flag=True, help="Go on until stopped (Ctrl-C, SIGTERM), sharing the work with others.")
@database
@as_json
def settle(tend: bool, follow: bool, db: str, as_json: bool) -> int:
    """Book what has been decided and is not booked yet. Status 1 if an event could not be booked.

    First it sees to what has fallen due: holds expire, lots end, gifts come, plans change. An open engine does all of
    this by itself; this is for what waits after it was closed. Safe to repeat, and beside engines and other settlers.

    With --follow it is a settler, until it is told to stop: run any number, on any number of machines. What one leaves,
    another takes over. With --follow --json it writes one JSON line about each second. Books of which all accounts
    were moved away are refused (status 2), with where they live; a settler that runs by then tells it as trouble.
    """
    if follow:
        from spillover.cli.following import follow_streams

        return follow_streams(db, tend=tend, as_json=as_json)
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.engine.elsewhere import books_moved_to, moved_books
    from spillover.model.errors import PartUnavailable, StoreFull
    from spillover.pictures.progress import waiting
    from spillover.pictures.wording import counted

    with open_there(db) as access, waiting("settling"):
        if target := access.look(books_moved_to(access.desk.ledger)):
            raise moved_books(target)
        due, behind = 0, False
        try:
            due = access.tend() if tend else 0
        except (StoreFull, PartUnavailable):
            behind = True  # it is tried again once the rest is booked, which makes room
        done = access.settle(tend=behind)
    if as_json:
        write_json({"due": due, "settled": done.done, "parked": done.parked, "quarantined": done.quarantined})
    else:
        if due:
            write(f"Saw to {counted(due, 'thing')} that had fallen due.")
        write(f"Settled {counted(done.done, 'event')}.")
        if done.parked:
            write(f"{counted(done.parked, 'event')} waiting for an earlier one of the account.")
        if done.quarantined:
            write(
                f"{counted(done.quarantined, 'event')} that could not be booked in quarantine; see `spillover audit`."
            )
    return FOUND if done.parked or done.quarantined else 0


@example("spillover audit", "spillover audit --json | jq .digest", "spillover audit --notify")
@click.command(cls=Command, short_help="Compute all books again, and compare.")
@click.option(
    "--processes", type=click.IntRange(1, 256), metavar="N", help="Processes to work with; all cores by default."
)
@click.option("--notify", is_flag=True, help="Send what is found to those who want audit.finding (`webhooks`).")
@database
@as_json
def audit(processes: int | None, notify: bool, db: str, as_json: bool) -> int:
    """Compute all books again from what was done, and compare. Status 1 if anything is off.

    The audit shares no rule with the engine, changes nothing, and works beside running engines. Hot state is looked at
    too; where it lies in Valkey, by one process. With --notify what is found is written down as messages.
    """
    from spillover.bootstrap.auditing import audit_of as run_audit
    from spillover.cli.database import require_there
    from spillover.cli.output import write, write_json
    from spillover.documents.audits import AuditReport
    from spillover.pictures.audit import audit_lines
    from spillover.pictures.progress import progress

    address = require_there(db)
    with progress("auditing") as moved:
        report = run_audit(address, progress=moved, processes=processes)
    if notify and not report.ok:
        from spillover.cli.noticing import tell_of

        tell_of(address, AuditReport.of(report))
    if as_json:
        write_json(AuditReport.of(report))
    else:
        *lines, digest = audit_lines(report)
        write(*lines, "books: + received, - given", digest)
    return 0 if report.ok else FOUND

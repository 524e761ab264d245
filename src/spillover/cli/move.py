"""`spillover move`: everything from one database into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, actor, as_json, example
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.move import MoveReport
    from spillover.move.places import End


@example(
    "spillover move --from sqlite:///shop.db --to postgresql://localhost/shop",
    "spillover move --from sqlite:///shop.db --to 'valkey://localhost:6379/0?ledger=postgresql://localhost/shop'",
)
@click.command(cls=Command, short_help="Move everything into another database.")
@click.option("--from", "source", required=True, metavar="URL", help="The database that is moved.")
@click.option("--to", "target", metavar="URL", help="An empty database, which then has everything.")
@click.option("--give-up", is_flag=True, help="Instead of --to: open the source of an unfinished move again.")
@actor
@as_json
def move(source: str, target: str | None, give_up: bool, actor: str, as_json: bool) -> int:
    """Carry books, names, terms, counts of denials and the state of every account into an empty database, and compare.

    The source is closed first: engines that still use it are told that the accounts live elsewhere, and nothing that
    was answered is lost. It stays closed, and can be read. Interrupted, the same command goes on where it was; after
    the end of the move it says where the accounts live (status 0).

    --give-up instead opens the source again, as long as no account is open in the target; throw the target away then.
    After a finished move, move back: from the target into another empty database.
    """
    from spillover.cli.output import write, write_json
    from spillover.move import give_up as run_give_up
    from spillover.move import move as run_move
    from spillover.pictures.progress import progress
    from spillover.pictures.wording import counted

    if give_up == (target is not None):
        raise InvalidInput("usage", "both" if give_up else "neither", "--to URL, or --give-up")
    with progress("moving") as moved:

        def told(what: str, done: int) -> None:
            if moved:
                moved(done, None)

        if target is None:
            total = run_give_up(source, actor=actor, told=told)
            if as_json:
                write_json({"opened": total.accounts, "failed": {str(k): v for k, v in total.failed.items()}})
            else:
                write(f"{counted(total.accounts, 'account')} opened again in the source. Throw the target away.")
                for account, why in total.failed.items():
                    write(f"account {account}: not opened: {why}")
            return 1 if total.failed else 0
        report = run_move(source, target, actor=actor, told=told, proof=_digest)
    if as_json:
        from msgspec import to_builtins

        write_json(to_builtins(report))
    else:
        _say(report)
        _say_next(target if report.before in ("", report.target) else report.before)
    return 0


def _digest(end: End) -> str:
    from spillover.audit import audit

    return audit(end.where).digest


def _say(report: MoveReport) -> None:
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import counted, number

    if report.before:
        moved = f"{counted(report.accounts, 'account')} moved from {report.source} to {report.target}"
        write(f"Nothing to do: {moved}, and that move had come to its end before.")
        return
    write(f"Moved {counted(report.accounts, 'account')} from {report.source} to {report.target}.")
    if report.settled:
        write(f"{counted(report.settled, 'waiting event')} settled before.")
    for account, gap in report.lost:
        write(f"account {account}: lost before the move: {gap}")
    write(table(("table", ">rows", "sum"), [(one.table, number(one.rows), one.sum[:16]) for one in report.tables]))
    for note in report.notes:
        write(note)
    if report.digest:
        write(f"digest of both books: {report.digest}")


def _say_next(typed: str) -> None:
    """Where programs connect now: as they write it, but for the password that was typed."""
    from shlex import quote

    from spillover.bootstrap.addresses import address_of
    from spillover.cli.output import write
    from spillover.move.places import has_password, written

    target = written(address_of(typed))
    if has_password(address_of(typed)):
        write(f"Programs now connect to {target}, with the password that is left out here.")
        write("Next: set SPILLOVER_DB to that address with its password, and run spillover doctor")
    else:
        write(f"Programs now connect to {target}")
        write(f"Next: spillover doctor --db {quote(target)}")

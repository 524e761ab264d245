"""`spillover balance`: what an account has, now or at any past instant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import MOMENT, Command, as_json, database, example
from spillover.cli.reports import OWING, STANDING, SUMS
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spillover.model.policy import Policy


@example("spillover balance acme", "spillover balance acme --at 2026-03-01T00:00:00Z")
@click.command(cls=Command, short_help="What an account has, now or then.")
@click.argument("name", metavar="ACCOUNT")
@click.option("--at", type=MOMENT, metavar="TIME", help="As the books had it at this past time; now by default.")
@database
@as_json
def balance(name: str, at: int | None, db: str, as_json: bool) -> None:
    """Show what ACCOUNT has in each measure: available, held, settled, owed and receivable.

    With --at: settled, owed and receivable as the books had it at the end of that instant.
    """
    from spillover.access.clock import system_clock
    from spillover.cli.database import open_there
    from spillover.cli.output import write_json
    from spillover.documents.balances import Balance, PastBalance
    from spillover.pictures.wording import instant_text

    if at is not None and at > system_clock():
        raise InvalidInput("--at", instant_text(at), "a time that is past; leave it out for now")
    with open_there(db) as access:
        policy = access.policy
        if at is None:
            now = access.balance(name)
            if as_json:
                write_json(Balance.of(policy, now))
                return
            rows = [(one.measure, tuple(getattr(one, sum_) for sum_ in SUMS)) for one in now.measures]
            _show(policy, f"{name}: plan {now.plan}, {now.state}", SUMS, rows, f"{STANDING}\n{OWING}")
            return
        past = access.balance_at(name, at)
    if as_json:
        write_json(PastBalance.of(policy, past, account=name, at=at))
        return
    then = [(one.measure, (one.balance, one.owed, one.receivable)) for one in past]
    _show(
        policy,
        f"{name} at {instant_text(at)}",
        ("settled", "owed", "receivable"),
        then,
        f"settled: in the books\n{OWING}",
    )


def _show(
    policy: Policy, title: str, sums: tuple[str, ...], rows: Iterable[tuple[str, tuple[int, ...]]], caption: str
) -> None:  # fmt: skip
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text

    shown = [(measure, *(amount_text(policy, measure, value) for value in values)) for measure, values in rows]
    write(title)
    if shown:
        write("", table(("measure", *(f">{name}" for name in sums)), shown, caption=caption))
    else:
        write("It has no credits and no gifted units.")

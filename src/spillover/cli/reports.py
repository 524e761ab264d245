"""`spillover account show | usage | statement | list`: reading what accounts have and did, changing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import INSTANT, Command, as_json, database, example
from spillover.model.account import NEVER

if TYPE_CHECKING:
    from spillover.engine.reading import Balance
    from spillover.model.policy import Policy
    from spillover.model.reports import StatementPage, UsagePage

ROWS_MAX = 100_000

since = click.option("--since", type=INSTANT, default=0, metavar="TIME", help="From this instant on.")
until = click.option(
    "--until", type=INSTANT, default=NEVER, metavar="TIME", help="Up to this instant, itself left out."
)
limit = click.option(
    "--limit", type=click.IntRange(1, ROWS_MAX), default=1000, show_default=True, help="Rows, at most."
)


@example("spillover account show acme")
@click.command(cls=Command, short_help="What it has: available, held, settled.")
@click.argument("name", metavar="ACCOUNT")
@database
@as_json
def show(name: str, db: str, as_json: bool) -> None:
    """Show what ACCOUNT has: available, held and settled, and its lots in the order in which they burn."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.cli.report_documents import balance_of

    with open_there(db) as access:
        balance, policy = access.balance(name), access.policy
    if as_json:
        write_json(balance_of(policy, balance))
        return
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text

    rows = [
        (
            at.measure,
            *(amount_text(policy, at.measure, value) for value in (at.available, at.held, at.settled, at.owed)),
        )
        for at in balance.measures
    ]
    write(f"{name}: plan {balance.plan}, {balance.state}")
    if rows:
        write("", table(("measure", ">available", ">held", ">settled", ">owed"), rows))
    else:
        write("It has no credits and no gifted units.")
    lots = _lot_rows(policy, balance)
    if lots:
        columns = ("lot", "measure", ">available", ">settled", ">granted", ">priority", "begins", "expires", "paid")
        write("", table(columns, lots, title="Lots, in the order in which they burn"))


def _lot_rows(policy: Policy, balance: Balance) -> list[tuple[str, ...]]:
    from spillover.pictures.wording import amount_text, instant_text

    rows = []
    for measure in balance.measures:
        for at in measure.lots:
            amounts = (amount_text(policy, measure.measure, value) for value in (at.available, at.settled, at.granted))
            begins, ends = (
                instant_text(at.lot.effective) if at.lot.effective else "at once",
                instant_text(at.lot.expires),
            )
            paid = "gift" if at.lot.promotional else f"{at.paid} {at.currency}".strip() or "paid"
            rows.append((str(at.lot.id), measure.measure, *amounts, str(at.lot.priority), begins, ends, paid))
    return rows


@example("spillover account usage acme --by feature,day", "spillover account usage acme --by subject,model")
@click.command(cls=Command, short_help="What it used, and which layers paid.")
@click.argument("name", metavar="ACCOUNT")
@click.option(
    "--by", default="feature", show_default=True, metavar="NAMES",
    help="Groups: feature, subject, day (of the account's zone), or attributes, with commas between.",
)  # fmt: skip
@since
@until
@limit
@database
@as_json
def usage(name: str, by: str, since: int, until: int, limit: int, db: str, as_json: bool) -> None:
    """Show what ACCOUNT used and which layers paid for it, as booked so far."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write_json
    from spillover.cli.report_documents import usage_of

    groups = tuple(part.strip() for part in by.split(",") if part.strip())
    with open_there(db) as access:
        page, policy = access.usage(name, by=groups, since=since, until=until, limit=limit), access.policy
    if as_json:
        write_json(usage_of(policy, name, groups, page))
    else:
        _write_usage(policy, name, groups, page)


def _write_usage(policy: Policy, name: str, by: tuple[str, ...], page: UsagePage) -> None:
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, credits_text, number

    rows = []
    for row in page.rows:
        feature = row.group[by.index("feature")] if "feature" in by else ""
        given = {layer.layer: layer.units for layer in row.layers}
        units = (given.get(layer, 0) for layer in ("allowance", "units", "credits", "overage"))
        counts = (amount_text(policy, feature, count) if count else "" for count in (row.units, *units))
        rows.append((*row.group, number(row.requests), *counts, credits_text(row.charged)))
    if not rows:
        write(f"{name}: nothing is booked for this time. `spillover settle` books what waits in the stream.")
        return
    columns = (*by, ">requests", ">units", ">included", ">gifted", ">by credits", ">by overage", ">credits charged")
    write(table(columns, rows), *_more(page.after is not None))


@example("spillover account statement acme --since 2026-03-01 --until 2026-04-01")
@click.command(cls=Command, short_help="Each change of its balances, and why.")
@click.argument("name", metavar="ACCOUNT")
@since
@until
@limit
@database
@as_json
def statement(name: str, since: int, until: int, limit: int, db: str, as_json: bool) -> None:
    """Show each change of a balance of ACCOUNT, why and by whom, as booked so far."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write_json
    from spillover.cli.report_documents import statement_of

    with open_there(db) as access:
        page, policy = access.statement(name, since=since, until=until, limit=limit), access.policy
    if as_json:
        write_json(statement_of(policy, name, page))
    else:
        _write_statement(policy, name, page)


def _write_statement(policy: Policy, name: str, page: StatementPage) -> None:
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, instant_text

    rows = []
    for row in page.rows:
        change = amount_text(policy, row.measure, row.delta)
        rows.append(
            (
                str(row.number), instant_text(row.at), row.kind, row.measure, str(row.lot or ""),
                change if row.delta < 0 else f"+{change}", amount_text(policy, row.measure, row.account_after),
                row.reason, row.actor_name or row.actor, row.cause,
            )
        )  # fmt: skip
    if not rows:
        write(f"{name}: nothing is booked for this time. `spillover settle` books what waits in the stream.")
        return
    columns = (">no", "time", "kind", "measure", ">lot", ">change", ">balance", "reason", "actor", "cause")
    write(table(columns, rows), *_more(page.after is not None))


@example("spillover account list --json")
@click.command("list", cls=Command, short_help="All accounts.")
@limit
@database
@as_json
def listing(limit: int, db: str, as_json: bool) -> None:
    """List all accounts; one that was erased has no name."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.cli.report_documents import listing_of

    with open_there(db) as access:
        page = access.accounts.list(limit=limit)
    if as_json:
        write_json(listing_of(page))
        return
    from spillover.pictures.tables import table

    if not page.rows:
        write("There are no accounts yet. `spillover account put NAME --plan PLAN` makes one.")
        return
    rows = [
        (row.name or "(erased)", row.plan, row.state, str(row.settled_sequence), str(row.account)) for row in page.rows
    ]
    write(table(("account", "plan", "state", ">settled sequence", ">id"), rows), *_more(page.after is not None))


def _more(there_is: bool) -> tuple[str, ...]:
    return ("There is more; give a larger --limit, or a shorter time.",) if there_is else ()

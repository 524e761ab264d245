"""`spillover statement`: every change of an account's balances, allowances and terms, as a table, JSON, or lines."""

from __future__ import annotations

import click

from spillover.cli.options import Command, as_json, database, example
from spillover.cli.reports import limit, page_hints, since, until
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput


@example(
    "spillover statement acme --since 2026-03-01 --until 2026-04-01",
    "spillover statement acme --jsonl > acme.jsonl",
)
@click.command(cls=Command, short_help="Each change of its balances and terms, and why.")
@click.argument("name", metavar="ACCOUNT")
@since
@until
@limit
@click.option(
    "--jsonl", "as_lines", is_flag=True, help="Write all rows as the books have them, one JSON object a line."
)
@database
@as_json
def statement(name: str, since: int, until: int, limit: int, as_lines: bool, db: str, as_json: bool) -> None:
    """Show each change of a balance of ACCOUNT, what for and by whom, as booked so far.

    Changes of its plan, state, limits and windows are among them, before -> after. --jsonl writes the whole statement
    as the books chain it, with nothing left out, for `spillover verify` or a program of your own.
    """
    from spillover.cli.database import names_of, open_there, waiting_of
    from spillover.cli.output import write, write_json
    from spillover.cli.statement_rows import policy_lines, statement_table
    from spillover.documents.statement import StatementPage

    if as_lines and (as_json or since or until != NEVER):
        found = "--json" if as_json else "--since or --until"
        raise InvalidInput("--jsonl", f"{found} beside it", "--jsonl alone, which writes the whole statement")
    with open_there(db) as access:
        if as_lines:
            from spillover.proof import export_statement

            account = access.run(access.desk.account(name))
            click.echo(access.look(export_statement(access.desk.ledger, account)), nl=False)
            return
        page, policy = access.statement(name, since=since, until=until, limit=limit), access.policy
        names, waiting = names_of(access, name), 0 if as_json else waiting_of(access, name)
    if as_json:
        write_json(StatementPage.of(policy, page, account=name, names=names))
        return
    if page.rows:
        write(statement_table(policy, page, names))
    else:
        write(f"{name}: nothing is booked for this time.")
    write(*policy_lines(page))
    write(*page_hints(page.after is not None, waiting))

"""`spillover account denials`: how often an account was denied what, by the minute; no single denial is recorded."""

from __future__ import annotations

import click

from spillover.cli.options import Command, as_json, database, example
from spillover.cli.reports import limit, page_hints, since, until


@example("spillover account denials acme --since -2d")
@click.command(cls=Command, short_help="How often it was denied, and why.")
@click.argument("name", metavar="ACCOUNT")
@since
@until
@limit
@database
@as_json
def denials(name: str, since: int, until: int, limit: int, db: str, as_json: bool) -> None:
    """Count the denials of ACCOUNT by minute, feature and reason: what blocked.

    A denial changes nothing and is not recorded for itself. `spillover explain` says what would be answered now.
    """
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.usage import DenialCounts
    from spillover.pictures.tables import table
    from spillover.pictures.wording import number, short_times

    with open_there(db) as access:
        found, policy = access.denials(name, since=since, until=until, limit=limit + 1), access.policy
    rows, more = found[:limit], len(found) > limit
    if as_json:
        write_json(DenialCounts.of(policy, rows, account=name, more=more))
        return
    if not rows:
        write(f"{name}: nothing was denied in this time.")
        return
    times, caption = short_times([one.minute for one in rows])
    shown = [(time, one.feature, one.reason, number(one.count)) for one, time in zip(rows, times, strict=True)]
    columns = ("minute", "feature", "blocked by", ">denials")
    write(table(columns, shown, caption=caption), *page_hints(more, 0))

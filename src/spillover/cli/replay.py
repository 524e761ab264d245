"""`spillover replay`: recorded usage through an engine, each request at its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, as_json, example

if TYPE_CHECKING:
    from spillover.ports import Durability

FOUND = 1
FILE = click.Path(exists=True, dir_okay=False)


@example(
    "spillover replay trace.csv --map map.yaml --policy policy.yaml --db sqlite:///trial.db",
    "spillover replay trace.csv.gz --map map.yaml --policy policy.yaml --db memory:// --limit 1000",
)
@click.command(cls=Command, short_help="Feed recorded usage to an engine.")
@click.argument("trace", type=FILE)
@click.option("--map", "map_file", required=True, type=FILE, help="Says which columns of the trace are what.")
@click.option("--policy", required=True, type=FILE, help="The policy to decide by.")
@click.option(
    "--durability", type=click.Choice(["strict", "fast"]), default="strict", show_default=True,
    help="Answer after a decision is durable, or before.",
)  # fmt: skip
@click.option("--part", metavar="I/N", help="Only the accounts of part I of N, so that N processes share a trace.")
@click.option(
    "--limit", type=click.IntRange(0), metavar="N", help="Only the first N requests; holds that end later stay open."
)
@click.option("--skip-bad", is_flag=True, help="Count rows that cannot be used, instead of stopping at the first.")
@click.option(
    "--db",
    required=True,
    metavar="URL",
    help="The database to fill, such as sqlite:///trial.db; there is no default, so that none is met by mistake.",
)
@click.option("--publish", is_flag=True, help="Change the policy of a database that decides by another one.")
@as_json
def replay(
    trace: str, map_file: str, policy: str, durability: Durability, part: str | None, limit: int | None,
    skip_bad: bool, db: str, publish: bool, as_json: bool,
) -> int:  # fmt: skip
    """Feed TRACE (CSV, or CloudEvents as JSON lines; .gz as well) to an engine and say what came of it.

    The database is made if need be. The same call again goes on where it ended: what was granted is answered as before.
    Status 1 if requests were refused with an error; denials are answers.
    """
    from spillover.cli.database import place_of, refuse_another_policy
    from spillover.cli.output import write, write_json
    from spillover.pictures.progress import progress
    from spillover.replay import render
    from spillover.replay import replay as run_replay

    place_of(db)
    if not publish:
        refuse_another_policy(db, policy)
    with progress("replaying") as moved:
        summary = run_replay(
            trace, map_file, policy, db, durability=durability, part=part, limit=limit, skip_bad=skip_bad,
            progress=moved,
        )  # fmt: skip
    if as_json:
        import msgspec

        write_json(msgspec.to_builtins(summary))
    else:
        write(render(summary))
    return FOUND if summary.refusals else 0

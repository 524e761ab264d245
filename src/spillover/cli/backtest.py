"""`spillover backtest`: recorded usage through a proposed policy, beside the present one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, as_json, example
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.backtest import Comparison

FILE = click.Path(exists=True, dir_okay=False)


@example(
    "spillover backtest --policy new.yaml --db sqlite:///app.db --html report.html",
    "spillover backtest --policy new.yaml --trace usage.csv --map map.yaml --against policy.yaml",
)
@click.command(cls=Command, short_help="Try a policy on recorded usage.")
@click.option("--policy", required=True, type=FILE, help="The proposed policy.")
@click.option("--trace", type=FILE, help="Recorded usage in a file, as `replay` takes it.")
@click.option("--map", "map_file", type=FILE, help="Says which columns of the trace are what.")
@click.option(
    "--db",
    metavar="URL",
    help="Recorded usage in a database's books, such as sqlite:///app.db; without --trace the one in SPILLOVER_DB.",
)
@click.option(
    "--against", type=FILE,
    help="The present policy. Left out: policy.yaml beside the map, or the one in force in the database.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(0), metavar="N", help="Only the first N requests.")
@click.option("--skip-bad", is_flag=True, help="Count rows that cannot be used, instead of stopping at the first.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write a report that stands alone.")
@as_json
def backtest(
    policy: str, trace: str | None, map_file: str | None, db: str | None, against: str | None, limit: int | None,
    skip_bad: bool, html: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Replay recorded usage through a proposed policy, beside the present one, and say who would be denied, who served,
    who pays, and what is charged.

    Both policies decide in memory; the trace or the database is only read.
    """
    from spillover.backtest import backtest as run_backtest
    from spillover.backtest.tables import render
    from spillover.cli.database import books_of
    from spillover.cli.output import write, write_json
    from spillover.pictures.progress import progress

    if trace is None and db is None:
        db = os.environ.get("SPILLOVER_DB") or None
    if (trace is None) == (db is None):
        raise InvalidInput("usage", "neither" if trace is None else "both", "--trace with --map, or --db")
    if (trace is None) != (map_file is None):
        found = "--trace without --map" if trace else "--map without --trace"
        raise InvalidInput("usage", found, "both, or neither with --db")
    path = books_of(db) if db is not None else None
    if html is not None:
        _require_free(html, (policy, trace, map_file, against, path))
    with progress("trying") as moved:
        compared = run_backtest(
            policy, trace=trace, map=map_file, database=path, against=against, limit=limit, skip_bad=skip_bad,
            progress=moved,
        )  # fmt: skip
    if html is not None:
        _write_page(html, compared)
    if as_json:
        from spillover.documents.backtests import Backtest

        write_json(Backtest.of(compared))
    else:
        write(render(compared), *([f"report: {html}"] if html is not None else ()))


def _require_free(html: str, others: tuple[str | None, ...]) -> None:
    """A report never takes the place of what it reads."""
    if not Path(html).absolute().parent.is_dir():
        raise InvalidInput("--html", f"no folder for {html}", "a file in a folder that is there")
    for other in others:
        if other is not None and os.path.exists(html) and os.path.samefile(html, other):
            raise InvalidInput("--html", f"{html}, which is read here", "a file of its own for the report")


def _write_page(html: str, found: Comparison) -> None:
    from spillover.backtest.page import page

    try:
        Path(html).write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise InvalidInput("--html", f"{html}: {error.strerror or error}", "a file that can be written") from None

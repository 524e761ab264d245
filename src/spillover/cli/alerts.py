"""`spillover alerts add | list | remove`: thresholds that receivers are told of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, Group, actor, as_json, database, example, reason

if TYPE_CHECKING:
    from spillover.documents.notices import AlertRow


@example("spillover alerts add low --balance credits --at 10", "spillover alerts list")
@click.group(cls=Group, short_help="Thresholds that receivers are told of.")
def alerts() -> None:
    """Thresholds: a balance that falls, a limit that fills. `spillover webhooks` says who is told."""


@example(
    "spillover alerts add low --balance credits --at 10",
    "spillover alerts add nearly --window daily --at 80 --account acme",
)
@alerts.command("add", cls=Command, short_help="A threshold, or another for its name.")
@click.argument("name")
@click.option("--balance", metavar="MEASURE", help="Of this balance: credits, or a feature with units of its own.")
@click.option("--window", metavar="LIMIT", help="Of the limit of this name.")
@click.option("--at", required=True, metavar="AMOUNT", help="Credits or units; of a limit the percentage used.")
@click.option("--account", metavar="NAME", help="Only this account; all by default.")
@reason
@actor
@database
@as_json
def add(
    name: str, balance: str | None, window: str | None, at: str, account: str | None, reason: str, actor: str, db: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Tell receivers when a balance falls to AMOUNT or below, or so many percent of a limit are used.

    A balance that rises above it again arms it anew. At nothing left `balance.exhausted` is told without any alert.
    """
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json
    from spillover.ports.notices import AlertKind

    if (balance is None) == (window is None):
        raise click.UsageError("found both or neither of --balance and --window, expected one")
    kind: AlertKind = "balance" if balance is not None else "window"
    of = str(balance if balance is not None else window)
    with opened(db) as office:
        made = office.do(
            "alerts.add", lambda desk: desk.add_alert(name, kind, of, at, account), reason, actor, name=name, kind=kind,
            of=of, at=at, account=account,
        )  # fmt: skip
    if as_json:
        write_json(made)
    else:
        write(f"{made.name}: {'any account' if made.account is None else made.account}, {_threshold(made)}.")


@example("spillover alerts list", "spillover alerts list --json")
@alerts.command("list", cls=Command, short_help="All of them.")
@database
@as_json
def listing(db: str, as_json: bool) -> None:
    """List all alerts by name."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json
    from spillover.documents.amounts import instant_in
    from spillover.pictures.tables import table
    from spillover.pictures.wording import instant_text

    with opened(db) as office:
        found = office.ask(lambda desk: desk.alerts())
    if as_json:
        write_json(found)
    elif not found.alerts:
        write("There are no alerts. `spillover alerts add NAME` adds one.")
    else:
        rows = [
            (
                one.name,
                "all" if one.account is None else one.account or "(erased)",
                _threshold(one),
                instant_text(instant_in(one.made)),
            )
            for one in found.alerts
        ]
        write(table(("name", "~account", "~told when", "made"), rows))


@example("spillover alerts remove low")
@alerts.command("remove", cls=Command, short_help="Forget one.")
@click.argument("name")
@reason
@actor
@database
@as_json
def remove(name: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Forget the alert NAME. What was told stays told."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json

    with opened(db) as office:
        office.do("alerts.remove", lambda desk: desk.remove_alert(name), reason, actor, name=name)
    if as_json:
        write_json({"removed": name})
    else:
        write(f"{name} is removed.")


def _threshold(one: AlertRow) -> str:
    if one.at is None:
        return f"{one.percent} % of {one.of} is used"
    from msgspec import UNSET

    amount = f"{one.at.credits} credits" if one.at.credits is not UNSET else f"{one.at.units} units"
    of = "" if one.of == "credits" else f" of {one.of}"
    return f"{amount}{of} are left, or less"

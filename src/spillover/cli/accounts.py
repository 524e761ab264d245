"""`spillover account`: who pays. What changes an account stands here; what reads one stands in reports.py."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from spillover.cli.options import INSTANT, Group, actor, as_json, database, reason
from spillover.cli.reports import listing, show, statement, usage
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.model.account import Lot
    from spillover.model.policy import Policy


@click.group(
    cls=Group, example="spillover account put acme --plan starter\nspillover account credits acme 50 --key order-17"
)
def account() -> None:
    """Create accounts, add credits and units, and read what they have and did."""


@account.command(example="spillover account put acme --plan starter --zone Europe/Paris")
@click.argument("name", metavar="ACCOUNT")
@click.option("--plan", metavar="NAME", help="One of the policy's plans; a new account needs one.")
@click.option("--zone", metavar="ZONE", help="The account's time zone, such as Europe/Paris.")
@click.option("--billing-day", type=INSTANT, metavar="TIME", help="Where windows with `starting: billing_day` start from.")
@click.option("--consent/--no-consent", default=None, help="Whether the customer lets credits pay.")
@click.option("--state", type=click.Choice(["active", "suspended", "closed"]), help="Only active accounts are granted.")
@click.option("--policy", "policy_file", metavar="FILE", help="Publish this policy first; makes a new database if need be.")
@reason
@actor
@database
@as_json
def put(
    name: str, plan: str | None, zone: str | None, billing_day: int | None, consent: bool | None, state: Any,
    policy_file: str | None, reason: str, actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Create ACCOUNT, or change what is given. It is in force when this returns; safe to repeat."""
    from spillover.cli.database import open_or_create
    from spillover.cli.documents import profile_of
    from spillover.cli.output import write, write_json

    with open_or_create(db, policy_file) as access:
        profile = access.accounts.put(
            name, plan, zone=zone, billing_day=billing_day, consent=consent, state=state, reason=reason, actor=actor
        )
    if as_json:
        write_json(profile_of(name, profile))
        return
    consents = "" if profile.consent else ", without consent to pay with credits"
    write(f"{name}: plan {profile.plan}, {profile.state}{consents} (version {profile.version} of its terms)")


def _lot_options(command: Any) -> Any:
    """What a lot of credits and a lot of units have in common."""
    options = (
        click.option("--key", required=True, help="Names this addition: the same key adds once, however often it is sent."),
        click.option("--priority", type=int, default=100, show_default=True, help="Lower numbers burn first."),
        click.option("--effective", type=INSTANT, metavar="TIME", help="When it begins; at once by default."),
        click.option("--expires", type=INSTANT, metavar="TIME", help="When it ends; never by default."),
        reason, actor, database, as_json,
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@account.command(example='spillover account credits acme 50 --key order-17 --paid "45.00 EUR" --ref ch_123')
@click.argument("name", metavar="ACCOUNT")
@click.argument("amount", metavar="CREDITS")
@click.option("--paid", metavar="AMOUNT", help='What was paid, such as "45.00 EUR"; left out, the credits are a gift.')
@click.option("--tax", default="", metavar="TEXT", help="Carried along as it is.")
@click.option("--ref", default="", metavar="TEXT", help="A reference of the payment, carried along as it is.")
@_lot_options
def credits(name: str, amount: str, db: str, as_json: bool, effective: int | None, **terms: Any) -> None:
    """Add CREDITS, such as 50 or 12.50, to ACCOUNT. They can be spent when this returns."""
    from spillover.cli.database import open_there

    with open_there(db) as access:
        lot = access.credits.add(name, amount, effective=effective or 0, **terms)
        policy = access.policy
    from spillover.model.amounts import parse_credits

    _show_lot(policy, name, lot, parse_credits(amount), as_json)


@account.command(example="spillover account units acme video.seconds 30 --key summer-gift --expires 2027-01-01")
@click.argument("name", metavar="ACCOUNT")
@click.argument("feature")
@click.argument("amount", metavar="UNITS")
@_lot_options
def units(name: str, feature: str, amount: str, db: str, as_json: bool, effective: int | None, **terms: Any) -> None:
    """Give ACCOUNT so many UNITS of FEATURE (credits, where the feature is counted by its cost)."""
    from spillover.cli.database import open_there
    from spillover.cli.options import units_of

    with open_there(db) as access:
        policy = access.policy
        count = units_of(policy, feature, amount)
        lot = access.units.add(name, feature, count, effective=effective or 0, **terms)
    _show_lot(policy, name, lot, count, as_json)


def _show_lot(policy: Policy, name: str, lot: Lot, amount: int, as_json: bool) -> None:
    from spillover.cli.documents import amount_in, lot_of
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import instant_text, measure_text

    if as_json:
        write_json({"account": name, **lot_of(lot), "granted": amount_in(policy, lot.measure, amount)})
        return
    what = "promotional" if lot.promotional else "paid"
    said = measure_text(policy, lot.measure, amount)
    write(f"{name}: lot {lot.id} of {said} ({what}, priority {lot.priority}, expires: {instant_text(lot.expires)})")


@account.command(example="spillover account erase acme --yes")
@click.argument("name", metavar="ACCOUNT")
@click.option("--yes", is_flag=True, help="Do not ask.")
@database
@as_json
def erase(name: str, yes: bool, db: str, as_json: bool) -> None:
    """Forget ACCOUNT's name, its subjects and unpriced attributes, for good. Books and chains stay whole."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json

    with open_there(db) as access:
        access.balance(name)  # an unknown name is refused before anything is asked
        if not yes and not _confirmed(name):
            return
        access.accounts.erase(name)
    if as_json:
        write_json({"account": name, "erased": True})
        return
    write(f"{name}: forgotten. Its books stand under a number that no name leads to.")


def _confirmed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidInput("--yes", "nobody at a terminal to ask", "--yes, as erasing cannot be undone")
    if click.confirm(f"Forget {name} for good? This cannot be undone.", err=True):
        return True
    click.echo("Nothing was changed.", err=True)
    return False


for _command in (show, usage, statement, listing):
    account.add_command(_command)

"""`spillover account`: who pays. What changes an account stands here; what reads one stands in reports.py."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from spillover.cli.denials import denials
from spillover.cli.options import INSTANT, Group, actor, as_json, database, example, reason, scope_of, scopes
from spillover.cli.overview import overview
from spillover.cli.reports import listing, show, usage
from spillover.cli.statement import statement
from spillover.cli.terms import consent, plan, resume, show_terms, suspend
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.access.plain import Access
    from spillover.engine.reading import Balance
    from spillover.model.account import AccountState, Lot, Profile
    from spillover.model.policy import Policy


@example("spillover account put acme --plan starter", "spillover account credits acme 50 --key order-17")
@click.group(cls=Group, short_help="Accounts: terms, credits, usage, statements.")
def account() -> None:
    """Create accounts, add credits and units, and read what they have and did."""


@example("spillover account put acme --plan starter --zone Europe/Paris")
@account.command(short_help="Create an account, or change its terms.")
@click.argument("name", metavar="ACCOUNT")
@click.option("--plan", metavar="NAME", help="One of the policy's plans; a new account needs one.")
@click.option("--zone", metavar="ZONE", help="The account's time zone, such as Europe/Paris.")
@click.option(
    "--billing-day", type=INSTANT, metavar="TIME", help="Where windows with `starting: billing_day` start from."
)
@click.option("--consent/--no-consent", default=None, help="Whether the customer lets credits pay.")
@click.option("--state", type=click.Choice(["active", "suspended", "closed"]), help="Only active accounts are granted.")
@click.option(
    "--policy", "policy_file", metavar="FILE", help="Publish this policy first; makes a new database if need be."
)
@reason
@actor
@database
@as_json
def put(
    name: str, plan: str | None, zone: str | None, billing_day: int | None, consent: bool | None,
    state: AccountState | None, policy_file: str | None, reason: str, actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Create ACCOUNT, or change what is given. It is in force when this returns; safe to repeat."""
    from spillover.cli.database import open_or_create

    def putting(access: Access, plan: str | None) -> Profile:
        return access.accounts.put(
            name, plan, zone=zone, billing_day=billing_day, consent=consent, state=state, reason=reason, actor=actor
        )

    with open_or_create(db, policy_file, lambda trial: putting(trial, plan or min(trial.policy.plans))) as access:
        profile, policy = putting(access, plan), access.policy
    show_terms(policy, name, profile, as_json)


key = click.option(
    "--key", required=True, help="Names this addition: the same key adds once, however often it is sent."
)
priority = click.option("--priority", type=int, default=100, show_default=True, help="Lower numbers burn first.")
effective = click.option(
    "--effective", type=INSTANT, default=0, metavar="TIME", help="When it begins; at once by default."
)
expires = click.option("--expires", type=INSTANT, metavar="TIME", help="When it ends; never by default.")


@example('spillover account credits acme 50 --key order-17 --paid "45.00 EUR" --ref ch_123')
@account.command(short_help="Add credits.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("amount", metavar="CREDITS")
@key
@click.option("--paid", metavar="AMOUNT", help='What was paid, such as "45.00 EUR"; left out, the credits are a gift.')
@click.option("--tax", default="", metavar="TEXT", help="Carried along as it is.")
@click.option("--ref", default="", metavar="TEXT", help="A reference of the payment, carried along as it is.")
@priority
@effective
@expires
@scopes
@reason
@actor
@database
@as_json
def credits(
    name: str, amount: str, key: str, paid: str | None, tax: str, ref: str, priority: int, effective: int,
    expires: int | None, scopes: tuple[str, ...], reason: str, actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Add CREDITS, such as 50 or 12.50, to ACCOUNT. They can be spent when this returns."""
    from spillover.cli.database import open_there
    from spillover.model.amounts import parse_credits

    with open_there(db) as access:
        lot = access.credits.add(
            name, amount, key=key, paid=paid, tax=tax, ref=ref, reason=reason, actor=actor, priority=priority,
            effective=effective, expires=expires, scope=scope_of(scopes),
        )  # fmt: skip
        policy = access.policy
    _show_lot(policy, name, lot, parse_credits(amount), as_json)


@example("spillover account units acme video.seconds 30 --key summer-gift --expires 2027-01-01")
@account.command(short_help="Give units of a feature.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("feature")
@click.argument("amount", metavar="UNITS")
@key
@priority
@effective
@expires
@scopes
@reason
@actor
@database
@as_json
def units(
    name: str, feature: str, amount: str, key: str, priority: int, effective: int, expires: int | None,
    scopes: tuple[str, ...], reason: str, actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Give ACCOUNT so many UNITS of FEATURE (credits, where the feature is counted by its cost)."""
    from spillover.cli.database import open_there
    from spillover.cli.options import units_of

    with open_there(db) as access:
        policy = access.policy
        count = units_of(policy, feature, amount)
        lot = access.units.add(
            name, feature, count, key=key, reason=reason, actor=actor, priority=priority, effective=effective,
            expires=expires, scope=scope_of(scopes),
        )  # fmt: skip
    _show_lot(policy, name, lot, count, as_json)


def _show_lot(policy: Policy, name: str, lot: Lot, amount: int, as_json: bool) -> None:
    import msgspec

    from spillover.cli.output import write, write_json
    from spillover.documents.amounts import amount_in
    from spillover.documents.lots import Lot as LotDocument
    from spillover.pictures.wording import instant_text, measure_text

    if as_json:
        terms = msgspec.to_builtins(LotDocument.of(policy, lot))
        write_json({"account": name, **terms, "granted": amount_in(policy, lot.measure, amount)})
        return
    what = "promotional" if lot.promotional else "paid"
    said = measure_text(policy, lot.measure, amount)
    write(f"{name}: lot {lot.id} of {said} ({what}, priority {lot.priority}, expires: {instant_text(lot.expires)})")


@example("spillover account erase acme --yes")
@account.command(short_help="Close an account and forget its names for good.")
@click.argument("name", metavar="ACCOUNT")
@click.option("--yes", is_flag=True, help="Do not ask.")
@database
@as_json
def erase(name: str, yes: bool, db: str, as_json: bool) -> None:
    """Forget ACCOUNT's name, its subjects and unpriced attributes, for good. Books and chains stay whole.

    It closes the account too: what is left of its credits and units, paid ones as well, can never be spent again.
    """
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json

    with open_there(db) as access:
        balance = access.balance(name)  # an unknown name is refused before anything is asked
        if not yes and not _confirmed(name, _left(access.policy, balance)):
            return
        access.accounts.erase(name)
    if as_json:
        write_json({"account": name, "erased": True})
        return
    write(f"{name}: forgotten. Its books stand under a number that no name leads to.")


def _left(policy: Policy, balance: Balance) -> str:
    """What an account's lots still hold, in words."""
    from spillover.pictures.wording import measure_text

    left = [(at.measure, sum(lot.available for lot in at.lots)) for at in balance.measures]
    return " and ".join(measure_text(policy, measure, amount) for measure, amount in left if amount) or "nothing"


def _confirmed(name: str, left: str) -> bool:
    if not sys.stdin.isatty():
        raise InvalidInput("--yes", "nobody at a terminal to ask", "--yes, as erasing cannot be undone")
    click.echo(f"{name} has {left} left, which nobody can reach any more then.", err=True)
    if click.confirm(f"Forget {name} for good, and close the account? This cannot be undone.", err=True):
        return True
    click.echo("Nothing was changed.", err=True)
    return False


for _command in (plan, suspend, resume, consent, show, overview, usage, denials, statement, listing):
    account.add_command(_command)

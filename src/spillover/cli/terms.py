"""`spillover account plan | suspend | resume | consent`: the terms of an account that change most, one at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, actor, as_json, database, example, reason, when

if TYPE_CHECKING:
    from spillover.model.account import Profile
    from spillover.model.policy import Policy


@example("spillover account plan acme team", "spillover account plan acme team --when 2030-01-01T00:00:00+01:00")
@click.command(cls=Command, short_help="Another plan, at once or later.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("plan")
@when
@reason
@actor
@database
@as_json
def plan(name: str, plan: str, when: int | None, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Give ACCOUNT another PLAN. What it used counts on where both plans have the same window.

    A change that was scheduled before is replaced. A plan that lasts for a time only says what follows.
    """
    from spillover.cli.database import open_there

    with open_there(db) as access:
        profile = access.accounts.plan(name, plan, when=when, reason=reason, actor=actor)
        policy = access.policy
    show_terms(policy, name, profile, as_json)


@example('spillover account suspend acme --reason "card was declined" --actor ops')
@click.command(cls=Command, short_help="Deny everything, from now on.")
@click.argument("name", metavar="ACCOUNT")
@reason
@actor
@database
@as_json
def suspend(name: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Deny everything that ACCOUNT asks for, in every engine, until `account resume`. It keeps what it has."""
    from spillover.cli.database import open_there

    with open_there(db) as access:
        access.balance(name)  # an unknown name is refused as such
        profile = access.accounts.suspend(name, reason=reason, actor=actor)
        policy = access.policy
    show_terms(policy, name, profile, as_json)


@example("spillover account resume acme")
@click.command(cls=Command, short_help="Serve a suspended account again.")
@click.argument("name", metavar="ACCOUNT")
@reason
@actor
@database
@as_json
def resume(name: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Serve ACCOUNT again, which was suspended or closed."""
    from spillover.cli.database import open_there

    with open_there(db) as access:
        access.balance(name)
        profile = access.accounts.put(name, state="active", reason=reason, actor=actor)
        policy = access.policy
    show_terms(policy, name, profile, as_json)


@example("spillover account consent acme off", "spillover account consent acme on --actor ada")
@click.command(cls=Command, short_help="Whether the customer lets credits pay.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("answer", metavar="on|off", type=click.Choice(["on", "off"]))
@reason
@actor
@database
@as_json
def consent(name: str, answer: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Remember whether the customer of ACCOUNT lets credits pay, where a plan asks for `consent: remembered`."""
    from spillover.cli.database import open_there

    with open_there(db) as access:
        access.balance(name)
        profile = access.accounts.put(name, consent=answer == "on", reason=reason, actor=actor)
        policy = access.policy
    show_terms(policy, name, profile, as_json)


def show_terms(policy: Policy, name: str, profile: Profile, as_json: bool) -> None:
    """An account's terms in one line, with what follows them; or as a document."""
    from spillover.cli.output import write, write_json
    from spillover.documents.accounts import Profile as ProfileDocument

    if as_json:
        write_json(ProfileDocument.of(policy, profile, account=name))
        return
    consents = "" if profile.consent else ", without consent to pay with credits"
    next_plan = following(profile)
    write(f"{name}: plan {profile.plan}, {profile.state}{consents} (version {profile.version} of its terms)")
    if next_plan:
        write(next_plan)


def following(profile: Profile) -> str:
    """Which plan comes when; "" if none is scheduled."""
    from spillover.pictures.wording import instant_text

    return f"plan {profile.next_plan} from {instant_text(profile.next_at)} on" if profile.next_plan else ""

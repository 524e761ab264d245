"""`spillover packs list | grant`: what the policy sells, and giving an account what it has bought."""

from __future__ import annotations

import click

from spillover.cli.options import Command, Group, actor, as_json, database, example, generated_key, key_of, reason


@example("spillover packs list", "spillover packs grant acme small --key order-17 --ref ch_123")
@click.group(cls=Group, short_help="What can be bought: list, grant.")
def packs() -> None:
    """List the packs of the policy, and give an account one that it has bought."""


@example("spillover packs list", "spillover packs list --json")
@packs.command("list", cls=Command, short_help="All packs of the policy in force.")
@database
@as_json
def listing(db: str, as_json: bool) -> None:
    """List what the policy in force sells, in the order of names."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.packs import Packs
    from spillover.pictures.tables import table
    from spillover.pictures.wording import measure_text
    from spillover.policy.windows import show_length

    with open_there(db) as access:
        found, policy = access.packs.list(), access.policy
    if as_json:
        write_json(Packs.of(policy, found))
        return
    if not found:
        write("The policy sells no packs. `packs:` in it says what can be bought.")
        return
    rows = [
        (
            pack.name, measure_text(policy, pack.measure, pack.amount), pack.paid,
            show_length(pack.lasts) if pack.lasts else "for ever", str(pack.priority),
            "promotional" if pack.promotional else "paid",
        )
        for pack in found
    ]  # fmt: skip
    write(table(("name", "gives", ">price", "lives", ">priority", "kind"), rows))


@example(
    "spillover packs grant acme small --key order-17 --ref ch_123",
    'spillover packs grant acme small --paid "7.50 EUR" --reason "summer sale" --key order-18',
)
@packs.command(cls=Command, short_help="Give an account a pack that it has bought.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("pack")
@generated_key
@click.option("--paid", metavar="MONEY", help='What was paid for it, such as "9.00 EUR"; the pack\'s price otherwise.')
@click.option("--ref", default="", metavar="TEXT", help="A reference elsewhere, such as of the payment.")
@reason
@actor
@database
@as_json
def grant(
    name: str, pack: str, key: str | None, paid: str | None, ref: str, reason: str, actor: str, db: str, as_json: bool
) -> None:
    """Give ACCOUNT the PACK that it has bought. The same key again gives nothing more."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.lots import Lot
    from spillover.pictures.wording import instant_text, measure_text

    key = key_of(key)
    with open_there(db) as access:
        lot = access.packs.grant(name, pack, key=key, paid=paid, ref=ref, reason=reason, actor=actor)
        policy = access.policy
    if as_json:
        write_json(Lot.of(policy, lot))
        return
    bought = policy.packs[pack]
    until = f", until {instant_text(lot.expires)}" if bought.lasts else ""
    given = measure_text(policy, bought.measure, bought.amount)
    write(f"{name}: pack {pack}, {given} for {paid or bought.paid}, is lot {lot.id}{until} (key {key})")

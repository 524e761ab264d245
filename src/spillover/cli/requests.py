"""`spillover consume` and `spillover record`: one request, decided and committed from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import (
    MOMENT,
    Command,
    as_json,
    attributes,
    database,
    example,
    generated_key,
    key_of,
    pairs,
    subject,
    usage_of,
)

if TYPE_CHECKING:
    from spillover.engine.answers import Decision
    from spillover.model.policy import Policy

DENIED = 1

at = click.option("--at", type=MOMENT, metavar="TIME", help="The request's own time; now by default.")


@example(
    "spillover consume acme video.seconds 8 --subject ada --key clip-9",
    "spillover consume acme video.seconds 500 --mode partial",
)
@click.command(cls=Command, short_help="Make a request: may it pass, and who pays?")
@click.argument("account")
@click.argument("feature")
@click.argument("usage", nargs=-1)
@click.option(
    "--mode", type=click.Choice(["exact", "partial", "record"]), default="exact", show_default=True,
    help="All or nothing; as much as there is; or it happened already.",
)  # fmt: skip
@attributes
@subject
@at
@generated_key
@database
@as_json
def consume(
    account: str, feature: str, usage: tuple[str, ...], mode: str, attributes: tuple[str, ...], subject: str | None,
    at: int | None, key: str | None, db: str, as_json: bool,
) -> int:  # fmt: skip
    """Ask for USAGE of FEATURE as ACCOUNT, and take it. Status 1 if it is denied; then nothing is taken.

    USAGE is one number, or counts by name such as input=1200 output=300; left out, it is one request.
    """
    from spillover.cli.database import open_there

    labels, counts, key = pairs("attribute", attributes, "model=large"), usage_of(usage), key_of(key)
    with open_there(db) as access:
        decision = access.consume(
            account, feature, counts, key=key, subject=subject, attributes=labels, mode=mode, at=at
        )
        policy = access.policy
    return show_decision(policy, decision, as_json)


@example("spillover record acme video.seconds 12 --key clip-10 --at -2h")
@click.command(cls=Command, short_help="Put on the books what happened already.")
@click.argument("account")
@click.argument("feature")
@click.argument("usage", nargs=-1)
@attributes
@subject
@at
@generated_key
@database
@as_json
def record(
    account: str, feature: str, usage: tuple[str, ...], attributes: tuple[str, ...], subject: str | None,
    at: int | None, key: str | None, db: str, as_json: bool,
) -> int:  # fmt: skip
    """Count USAGE of FEATURE that ACCOUNT had already, and let layers pay as far as they can.

    What none of them can pay is forgiven as far as the policy says, and owed beyond that.
    """
    from spillover.cli.database import open_there

    labels, counts, key = pairs("attribute", attributes, "model=large"), usage_of(usage), key_of(key)
    with open_there(db) as access:
        decision = access.record(account, feature, counts, key=key, subject=subject, attributes=labels, at=at)
        policy = access.policy
    return show_decision(policy, decision, as_json)


def show_decision(policy: Policy, decision: Decision, as_json: bool) -> int:
    """A decision in its sentence, with the key under which it is known; the command's status."""
    from spillover.cli.output import write, write_json
    from spillover.documents.decision import Decision as DecisionDocument
    from spillover.pictures.wording import instant_text

    if as_json:
        write_json(DecisionDocument.of(policy, decision))
    else:
        before = "as before: " if decision.replayed else ""
        due = f" until {instant_text(decision.due)}" if decision.due and decision else ""
        verb = "extended: " if decision.held else "held: " if due else ""
        write(f"{before}{verb}{decision.sentence}{due}")
        if decision:
            write(f"key {decision.key}")
    return 0 if decision else DENIED

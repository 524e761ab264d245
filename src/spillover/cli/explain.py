"""`spillover explain`: what would be answered now, and why: the sentence, the staircase, the table."""

from __future__ import annotations

import click

from spillover.cli.options import INSTANT, Command, as_json, database, example, pairs, usage_of


@example(
    "spillover explain acme chat.messages 8",
    "spillover explain acme chat.tokens input=1200 output=300 --attribute model=large --subject ada",
)
@click.command(cls=Command, short_help="Say what would be answered now, and why.")
@click.argument("account")
@click.argument("feature")
@click.argument("usage", nargs=-1)
@click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="A label of the request; repeatable."
)
@click.option("--subject", metavar="NAME", help="Who uses, inside the account.")
@click.option("--at", type=INSTANT, metavar="TIME", help="The request's own time; now by default.")
@database
@as_json
def explain(
    account: str, feature: str, usage: tuple[str, ...], attributes: tuple[str, ...], subject: str | None,
    at: int | None, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Say what ACCOUNT would be answered for FEATURE now, changing nothing.

    USAGE is one number, or counts by name such as input=1200 output=300; left out, it is one request.
    """
    from spillover.cli.database import open_there
    from spillover.cli.documents import decision_of, staircase_of
    from spillover.cli.output import write, write_json

    labels = pairs("attribute", attributes, "model=large")
    counts = usage_of(usage)
    with open_there(db) as access:
        told = access.explain(account, feature, counts, subject=subject, attributes=labels, at=at)
        if as_json:
            picture = staircase_of(access.policy, feature, told.staircase)
            write_json({**decision_of(access.policy, told.decision), **picture, "ignored": list(told.ignored)})
            return
    from spillover.pictures.staircase import StaircasePicture, staircase_table

    write(
        told.sentence, "", StaircasePicture(told.staircase, told.decision), "",
        staircase_table(told.staircase, told.decision),
    )  # fmt: skip
    if told.ignored:
        write("", f"ignored, as the policy declares no such attribute: {', '.join(told.ignored)}")

"""`spillover explain`: what would be answered now, or was decided then, and why: sentence, staircase, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from spillover.cli.options import (
    MOMENT,
    SPAN,
    Command,
    as_json,
    attributes,
    database,
    example,
    pairs,
    subject,
    usage_of,
)
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.proof import Receipt


@example(
    "spillover explain acme chat.messages 8",
    "spillover explain acme chat.tokens input=1200 output=300 --attribute model=large --subject ada",
    "spillover explain --account acme --key clip-9 --receipt-out clip-9.json",
    "spillover explain --receipt clip-9.json",
)
@click.command(cls=Command, short_help="Say what would be answered now, or was decided, and why.")
@click.argument("account", required=False)
@click.argument("feature", required=False)
@click.argument("usage", nargs=-1)
@click.option(
    "--mode", type=click.Choice(["exact", "partial", "record"]), default="exact", show_default=True,
    help="All or nothing; as much as there is; or it happened already.",
)  # fmt: skip
@click.option("--hold", is_flag=True, help="As a hold on this estimate.")
@click.option("--lasts", type=SPAN, metavar="TIME", help="How long the hold lasts; the policy's own time by default.")
@attributes
@subject
@click.option("--at", type=MOMENT, metavar="TIME", help="The request's own time; now by default.")
@click.option("--account", "of", metavar="NAME", help="Whose past decision, with --key.")
@click.option("--key", metavar="KEY", help="A past decision, from the books: the key of its request or hold.")
@click.option("--end", is_flag=True, help="With the key of a hold: how it ended.")
@click.option("--step", type=click.IntRange(1), metavar="N", help="With the key of a hold: its extension number N.")
@click.option("--receipt", metavar="FILE", help="A past decision, offline, from its receipt; - reads standard input.")
@click.option("--receipt-out", metavar="FILE", help="Save the receipt of the past decision.")
@click.option("--sign", metavar="KEYFILE", help="Sign the receipt that is saved, with a key of `spillover proof key`.")
@database
@as_json
def explain(
    account: str | None, feature: str | None, usage: tuple[str, ...], receipt: str | None, db: str, as_json: bool,
    **options: Any,  # noqa: ANN401  # options of click have types of their own
) -> None:  # fmt: skip
    """Say what ACCOUNT would be answered for FEATURE now, changing nothing; or what was decided once, and on what.

    USAGE is one number, or counts by name such as input=1200 output=300; left out, it is one request. A receipt holds
    all that a decision was made on, with tokens in the place of names; `spillover verify` checks it.
    """
    if receipt is not None:
        if account or options["key"] or options["of"]:
            raise InvalidInput("--receipt", "an account or a key beside it", "the receipt alone")
        _from_receipt(receipt, options, as_json)
    elif options["key"] is not None:
        _from_books(account, feature, options, db, as_json)
    elif account is None or feature is None:
        raise InvalidInput("explain", "no request", "ACCOUNT FEATURE, or --account NAME --key KEY, or --receipt FILE")
    else:
        _live(account, feature, usage, options, db, as_json)


def _live(
    account: str, feature: str, usage: tuple[str, ...], options: dict[str, Any], db: str, as_json: bool
) -> None:  # fmt: skip
    from spillover.cli.database import open_there
    from spillover.cli.explained import foreseen_documents, foreseen_parts
    from spillover.cli.output import write, write_json

    for name in ("end", "step", "receipt_out", "sign", "of"):
        if options[name]:
            flag = "--account" if name == "of" else f"--{name.replace('_', '-')}"
            raise InvalidInput(flag, "no --key", "the --key of a past decision beside it")
    if options["lasts"] and not options["hold"]:
        raise InvalidInput("--lasts", "no --hold", "--hold beside it")
    asked: dict[str, Any] = {
        "subject": options["subject"],
        "attributes": pairs("attribute", options["attributes"], "model=large"),
        "at": options["at"],
        "mode": options["mode"],
    }
    if options["hold"]:
        asked["hold"] = options["lasts"]
    with open_there(db) as access:
        ask = access.take_in(account, feature, usage_of(usage), None, asked)
        if as_json:
            write_json(foreseen_documents(access, ask))
        else:
            write(*foreseen_parts(access, ask))


def _from_books(account: str | None, feature: str | None, options: dict[str, Any], db: str, as_json: bool) -> None:
    from spillover.cli.database import names_of, open_there

    name = options["of"] or account
    if not name or feature or (options["of"] and account):
        raise InvalidInput("--key", "no account, or a request, beside it", "--account NAME and the key of its decision")
    if options["sign"] and not options["receipt_out"]:
        raise InvalidInput("--sign", "no --receipt-out", "--receipt-out FILE beside it, or - for standard output")
    with open_there(db) as access:
        found = access.receipt(name, options["key"], end=options["end"], step=options["step"])
        names = names_of(access, name)
    _save_and_show(found, name, options, as_json, names)


def _from_receipt(path: str, options: dict[str, Any], as_json: bool) -> None:
    from spillover.cli.files import read_file
    from spillover.proof import evaluate, read_receipt

    for name in ("end", "step", "hold", "lasts", "subject", "at"):
        if options[name]:
            raise InvalidInput(f"--{name}", "--receipt beside it", "the receipt alone, which says all of it")
    receipt = read_receipt(read_file(path))
    difference = evaluate(receipt)
    if difference is not None:
        said = f"the receipt says {difference.recorded}, the rules say {difference.found}"
        raise InvalidInput(
            "receipt", f"a decision that the rules do not give: {difference.name}: {said}", "the true one"
        )
    _save_and_show(receipt, "", options, as_json, {})


def _save_and_show(
    receipt: Receipt, name: str, options: dict[str, Any], as_json: bool, names: dict[str, str]
) -> None:  # fmt: skip
    from spillover.cli.explained import receipt_parts
    from spillover.cli.files import write_file
    from spillover.cli.output import write, write_json
    from spillover.proof.chain import canonical
    from spillover.proof.receipt import document_of
    from spillover.proof.signing import sign

    out = options["receipt_out"]
    if out:
        document = document_of(receipt)
        document = sign(document, options["sign"]) if options["sign"] else document
        write_file(out, canonical(document) + b"\n")
        if out == "-":
            return
    if as_json:
        from spillover.http_api.explained import Explained

        write_json(Explained.of(receipt, name, names))
        return
    write(*receipt_parts(receipt, name, names))
    if out:
        write("", f"receipt saved in {out}; `spillover verify {out}` checks it")

"""`spillover verify` and `spillover proof`: what a receipt or a statement proves; keys, and statements that prove."""

from __future__ import annotations

import click

from spillover.cli.options import Command, Group, as_json, database, example

WRONG = 1


@example("spillover verify clip-9.json", "spillover verify acme.jsonl --key books.pem.pub")
@click.command(cls=Command, short_help="Check a receipt or a statement, offline.")
@click.argument("file")
@click.option("--key", metavar="PUBLIC", help="Who must have signed it: FILE.pub, or 64 hexadecimal digits.")
@as_json
def verify(file: str, key: str | None, as_json: bool) -> int:
    """Say what FILE proves, or the first thing that is wrong with it (then the status is 1). - reads standard input.

    FILE is a receipt (`spillover explain --receipt-out`) or a statement (`spillover proof statement`). No database is
    looked at. What nobody signed proves itself, not who sent it.
    """
    from spillover.cli.files import read_file
    from spillover.cli.output import write, write_json
    from spillover.proof import Proved, check
    from spillover.proof.signing import public_key

    found = check(read_file(file), None if key is None else public_key(key))
    if as_json:
        proved = isinstance(found, Proved)
        by = found.signed_by or None if isinstance(found, Proved) else None
        wrong = None if isinstance(found, Proved) else found.name
        write_json({"proved": proved, "sentence": found.sentence, "signed_by": by, "wrong": wrong})
    else:
        write(found.sentence if isinstance(found, Proved) else f"not proved: {found.sentence}")
    return 0 if isinstance(found, Proved) else WRONG


@example("spillover proof key books.pem", "spillover proof statement acme --out acme.jsonl --sign books.pem")
@click.group(cls=Group, short_help="Keys to sign with, and statements that prove themselves.")
def proof() -> None:
    """Make keys, and statements whose every byte can be checked without the database."""


@example("spillover proof key books.pem")
@proof.command(short_help="Make a pair of keys.")
@click.argument("file")
@as_json
def key(file: str, as_json: bool) -> None:
    """Make an Ed25519 key: the private one in FILE, for its owner only, and the public one in FILE.pub.

    Whoever has FILE can sign as you; FILE.pub is for those who verify. Needs the extra: pip install 'spillover[proof]'.
    """
    from spillover.cli.output import write, write_json
    from spillover.proof.signing import new_key

    public = new_key(file)
    if as_json:
        write_json({"private": file, "public": f"{file}.pub", "key": public})
    else:
        write(f"private key in {file}, public key in {file}.pub: {public}")


@example("spillover proof statement acme --out acme.jsonl --sign books.pem")
@proof.command(short_help="All balance updates of an account, with their chain.")
@click.argument("account")
@click.option("--out", default="-", metavar="FILE", help="Where to; standard output by default.")
@click.option("--sign", metavar="KEYFILE", help="Sign it, with a key of `spillover proof key`.")
@database
def statement(account: str, out: str, sign: str | None, db: str) -> None:
    """Write every balance update of ACCOUNT that is booked, as JSON lines that `spillover verify` can check.

    People stand in it as the tokens of the books.
    """
    from spillover.cli.database import open_there
    from spillover.cli.files import write_file
    from spillover.proof import export_statement

    with open_there(db) as access:
        found = access.run(access.desk.account(account))
        content = access.look(export_statement(access.desk.ledger, found, sign))
    write_file(out, content)
    if out != "-":
        click.echo(f"statement saved in {out}; `spillover verify {out}` checks it")

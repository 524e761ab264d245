"""`spillover stripe export | exports | link`: overage on its way to invoices, and who is which customer."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import click

from spillover.cli.options import MOMENT, Command, Group, actor, as_json, database, example, reason

if TYPE_CHECKING:
    from spillover.documents.exports import Piece
    from spillover.ports import Ledger
    from spillover.selling.overage import Line
    from spillover.selling.records import Records
    from spillover.selling.stripe_calls import Stripe

T = TypeVar("T")
TIMEOUT_MS = 10_000
MOST = (1 << 63) - 1
FOUND = 1
WORDS = {
    "sent": "sent", "found": "sent before", "nothing": "comes to nothing yet", "would": "would be sent",
    "unlinked": "is no customer yet", "refused": "refused", "doubtful": "in doubt",
}  # fmt: skip


@example('spillover stripe export --price-of-credit "0.01 EUR" --dry-run', "spillover stripe exports")
@click.group(cls=Group, short_help="Bill overage by Stripe: export, exports, link.")
def stripe() -> None:
    """Put overage on Stripe's invoices, with the secret key in SPILLOVER_STRIPE_KEY."""


@example(
    'spillover stripe export --price-of-credit "0.01 EUR"',
    'spillover stripe export --price-of-credit "0.01 EUR" --until 2026-04-01 --dry-run',
)
@stripe.command(cls=Command, short_help="Bill what the overage line has advanced.")
@click.option("--price-of-credit", "price", required=True, metavar="MONEY", help='Such as "0.01 EUR".')
@click.option("--until", type=MOMENT, metavar="TIME", help="Only what was booked before; everything by default.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@database
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document a line, for each piece.")
def export(price: str, until: int | None, dry_run: bool, db: str, as_json: bool) -> int:
    """Put each account's overage since the last time on its customer's next invoice. Status 1 if some could not be.

    Each piece is written down before it is sent, so this is safe to kill, to repeat, and to run twice at once: what is
    in doubt is looked for first. Only what is booked counts (`spillover settle`).
    """
    import time

    from spillover.access.clock import system_clock
    from spillover.cli.output import write_json_line
    from spillover.selling.overage import BAD, Exporting, read_price

    asked = read_price(price)
    bad = done = 0
    with _books(db) as books, nullcontext() if dry_run else _stripe() as biller:
        exporting = Exporting(
            books.ledger, books, biller, asked, until=system_clock() if until is None else until, now=system_clock,
            pause=time.sleep, dry=dry_run,
        )  # fmt: skip
        for line in exporting.run():
            bad, done = bad + (line.outcome in BAD), done + 1
            if as_json:
                write_json_line(_piece_of(line))
            else:
                click.echo(_said(line))
    if not as_json and not done:
        click.echo("There is nothing to bill.")
    return FOUND if bad else 0


@example("spillover stripe exports acme", "spillover stripe exports --json")
@stripe.command(cls=Command, short_help="What was billed, and what waits.")
@click.argument("name", metavar="[ACCOUNT]", required=False)
@click.option("--after", type=click.IntRange(0, MOST), default=0, metavar="NUMBER", help="Go on behind this piece.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Rows, at most.")
@database
@as_json
def exports(name: str | None, after: int, limit: int, db: str, as_json: bool) -> None:
    """List the pieces of ACCOUNT's overage; without one, those of all accounts that are not known to be sent."""
    from spillover.cli.output import write, write_json
    from spillover.documents.amounts import instant_in
    from spillover.documents.exports import Piece, Pieces
    from spillover.engine.drive import drive
    from spillover.pictures.tables import table
    from spillover.pictures.wording import instant_text
    from spillover.selling import money

    with _books(db) as books:
        if name is None:
            found = books(lambda records: records.unsent_exports(limit))
        else:
            account = books.account(name)
            found = books(lambda records: records.exports(account, after=after, limit=limit))
        names = {one.account: drive(books.ledger.account_name(one.account)) for one in found}
    told = [Piece.of(names[one.account], one, money.told(one.money, one.currency)) for one in found]
    if as_json:
        write_json(Pieces.of(told))
        return
    if not told:
        write("Nothing waits to be sent." if name is None else "Nothing was billed.")
        return
    rows = [(one.account, str(one.number), instant_text(instant_in(one.at)) if one.at else "", one.amount.credits,
             one.money, one.outcome, one.reference or "") for one in told]  # fmt: skip
    write(table(("account", ">piece", "at", ">credits", ">money", "state", "~Stripe's"), rows))


@example("spillover stripe link acme cus_NffrFeUfNV2Hib")
@stripe.command(cls=Command, short_help="Which customer an account is.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("customer")
@reason
@actor
@database
def link(name: str, customer: str, reason: str, actor: str, db: str) -> None:
    """From now on ACCOUNT is Stripe's CUSTOMER. A paid checkout does this by itself where none is known."""
    import msgspec

    from spillover.access.clock import system_clock
    from spillover.model.errors import SpilloverError
    from spillover.ports.office import Act
    from spillover.selling import overage

    with _books(db) as books:
        account = books.account(name)
        said = msgspec.json.encode({"account": name, "customer": customer})
        act = Act(0, system_clock(), actor, "stripe.link", name, reason, said)
        number = books(lambda records: records.begin(act))
        try:
            overage.link(books, _open_stripe, account, customer)
        except SpilloverError as error:
            words = str(error)
            books(lambda records: records.end(number, words, system_clock()))
            raise
        books(lambda records: records.end(number, "done", system_clock()))
    click.echo(f"{name} is {customer}.")


class _Books(NamedTuple):
    """The books and the office beside them."""

    ledger: Ledger
    records: Records

    def __call__(self, work: Callable[[Records], Coroutine[Any, Any, T]]) -> T:
        from spillover.engine.drive import drive

        return drive(work(self.records))

    def account(self, name: str) -> int:
        """The account of that name. Raises UnknownName."""
        from spillover.core.intake import check_name
        from spillover.engine.drive import drive
        from spillover.model.errors import UnknownName

        found = drive(self.ledger.find_account(check_name("account", name)))
        if found is None:
            raise UnknownName("account", repr(name), "an account that was put before (`spillover account put`)")
        return found


@contextmanager
def _books(db: str) -> Iterator[_Books]:
    """Those of a database that is there."""
    from spillover.bootstrap.noticing import open_ledger
    from spillover.bootstrap.rungs import open_office
    from spillover.cli.database import require_there
    from spillover.engine.drive import drive

    address = require_there(db)
    ledger = open_ledger(address, TIMEOUT_MS)
    try:
        office = open_office(address, TIMEOUT_MS)
        try:
            yield _Books(ledger, cast("Records", office))
        finally:
            drive(office.close())
    finally:
        drive(ledger.close())


@contextmanager
def _stripe() -> Iterator[Stripe]:
    found = _open_stripe()
    try:
        yield found
    finally:
        found.close()


def _open_stripe() -> Stripe:
    """Stripe, as the environment names it: its address only where it is another one, such as a proxy's."""
    from spillover.selling.stripe_calls import Stripe

    return Stripe(os.environ.get("SPILLOVER_STRIPE_KEY"), url=os.environ.get("SPILLOVER_STRIPE_URL") or None)


def _piece_of(line: Line) -> Piece:
    from spillover.documents.amounts import credits_of
    from spillover.documents.exports import Piece
    from spillover.selling import money

    return Piece(
        line.account, line.number, line.outcome, credits_of(line.amount), money.told(line.money, line.currency),
        line.reference or None, why=line.why or None,
    )  # fmt: skip


def _said(line: Line) -> str:
    from spillover.model.amounts import format_credits
    from spillover.selling import money

    told = f"{line.account}: {format_credits(line.amount)} credits, {money.told(line.money, line.currency)}"
    return f"{told}: {WORDS[line.outcome]}" + (f" ({line.why})" if line.why else "")

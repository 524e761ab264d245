"""`spillover topups set | get | list | remove | fail`: whose credits are filled up by which pack, what was ordered."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from spillover.cli.options import Command, Group, actor, as_json, database, example, reason

if TYPE_CHECKING:
    from spillover.documents.topups import TopUps
    from spillover.ports.office import Office
    from spillover.selling.topup_desk import TopUpDesk

T = TypeVar("T")
TIMEOUT_MS = 10_000


@example("spillover topups set acme --below 20 --pack small --most 3", "spillover topups get acme")
@click.group(cls=Group, short_help="Fill credits up by themselves: set, get, list, remove, fail.")
def topups() -> None:
    """When an account's credits fall to a threshold, order a pack; a service watches, and tells who charges."""


@example("spillover topups set acme --below 20 --pack small --most 3")
@topups.command("set", cls=Command, short_help="When an account is topped up, and how often.")
@click.argument("name", metavar="ACCOUNT")
@click.option("--below", required=True, metavar="CREDITS", help="Order when the credits fall to this or less.")
@click.option("--pack", required=True, metavar="NAME", help="What to order: a pack of credits.")
@click.option("--most", required=True, type=int, metavar="COUNT", help="Orders in a calendar month, at most.")
@reason
@actor
@database
@as_json
def set_rule(
    name: str, below: str, pack: str, most: int, reason: str, actor: str, db: str, as_json: bool
) -> None:  # fmt: skip
    """Order PACK for ACCOUNT whenever its credits fall to --below or less, in place of the rule that it has."""
    from spillover.cli.output import write, write_json

    with _desk(db) as at:
        said = {"account": name, "below": below, "pack": pack, "most": most}
        rule = at.done("topups.set", name, said, at.desk.set(name, below, pack, most), reason, actor)
    if as_json:
        write_json(rule)
    else:
        write(
            f"{name}: pack {rule.pack} when {rule.below.credits} credits or less are left,"
            f" at most {rule.most} in a month; from the next time on that they fall so low"
        )


@example("spillover topups get acme", "spillover topups get acme --json")
@topups.command("get", cls=Command, short_help="An account's rule, and what was ordered.")
@click.argument("name", metavar="ACCOUNT")
@database
@as_json
def get(name: str, db: str, as_json: bool) -> None:
    """Show the rule of ACCOUNT, and its newest orders with what became of them."""
    from spillover.cli.output import write_json
    from spillover.engine.drive import drive

    with _desk(db) as at:
        found = drive(at.desk.get(name))
    if as_json:
        write_json(found)
    else:
        _show(found)


@example("spillover topups list", "spillover topups list --limit 100 --json")
@topups.command("list", cls=Command, short_help="All rules.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="Rows, at most.")
@click.option("--after", type=click.IntRange(0), default=0, metavar="NUMBER", help="Go on behind this number.")
@database
@as_json
def listing(limit: int, after: int, db: str, as_json: bool) -> None:
    """List whose credits are filled up by themselves."""
    from spillover.cli.output import write, write_json
    from spillover.engine.drive import drive
    from spillover.pictures.tables import table

    with _desk(db) as at:
        found = drive(at.desk.list(limit, after))
    if as_json:
        write_json(found)
        return
    if not found.rules:
        write("No account is topped up by itself. `spillover topups set` makes a rule.")
        return
    rows = [(rule.account or "(erased)", rule.below.credits, rule.pack, str(rule.most)) for rule in found.rules]
    write(table(("account", ">below", "pack", ">most in a month"), rows))
    if found.after is not None:
        write(f"There may be more: --after {found.after}")


@example('spillover topups remove acme --reason "asked for it"')
@topups.command("remove", cls=Command, short_help="Order nothing more.")
@click.argument("name", metavar="ACCOUNT")
@reason
@actor
@database
@as_json
def remove(name: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Order nothing more for ACCOUNT. What was ordered stays ordered."""
    from spillover.cli.output import write, write_json

    with _desk(db) as at:
        found = at.done("topups.remove", name, {"account": name}, at.desk.remove(name), reason, actor)
    if as_json:
        write_json(found)
    else:
        write(f"{name}: nothing more is ordered")


@example('spillover topups fail acme topup:4711:2026-03:1 --reason "card declined"')
@topups.command("fail", cls=Command, short_help="An order that cannot be charged.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("key")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it is told, as topup.failed.")
@actor
@database
@as_json
def fail(name: str, key: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Say that the order KEY of ACCOUNT cannot be charged. It counts; the next one is ordered at the next crossing."""
    from spillover.cli.output import write, write_json

    with _desk(db) as at:
        said = {"account": name, "key": key}
        found = at.done("topups.fail", name, said, at.desk.fail(name, key, reason), reason, actor)
    if as_json:
        write_json(found)
    else:
        write(f"{name}: order {found.key} has failed: {found.note}")


def _show(found: TopUps) -> None:
    from spillover.cli.output import write
    from spillover.documents.amounts import instant_in
    from spillover.pictures.tables import table
    from spillover.pictures.wording import instant_text

    rule = found.rule
    if rule is None:
        write(f"{found.account} is not topped up by itself. `spillover topups set` makes a rule.")
    else:
        write(
            f"{found.account}: pack {rule.pack} when {rule.below.credits} credits or less are left,"
            f" at most {rule.most} in a month"
        )
    if found.orders:
        rows = [
            (one.key, instant_text(instant_in(one.at)), one.pack.name, one.state, str(one.tries), one.note or "")
            for one in found.orders
        ]
        write("")
        write(table(("order", "at", "pack", "state", ">refused", "~why"), rows))


class _At(NamedTuple):
    """A desk, and the office in which what is done is written down."""

    desk: TopUpDesk
    office: Office

    def done(
        self, verb: str, account: str, said: Mapping[str, object], work: Coroutine[Any, Any, T], reason: str, actor: str
    ) -> T:  # fmt: skip
        """What the work gives, with an act in the log that says who and why, and how it ended."""
        import msgspec

        from spillover.access.clock import system_clock
        from spillover.engine.drive import drive
        from spillover.model.errors import SpilloverError
        from spillover.ports.office import Act

        act = Act(0, system_clock(), actor, verb, account, reason, msgspec.json.encode(said))
        try:
            number = drive(self.office.begin(act))
        except BaseException:
            work.close()
            raise
        try:
            found = drive(work)
        except SpilloverError as error:
            drive(self.office.end(number, str(error), system_clock()))
            raise
        drive(self.office.end(number, "done", system_clock()))
        return found


@contextmanager
def _desk(db: str) -> Iterator[_At]:
    """The desk over a database that is there."""
    from spillover.access.clock import system_clock
    from spillover.bootstrap.noticing import open_ledger, policy_of
    from spillover.bootstrap.rungs import open_office
    from spillover.bootstrap.topping import topup_desk
    from spillover.cli.database import require_there
    from spillover.engine.drive import drive

    address = require_there(db)
    ledger = open_ledger(address, TIMEOUT_MS)
    try:
        office = open_office(address, TIMEOUT_MS)
        try:
            yield _At(topup_desk(office, ledger, lambda: policy_of(ledger), system_clock), office)
        finally:
            drive(office.close())
    finally:
        drive(ledger.close())

"""What `webhooks` and `alerts` share: the desk over a database that is there, and acts that are written down."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from spillover.model.errors import SpilloverError

if TYPE_CHECKING:
    from spillover.bootstrap.addresses import Address
    from spillover.documents.audits import AuditReport
    from spillover.notices.desk import NoticeDesk
    from spillover.ports.office import Office

T = TypeVar("T")
TIMEOUT_MS = 10_000
allow_private = click.option(
    "--allow-private", is_flag=True, envvar="SPILLOVER_ALLOW_PRIVATE", show_envvar=True,
    help="Also addresses inside this machine's network, there over http too.",
)  # fmt: skip


class Opened(NamedTuple):
    """The desk, and the office that keeps the log of acts."""

    desk: NoticeDesk
    office: Office

    def ask(self, work: Callable[[NoticeDesk], Coroutine[Any, Any, T]]) -> T:
        """What the desk gives."""
        from spillover.engine.drive import drive

        return drive(work(self.desk))

    def do(
        self, verb: str, work: Callable[[NoticeDesk], Coroutine[Any, Any, T]], reason: str, actor: str, **said: object
    ) -> T:
        """The same, with an act in the log that says who and why, and how it ended."""
        import msgspec

        from spillover.access.clock import system_clock
        from spillover.engine.drive import drive
        from spillover.ports.office import Act

        account = said.get("account")
        act = Act(
            0, system_clock(), actor, verb, account if isinstance(account, str) else "", reason,
            msgspec.json.encode({name: value for name, value in said.items() if value is not None}),
        )  # fmt: skip
        number = drive(self.office.begin(act))
        try:
            found = self.ask(work)
        except SpilloverError as error:
            drive(self.office.end(number, str(error), system_clock()))
            raise
        drive(self.office.end(number, "done", system_clock()))
        return found


def tell_of(address: Address, report: AuditReport) -> None:
    """Write what an audit found as messages; a worker sends them."""
    from spillover.access.clock import system_clock
    from spillover.bootstrap.noticing import tell_findings
    from spillover.bootstrap.rungs import open_office
    from spillover.engine.drive import drive

    office = open_office(address, TIMEOUT_MS)
    try:
        drive(tell_findings(office, report, system_clock()))
    finally:
        drive(office.close())


@contextmanager
def opened(db: str, *, allow_private: bool = False) -> Iterator[Opened]:
    """The desk of a database that is there."""
    from spillover.access.clock import system_clock
    from spillover.bootstrap.noticing import desk_over, open_ledger, policy_of
    from spillover.bootstrap.rungs import open_office
    from spillover.cli.database import require_there
    from spillover.engine.drive import drive

    address = require_there(db)
    ledger = open_ledger(address, TIMEOUT_MS)
    try:
        office = open_office(address, TIMEOUT_MS)
        try:
            desk = desk_over(
                office, ledger, lambda: policy_of(ledger), system_clock, allow_private=allow_private
            )  # fmt: skip
            yield Opened(desk, office)
        finally:
            drive(office.close())
    finally:
        drive(ledger.close())

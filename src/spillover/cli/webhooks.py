"""`spillover webhooks ...`: who is told what happens, and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.noticing import allow_private
from spillover.cli.options import INSTANT, SPAN, Command, Group, actor, as_json, database, example, reason
from spillover.model.account import NEVER

if TYPE_CHECKING:
    from spillover.documents.notices import Deliveries, SecretEndpoint

ONCE = "The receiver verifies with it. It is not shown again: keep it where secrets are kept."
SHOWN = 200


@example("spillover webhooks add https://hooks.example.com/spillover", "spillover webhooks list")
@click.group(cls=Group, short_help="Who is told what happens.")
def webhooks() -> None:
    """Endpoints that are told what happens, by Standard Webhooks, and what became of each message."""


@example(
    "spillover webhooks add https://hooks.example.com/spillover",
    "spillover webhooks add https://shop.example.com/hook --type balance.exhausted --account acme",
)
@webhooks.command("add", cls=Command, short_help="An address to tell; its secret is shown once.")
@click.argument("url")
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only messages of this type; repeatable.")
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="Only about this account; repeatable.")
@click.option("--note", default="", metavar="TEXT", help="For people.")
@allow_private
@reason
@actor
@database
@as_json
def add(
    url: str, types: tuple[str, ...], accounts: tuple[str, ...], note: str, allow_private: bool, reason: str,
    actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Send messages to URL from now on: all, or those of some types and accounts.

    A worker sends them: any running `spillover serve`, or `spillover webhooks run`.
    """
    from spillover.cli.noticing import opened

    with opened(db, allow_private=allow_private) as office:
        made = office.do(
            "webhooks.add", lambda desk: desk.add(url, types, accounts, note), reason, actor, url=url, types=types,
            accounts=accounts, note=note,
        )  # fmt: skip
    _show_secret(made, as_json)


@example("spillover webhooks list", "spillover webhooks list --json")
@webhooks.command("list", cls=Command, short_help="All endpoints, without their secrets.")
@database
@as_json
def listing(db: str, as_json: bool) -> None:
    """List all endpoints in the order of making, removed ones too."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json
    from spillover.pictures.tables import table

    with opened(db) as office:
        found = office.ask(lambda desk: desk.listed())
    if as_json:
        write_json(found)
    elif not found.endpoints:
        write("There are no endpoints yet. `spillover webhooks add URL` adds one.")
    else:
        rows = [
            (
                one.id, one.state, one.url, ", ".join(one.types) or "all",
                ", ".join(name or "(erased)" for name in one.accounts) or "all", one.note,
            )
            for one in found.endpoints
        ]  # fmt: skip
        write(table(("id", "state", "~url", "~types", "~accounts", "~note"), rows))


@example("spillover webhooks rotate ep_k3v9q2mdx7ab", "spillover webhooks rotate ep_k3v9q2mdx7ab --keep-old 7d")
@webhooks.command("rotate", cls=Command, short_help="A new secret for an endpoint.")
@click.argument("id")
@click.option("--keep-old", type=SPAN, default="1d", show_default=True, metavar="SPAN", help="How long both sign.")
@click.option("--at-once", is_flag=True, help="The old secret signs nothing more.")
@reason
@actor
@database
@as_json
def rotate(id: str, keep_old: int, at_once: bool, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Give the endpoint ID a new secret; the old one signs too for a while, so that receivers can change over."""
    from spillover.cli.noticing import opened

    keeps = 0 if at_once else keep_old
    with opened(db) as office:
        made = office.do("webhooks.rotate", lambda desk: desk.rotate(id, keeps), reason, actor, id=id, keeps=keeps)
    _show_secret(made, as_json)


@example("spillover webhooks test ep_k3v9q2mdx7ab")
@webhooks.command("test", cls=Command, short_help="Send it a message that says nothing else.")
@click.argument("id")
@reason
@actor
@database
@as_json
def test(id: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Send the endpoint ID a message of type endpoint.test, like any other; `webhooks log` tells how it went."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json

    with opened(db) as office:
        made = office.do("webhooks.test", lambda desk: desk.test(id), reason, actor, id=id)
    if as_json:
        write_json(made)
    else:
        write(f"{made.message} is due. `spillover webhooks log --message {made.message}` tells how it went.")


@example('spillover webhooks pause ep_k3v9q2mdx7ab --reason "the receiver moves"')
@webhooks.command("pause", cls=Command, short_help="Send nothing to an endpoint; it waits.")
@click.argument("id")
@reason
@actor
@database
@as_json
def pause(id: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Send nothing to the endpoint ID until it is resumed; what it wants waits."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json

    with opened(db) as office:
        found = office.do("webhooks.pause", lambda desk: desk.pause(id), reason, actor, id=id)
    if as_json:
        write_json(found)
    else:
        write(f"{id} is paused; `spillover webhooks resume {id}` sends what waits.")


@example("spillover webhooks resume ep_k3v9q2mdx7ab")
@webhooks.command("resume", cls=Command, short_help="Send to it again, what waits at once.")
@click.argument("id")
@reason
@actor
@database
@as_json
def resume(id: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """Send to the endpoint ID again; what waited for it is due now, with all its tries before it."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    with opened(db) as office:
        found = office.do("webhooks.resume", lambda desk: desk.resume(id), reason, actor, id=id)
    if as_json:
        write_json(found)
    else:
        write(f"{id} is {found.state}; {counted(found.waiting, 'message')} due now.")


@example("spillover webhooks remove ep_k3v9q2mdx7ab")
@webhooks.command("remove", cls=Command, short_help="End an endpoint, for good.")
@click.argument("id")
@reason
@actor
@database
@as_json
def remove(id: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """End the endpoint ID for good: what waits for it is given up. The log keeps what was sent."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json

    with opened(db) as office:
        found = office.do("webhooks.remove", lambda desk: desk.remove(id), reason, actor, id=id)
    if as_json:
        write_json(found)
    else:
        write(f"{id} is removed.")


@example("spillover webhooks log --since -1d", "spillover webhooks log --message msg_... --json")
@webhooks.command("log", cls=Command, short_help="What became of messages.")
@click.option("--message", metavar="ID", help="Only this one, by its webhook-id.")
@click.option("--endpoint", metavar="ID", help="Only what went to this endpoint.")
@click.option("--account", metavar="NAME", help="Only what is about this account.")
@click.option("--since", type=INSTANT, default=0, metavar="TIME", help="From this instant on.")
@click.option("--until", type=INSTANT, default=NEVER, metavar="TIME", help="Up to this instant, itself left out.")
@click.option("--limit", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Messages, at most.")
@click.option("--after", type=click.IntRange(0, NEVER), default=0, metavar="NUMBER", help="Go on behind this number.")
@database
@as_json
def log(
    message: str | None, endpoint: str | None, account: str | None, since: int, until: int, limit: int, after: int,
    db: str, as_json: bool,
) -> None:  # fmt: skip
    """Show messages, the earliest first, with each endpoint that they went to and how that ended."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json
    from spillover.pictures.tables import table

    with opened(db) as office:
        found = office.ask(lambda desk: desk.log(message, endpoint, account, since, until, limit, after))
    if as_json:
        write_json(found)
        return
    if not found.messages:
        write("There were no messages in this time.")
    else:
        write(table(("id", "at", "type", "account", "endpoint", "state", ">tries", "~last"), _rows(found)))
    if found.after is not None:
        write(f"There may be more: --after {found.after}")


@example("spillover webhooks send-again --message msg_...", "spillover webhooks send-again --since -2h")
@webhooks.command("send-again", cls=Command, short_help="Messages once more, under their ids.")
@click.option("--message", metavar="ID", help="This one, by its webhook-id.")
@click.option("--since", type=INSTANT, metavar="TIME", help="Or all from this instant on.")
@click.option("--endpoint", metavar="ID", help="To this endpoint only; by default to all that want it.")
@reason
@actor
@database
@as_json
def send_again(
    message: str | None, since: int | None, endpoint: str | None, reason: str, actor: str, db: str, as_json: bool
) -> None:
    """Send messages again under their ids, whatever became of them: receivers that know an id pass it over."""
    from spillover.cli.noticing import opened
    from spillover.cli.output import write, write_json
    from spillover.pictures.wording import counted

    if (message is None) == (since is None):
        raise click.UsageError("found both or neither of --message and --since, expected one")
    count, after = 0, 0
    with opened(db) as office:
        while True:
            found = office.do(
                "webhooks.send_again", lambda desk, at=after: desk.send_again(message, since, endpoint, at),  # type: ignore[misc]
                reason, actor, message=message, since=since, endpoint=endpoint, after=after,
            )  # fmt: skip
            count += found.sendings
            if found.after is None:
                break
            after = found.after
    if as_json:
        write_json({"sendings": count})
    else:
        write(f"{counted(count, 'sending')} due now.")


@example("spillover webhooks run", "spillover webhooks run --follow --db postgresql://localhost/shop")
@webhooks.command("run", cls=Command, short_help="Watch the books, and send what is due.")
@click.option("--follow", is_flag=True, help="Go on until stopped (Ctrl-C, SIGTERM), sharing the work with others.")
@allow_private
@database
@as_json
def run(follow: bool, allow_private: bool, db: str, as_json: bool) -> None:
    """Look at what the books say since the last time, and send what is due now; what is due later is left.

    A running `spillover serve` does this by itself. With --follow it goes on: run any number, on any number of
    machines. With --follow --json it writes one JSON line about each second.
    """
    from spillover.cli.webhooks_run import run_here

    run_here(db, follow=follow, allow_private=allow_private, as_json=as_json)


def _show_secret(made: SecretEndpoint, as_json: bool) -> None:
    from spillover.cli.output import write, write_json

    if as_json:
        write_json(made)
    else:
        write(made.secret, f"The secret of {made.id} ({made.url}). {ONCE}")


def _rows(found: Deliveries) -> list[tuple[str, ...]]:
    from spillover.documents.amounts import instant_in
    from spillover.pictures.wording import instant_text

    rows: list[tuple[str, ...]] = []
    for one in found.messages:
        about = (one.id, instant_text(instant_in(one.at)), one.type, one.account or "")
        if not one.sendings:
            rows.append((*about, "(nobody wants it)", "", "", ""))
        for sending in one.sendings:
            last = sending.tries[-1] if sending.tries else None
            said = "" if last is None else (last.error or str(last.status))[:SHOWN]
            rows.append((*about, sending.endpoint, sending.state, str(len(sending.tries)), said))
    return rows

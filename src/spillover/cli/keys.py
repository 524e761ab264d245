"""`spillover keys make | list | rotate | revoke | log`: who may call the service, and what administrators did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from spillover.cli.options import COMING, INSTANT, SPAN, Command, Group, actor, as_json, database, example, reason
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.ports.office import ApiKey, Office

TIMEOUT_MS = 10_000
OUTCOME_SHOWN = 60
ONCE = "It is not shown again: keep it where secrets are kept."


@example('spillover keys make "checkout" --scope decide --account acme', "spillover keys list")
@click.group(cls=Group, short_help="Who may call the service.")
def keys() -> None:
    """Keys by which programs call the service, and the log of what administrators did."""


@example(
    'spillover keys make "checkout, production" --scope decide',
    'spillover keys make "dashboard" --scope read --account acme --expires 30d',
)
@keys.command("make", cls=Command, short_help="A new key; its secret is shown once.")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, default=("decide",), show_default=True,
    type=click.Choice(("read", "decide", "admin")), help="What it opens; decide holds read, admin holds both.",
)  # fmt: skip
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="Good for this account only; repeatable.")
@click.option("--feature", "features", multiple=True, metavar="NAME", help="Good for this feature only; repeatable.")
@click.option("--expires", type=COMING, metavar="TIME", help="Ends at this time; never by default.")
@reason
@actor
@database
@as_json
def make(
    name: str, scopes: tuple[str, ...], accounts: tuple[str, ...], features: tuple[str, ...], expires: int | None,
    reason: str, actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Make a key for a program called NAME, which nothing else needs to know."""
    import secrets

    from spillover.office.keys import new_key

    now = _now()
    until = NEVER if expires is None else expires
    with _office(db) as office:
        key, text = new_key(name, scopes, accounts, features, until, now, secrets.token_bytes)
        _done(office, "keys.make", key, lambda: office.put_key(key), reason, actor)
    _show_secret(key, text, as_json)


@example("spillover keys list", "spillover keys list --json")
@keys.command("list", cls=Command, short_help="All keys, without their secrets.")
@database
@as_json
def listing(db: str, as_json: bool) -> None:
    """List all keys in the order of making, ended and revoked ones too."""
    from spillover.cli.output import write, write_json
    from spillover.engine.drive import drive

    now = _now()
    with _office(db) as office:
        found = drive(office.keys())
    if as_json:
        from spillover.http_api import answers

        write_json(answers.keys(found))
        return
    if not found:
        write("There are no keys yet. `spillover keys make NAME` makes one.")
        return
    from spillover.office.keys import ends
    from spillover.pictures.tables import table
    from spillover.pictures.wording import instant_text

    rows = [
        (
            key.id, key.name, ", ".join(key.scopes), _listed(key.accounts), _listed(key.features),
            instant_text(key.created), "" if ends(key) == NEVER else instant_text(ends(key)), _state(key, now),
        )
        for key in found
    ]  # fmt: skip
    write(table(("id", "name", "opens", "~accounts", "~features", "made", "ends", "state"), rows))


@example("spillover keys rotate k3v9q2mdx7ab", "spillover keys rotate k3v9q2mdx7ab --keep-old 7d")
@keys.command("rotate", cls=Command, short_help="A new secret for a key.")
@click.argument("id")
@click.option(
    "--keep-old", type=SPAN, default="1d", show_default=True, metavar="SPAN", help="How long the old secret goes on.",
)  # fmt: skip
@click.option("--at-once", is_flag=True, help="The old secret ends now.")
@click.option("--expires", type=COMING, metavar="TIME", help="The new one ends at this time; as the old by default.")
@reason
@actor
@database
@as_json
def rotate(
    id: str, keep_old: int, at_once: bool, expires: int | None, reason: str, actor: str, db: str, as_json: bool
) -> None:  # fmt: skip
    """Give the key ID a new secret; the old one goes on for a while, so that programs can change over."""
    import secrets
    from functools import cache, partial

    from spillover.office.keys import rotated

    now, randomness = _now(), cache(secrets.token_bytes)  # the same secret each time that the change is made

    def changed(old: ApiKey) -> tuple[ApiKey, str]:
        until = old.secrets[0].until if expires is None else expires
        if until <= now and not old.revoked:
            raise InvalidInput("key", f"{id}, which has ended", "when the new secret ends, such as --expires 30d")
        return rotated(old, until, now if at_once else now + keep_old, now, randomness)

    with _office(db) as office:
        key, text = changed(_found(office, id))
        work = partial(office.change_key, id, lambda old: changed(old)[0])
        _done(office, "keys.rotate", key, work, reason, actor)
    _show_secret(key, text, as_json)


@example('spillover keys revoke k3v9q2mdx7ab --reason "left in a log file"')
@keys.command("revoke", cls=Command, short_help="End a key, now and for good.")
@click.argument("id")
@reason
@actor
@database
@as_json
def revoke(id: str, reason: str, actor: str, db: str, as_json: bool) -> None:
    """End the key ID for good: services that remember it take it for at most 5 seconds more."""
    from functools import partial

    from spillover.cli.output import write, write_json
    from spillover.office.keys import revoked

    now = _now()
    with _office(db) as office:
        key = revoked(_found(office, id), now)
        work = partial(office.change_key, id, lambda old: revoked(old, now))
        _done(office, "keys.revoke", key, work, reason, actor)
    if as_json:
        from spillover.http_api import answers

        write_json(answers.key(key))
    else:
        write(f"{key.id} ({key.name}) is revoked; a service that remembers it takes it for 5 seconds more.")


@example("spillover keys log --since -7d", "spillover keys log --account acme --json")
@keys.command("log", cls=Command, short_help="What administrators did.")
@click.option("--account", metavar="NAME", help="Only on this account.")
@click.option("--since", type=INSTANT, default=0, metavar="TIME", help="From this instant on.")
@click.option("--until", type=INSTANT, default=NEVER, metavar="TIME", help="Up to this instant, itself left out.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True, help="Rows, at most.")
@click.option("--after", type=click.IntRange(0, NEVER), default=0, metavar="NUMBER", help="Go on behind this number.")
@database
@as_json
def log(account: str | None, since: int, until: int, limit: int, after: int, db: str, as_json: bool) -> None:
    """Show what administrators did, the earliest first; one without an ending was cut off, or is under way."""
    from spillover.cli.output import write, write_json
    from spillover.engine.drive import drive

    with _office(db) as office:
        acts = drive(office.acts(since=since, until=until, account=account, limit=limit, after=after))
    if as_json:
        from spillover.http_api import answers

        write_json(answers.acts(acts, limit))
        return
    if not acts:
        write("Nothing was done in this time.")
        return
    from spillover.pictures.tables import table
    from spillover.pictures.wording import instant_text

    rows = [
        (
            str(act.number), instant_text(act.at), act.by, act.verb, act.account, act.reason,
            act.outcome[:OUTCOME_SHOWN] or "(no ending)",
        )
        for act in acts
    ]  # fmt: skip
    write(table((">number", "at", "by", "verb", "account", "~why", "~outcome"), rows))
    if len(acts) == limit:
        write(f"There may be more: --after {acts[-1].number}")


@contextmanager
def _office(db: str) -> Iterator[Office]:
    """The office of a database that is there; keys are of no use without its books."""
    from spillover.bootstrap.rungs import open_office
    from spillover.cli.database import require_there
    from spillover.engine.drive import drive

    office = open_office(require_there(db), TIMEOUT_MS)
    try:
        yield office
    finally:
        drive(office.close())


def _done(office: Office, verb: str, key: ApiKey, work: Callable[[], Any], reason: str, actor: str) -> None:
    """Do it, with an act in the log that says who and why, and how it ended."""
    import msgspec

    from spillover.engine.drive import drive
    from spillover.model.errors import SpilloverError
    from spillover.ports.office import Act

    said = {"id": key.id, "name": key.name, "scopes": key.scopes, "accounts": key.accounts, "features": key.features}
    details = msgspec.json.encode(said)
    number = drive(office.begin(Act(0, _now(), actor, verb, "", reason, details)))
    try:
        drive(work())
    except SpilloverError as error:
        drive(office.end(number, str(error), _now()))
        raise
    drive(office.end(number, "done", _now()))


def _found(office: Office, id: str) -> ApiKey:
    from spillover.engine.drive import drive
    from spillover.model.errors import UnknownName

    key = drive(office.key(id))
    if key is None:
        # What was written may be a whole key by mistake: its secret is not repeated.
        shown = repr(id) if len(id) <= 12 else "what is no id"
        raise UnknownName("key", shown, "the id of a key, 12 letters and digits (`spillover keys list`)")
    return key


def _show_secret(key: ApiKey, text: str, as_json: bool) -> None:
    from spillover.cli.output import write, write_json

    if as_json:
        from spillover.http_api import answers

        write_json(answers.secret_key(key, text))
    else:
        write(text)  # alone, so that `>` makes a file of it
        click.echo(f"Key {key.id} ({key.name}) opens {', '.join(key.scopes)}. {ONCE}", err=True)


def _state(key: ApiKey, now: int) -> str:
    from spillover.office.keys import ends

    return "revoked" if key.revoked else "open" if now < ends(key) else "ended"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(name or "(erased)" for name in names) or "all"


def _now() -> int:
    from spillover.access.clock import system_clock

    return system_clock()

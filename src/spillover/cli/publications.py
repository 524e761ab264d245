"""What publishing came to, in words, and the database that it needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from spillover.bootstrap.connect import create
from spillover.cli.database import place_of, require_there
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.model.reports import Publication, Published
from spillover.pictures.wording import instant_text


def outcome(name: str, done: Published, when: int | None, made: bool) -> Iterator[str]:
    """What publishing came to, in lines."""
    number, short = done.publication.number, done.publication.hash[:12]
    if done.changed or made:
        begins = "now" if when is None else instant_text(when)
        yield f"{name}: in force from {begins} on (no. {number}, hash {short}){', in a new database' if made else ''}"
    elif when is None:
        yield f"{name}: already in force, nothing changed (no. {number}, hash {short})"
    else:
        since = f"from {instant_text(done.publication.since)} on"
        yield f"{name}: in force then anyway, nothing changed (no. {number}, {since}, hash {short})"
    if done.replaces:
        verb = "was" if len(done.replaces) == 1 else "were"
        yield f"replaces {len(done.replaces)} that {verb} scheduled: {_listed(done.replaces)}"
    yield from (f"no. {one.number} still comes on {instant_text(one.since)}" for one in done.coming)


def there(db: str) -> bool:
    """Raises InvalidInput where there is no database, saying how to make one. False: it was not made."""
    try:
        require_there(db)
    except InvalidInput as error:
        if place_of(db).kind == "memory":
            raise
        raise InvalidInput(error.field, error.found, "a database; --create makes one") from None
    return False


def created(db: str, wanted: Policy, when: int | None, reason: str, actor: str) -> bool:
    """Make the database with this policy in force, unless there is one with a policy; whether it was made."""
    if place_of(db).kind == "memory":
        require_there(db)
    if when is not None:
        with suppress(InvalidInput):
            require_there(db)
            return False
        raise InvalidInput("--when", instant_text(when), "no time where --create makes the database: it starts now")
    return create(db, wanted, reason=reason, actor=actor)


def _listed(found: Sequence[Publication]) -> str:
    return ", ".join(f"no. {one.number} ({instant_text(one.since)})" for one in found)

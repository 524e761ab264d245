"""Policy documents, and which of them is in force from when: of the publications up to an instant, the newest."""

from __future__ import annotations

from spillover.core.publications import in_force, to_come, withdrawn
from spillover.ledgers.books.tables import Tables, single
from spillover.ledgers.books.terms import check_instant, check_text
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.reports import Publication, Published, Withdrawn


def publish(
    tables: Tables, policy_hash: str, document: str, *, at: int, since: int | None, reason: str, actor: str
) -> Published:
    """Keep the policy's document; in force from `since` on, or from `at`. What is so already is not published again.

    A clock that is behind that of whoever published last does not go back before it.
    """
    at = _instant(tables, at, reason, actor)
    since = at if since is None else since
    check_instant("since", since)
    tables.run("policies.keep", policy_hash, document, at)
    before = publications(tables)
    deciding, coming = in_force(before, since), to_come(before, at)
    if deciding is not None and deciding.hash == policy_hash:
        return Published(deciding, False, (), tuple(one for one in coming if one != deciding))
    new = Publication(_next(before), policy_hash, since, at, reason, actor)
    _add(tables, new)
    left = to_come((*before, new), at)
    return Published(
        new, True, tuple(one for one in coming if one not in left), tuple(one for one in left if one != new)
    )


def withdraw(tables: Tables, number: int, *, at: int, reason: str, actor: str) -> Withdrawn:
    """Take back a publication that is still to come. Raises UnknownName for none, InvalidInput where it is too late."""
    at = _instant(tables, at, reason, actor)
    before = publications(tables)
    wanted = next((one for one in before if one.number == number and type(number) is int), None)
    if wanted is None:
        raise UnknownName("number", repr(number)[:60], "the number of a publication that is still to come")
    if wanted.withdraws:
        trouble = f"which withdrew no. {wanted.withdraws}"
    elif number in withdrawn(before):
        trouble = "which is withdrawn already"
    elif wanted.since <= at:
        trouble = "whose instant has come"
    else:
        _add(tables, Publication(_next(before), wanted.hash, wanted.since, at, reason, actor, number))
        coming, known = to_come(publications(tables), at), to_come(before, at)
        return Withdrawn(wanted, coming, tuple(one for one in coming if one not in known))
    raise InvalidInput(
        "number", f"no. {number}, {trouble}", "one that is still to come; publish another policy instead"
    )


def policy_document(tables: Tables, policy_hash: str | None, at: int = NEVER) -> str | None:
    """The document of that policy, or of the one in force at an instant."""
    if policy_hash is None:
        policy_hash = single(tables, str, "policies.in_force", at)
    return None if policy_hash is None else single(tables, str, "policies.document", policy_hash)


def publications(tables: Tables) -> tuple[Publication, ...]:
    """All publications and withdrawals, in their order."""
    return tuple(Publication(*row) for row in tables.rows("policies.publications"))


def _instant(tables: Tables, at: int, reason: str, actor: str) -> int:
    """When it is done, no sooner than what was done before."""
    check_instant("at", at)
    check_text("reason", reason)
    check_text("actor", actor)
    tables.alone("publications")
    return max(at, single(tables, int, "policies.latest") or 0)


def _next(before: tuple[Publication, ...]) -> int:
    return before[-1].number + 1 if before else 1


def _add(tables: Tables, new: Publication) -> None:
    tables.run("policies.publish", new.number, new.hash, new.since, new.at, new.reason, new.actor, new.withdraws)

"""What verbs answer, as documents; and the documents of what only the service has: keys, tokens, acts, health."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Raw, Struct

from spillover.documents.amounts import Instant, instant_of, said, text_of
from spillover.documents.decision import Decision
from spillover.engine import answers as nouns
from spillover.http_api.checkout import with_checkout
from spillover.http_api.problems import Problem, problem_of
from spillover.http_api.service import Service
from spillover.model.errors import SpilloverError
from spillover.model.policy import Policy
from spillover.office.keys import ends
from spillover.policy import Note
from spillover.ports.office import Act, ApiKey, Scope

JsonText = Annotated[Raw, said("JSON")]


class Done(Struct, frozen=True):
    """It is done, and there is nothing to tell of it."""

    done: bool = True


class Health(Struct, frozen=True, omit_defaults=True):
    """How the service is. `not_working`: what of it does not work while the rest does."""

    status: Literal["ok", "not ready"]
    not_working: tuple[str, ...] = ()


class One(Struct, frozen=True):
    """The answer to one of many requests: its decision, or its problem."""

    decision: Decision | None
    problem: Problem | None


class Answers(Struct, frozen=True):
    """One answer for each request, in their order."""

    answers: tuple[One, ...]


class Key(Struct, frozen=True):
    """A key, without its secrets."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    accounts: Annotated[tuple[str, ...], said("The only ones it is good for; none named: all")]
    features: Annotated[tuple[str, ...], said("The only ones it is good for; none named: all")]
    created: Instant
    ends: Annotated[Instant | None, said("When its last secret ends, or when it was revoked; null for never")]
    revoked: bool


class SecretKey(Key, frozen=True):
    """A key with its secret: it is shown once, and kept nowhere."""

    key: Annotated[str, said("What a program sends: Authorization: Bearer sp_...")]


class Keys(Struct, frozen=True):
    """All keys, in the order of making."""

    keys: tuple[Key, ...]


class Token(Struct, frozen=True):
    """A token that reads one account."""

    account: str
    token: Annotated[str, said("What the customer's page sends: Authorization: Bearer ...")]
    ends: Instant


class ActRow(Struct, frozen=True):
    """What an administrator did. `outcome` is empty while it is under way, and where the service was killed in it."""

    number: int
    at: Instant
    by: str
    verb: str
    account: str | None
    reason: str
    details: Annotated[Raw | None, said("What was asked, as JSON, without secrets; of a long text its length")]
    outcome: str
    ended: Instant | None


class Acts(Struct, frozen=True):
    """What administrators did, the earliest first. Pages go on with `after`."""

    acts: tuple[ActRow, ...]
    after: Annotated[int | None, said("What the next page goes on with; null: there is no more")]


class CheckedNote(Struct, frozen=True):
    """Something that is allowed, but may not be what was meant."""

    path: str
    text: str


class Checked(Struct, frozen=True):
    """A policy without mistakes, and what is worth knowing of it."""

    hash: str
    features: tuple[str, ...]
    plans: tuple[str, ...]
    notes: tuple[CheckedNote, ...]


def key(found: ApiKey) -> Key:
    """A key."""
    return Key(*_parts(found))


def secret_key(found: ApiKey, text: str) -> SecretKey:
    """A key with its text."""
    return SecretKey(*_parts(found), text)


def _parts(
    found: ApiKey,
) -> tuple[str, str, tuple[Scope, ...], tuple[str, ...], tuple[str, ...], str, str | None, bool]:
    made, end = text_of(found.created), instant_of(ends(found))
    return found.id, found.name, found.scopes, found.accounts, found.features, made, end, bool(found.revoked)


def keys(found: Iterable[ApiKey]) -> Keys:
    """All keys."""
    return Keys(tuple(key(one) for one in found))


def token(account: str, text: str, end: int) -> Token:
    """A customer's token."""
    return Token(account, text, text_of(end))


def acts(found: Sequence[Act], limit: int) -> Acts:
    """A page of acts."""
    rows = tuple(
        ActRow(
            one.number, text_of(one.at), one.by, one.verb, one.account or None, one.reason,
            Raw(one.details) if one.details else None, one.outcome, text_of(one.ended) if one.ended else None,
        )
        for one in found
    )  # fmt: skip
    return Acts(rows, found[-1].number if found and len(found) >= limit else None)


def checked(found: Policy, notes: Iterable[Note]) -> Checked:
    """A policy that was checked."""
    told = tuple(CheckedNote(note.path, note.text) for note in notes)
    return Checked(found.hash, tuple(found.features), tuple(found.plans), told)


def many(service: Service, found: Iterable[nouns.Decision | SpilloverError]) -> Answers:
    """The answers to many requests."""
    policy = service.access.policy
    return Answers(
        tuple(
            One(None, problem_of(one)) if isinstance(one, SpilloverError) else One(_decided(service, policy, one), None)
            for one in found
        )
    )


def _decided(service: Service, policy: Policy, decision: nouns.Decision) -> Decision:
    return Decision.of(policy, with_checkout(service, decision))

"""Keys, customers' tokens, and the log of what administrators did."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from spillover.http_api import answers
from spillover.http_api.endpoint import Answer, Call, Endpoint
from spillover.http_api.forms import instant, instant_or_none
from spillover.http_api.taking import Nothing
from spillover.http_api.taking_office import MakeKey, MakeToken, RevokeKey, RotateKey
from spillover.http_api.taking_reports import LogOf
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.office import keys, tokens
from spillover.ports.office import ApiKey

PRIVATE = (("cache-control", "no-store"),)
"""What shows a secret is kept by nobody on its way."""


async def make(call: Call) -> Answer:
    """A new key; its text is told once."""
    taken: MakeKey = call.taken
    until = NEVER if taken.expires is None else instant("expires", taken.expires)
    key, text = keys.new_key(
        taken.name, taken.scopes, taken.accounts, taken.features, until, call.service.now(), secrets.token_bytes
    )
    await call.service.clerk.run(lambda office: office.put_key(key))
    call.service.gate.forget()
    return Answer(answers.secret_key(key, text), headers=PRIVATE)


async def listed(call: Call) -> Answer:
    """All keys, without their secrets."""
    return Answer(answers.keys(await call.service.clerk.run(lambda office: office.keys())))


async def rotate(call: Call) -> Answer:
    """A new secret for a key, good until the old one would have ended; the old one goes on for a stated time."""
    taken: RotateKey = call.taken
    now, texts = call.service.now(), list[str]()

    def change(old: ApiKey) -> ApiKey:
        until = old.secrets[0].until if taken.expires is None else instant("expires", taken.expires)
        if until <= now and taken.expires is None and not old.revoked:
            raise InvalidInput("expires", "none, of a key that has ended", "when the new secret ends")
        key, text = keys.rotated(old, until, min(now + taken.keeps, NEVER), now, secrets.token_bytes)
        texts.append(text)
        return key

    key = await _change(call, change)
    return Answer(answers.secret_key(key, texts[-1]), headers=PRIVATE)


async def revoke(call: Call) -> Answer:
    """A key that opens nothing from now on."""
    now = call.service.now()
    return Answer(answers.key(await _change(call, lambda old: keys.revoked(old, now))))


async def _change(call: Call, change: Callable[[ApiKey], ApiKey]) -> ApiKey:
    """A key as it is changed, while nobody else changes it."""
    found = await call.service.clerk.run(lambda office: office.change_key(call.taken.id, change))
    if found is None:
        raise UnknownName("id", shown(call.taken.id), "the id of a key that was made here")
    call.service.gate.forget()
    return found


async def make_token(call: Call) -> Answer:
    """A token by which a customer's own page reads one account."""
    taken: MakeToken = call.taken
    now = call.service.now()
    await call.service.access.balance(taken.account)  # raises UnknownName for an account that is none
    text = tokens.make(taken.account, taken.lasts, now, await call.service.gate.signing_key())
    return Answer(answers.token(taken.account, text, (now + taken.lasts) // 1000 * 1000), headers=PRIVATE)


async def log(call: Call) -> Answer:
    """What administrators did."""
    taken: LogOf = call.taken
    since, until = instant("since", taken.since), instant_or_none("until", taken.until)
    acts = await call.service.clerk.run(
        lambda office: office.acts(
            since=since, until=NEVER if until is None else until, account=taken.account, limit=taken.limit,
            after=taken.after,
        )
    )  # fmt: skip
    return Answer(answers.acts(acts, taken.limit))


ROWS = (
    Endpoint(
        "tokens/make", "POST", "admin", "account", "A token for a customer's own page: it reads one account.",
        MakeToken, answers.Token, make_token, ("unknown-name",), {"account": "acme", "lasts": 600000},
    ),
    Endpoint(
        "log", "GET", "admin", "all", "What administrators did: who, what, why, when, how it ended.", LogOf,
        answers.Acts, log, (), {"account": "acme"},
    ),
)  # fmt: skip
KEYS = (
    Endpoint(
        "keys/make", "POST", "admin", "all", "A key for a program. It is shown once; from the first one on every call "
        "wants one.", MakeKey, answers.SecretKey, make, (), {"name": "checkout", "scopes": ["decide"]},
    ),
    Endpoint("keys/list", "GET", "admin", "all", "All keys, without their secrets.", Nothing, answers.Keys, listed),
    Endpoint(
        "keys/rotate", "POST", "admin", "all", "A new secret for a key; the old one goes on for a day, or `keeps`.",
        RotateKey, answers.SecretKey, rotate, ("unknown-name", "bound-exceeded"),
        {"id": "abcdefgh2345", "keeps": 60000}, borrows={"id": "keys/make id"},
    ),
    Endpoint(
        "keys/revoke", "POST", "admin", "all", "A key that opens nothing from now on, within 5 s everywhere.",
        RevokeKey, answers.Key, revoke, ("unknown-name",), {"id": "abcdefgh2345", "reason": "leaked"},
        borrows={"id": "keys/make id"},
    ),
)  # fmt: skip

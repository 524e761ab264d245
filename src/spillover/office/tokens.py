"""Customers' tokens: a JWT (RFC 7519) signed with HMAC-SHA256, one form only, good for one account and a day at most.

Everything that JWTs may vary is fixed: header and claims are these and no others, so there is no algorithm to choose,
no key to look up and no claim that is signed but not honoured. A token that is wrong in any way gives one error.
"""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256

import msgspec
from msgspec import Struct

from spillover.core.intake import check_name
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, SpilloverError, shown
from spillover.office.keys import Randomness

DAY_S = 86_400
SECRET_BYTES = 32
"""The least that a signing secret has: as many as the hash gives."""
TOKEN_MAX = 4_096
"""Characters of a token, at most."""
AHEAD_S = 60
"""How far the clock of who signed may be ahead of ours."""


class BadToken(SpilloverError):
    """The token is none of ours, was changed, or is over. Its text is the same for all."""

    def __init__(self) -> None:
        super().__init__("token: found one that is not valid now, expected one made for this service; get a new one")


class _Claims(Struct, frozen=True, forbid_unknown_fields=True):
    sub: str
    exp: int
    iat: int
    jti: str


def make(account: str, lasts: int, now: int, secret: bytes, *, randomness: Randomness = secrets.token_bytes) -> str:
    """A token by which a customer sees this account for so many ms, from a second to a day. `now`: ms since 1970.

    A JWT tells whole seconds: it ends with the second before. Raises InvalidInput.
    """
    account = check_name("account", account)
    if type(lasts) is not int or not 1000 <= lasts <= DAY_S * 1000:
        raise InvalidInput("lasts", shown(lasts), "whole milliseconds, from a second to a day")
    claims = _Claims(account, (now + lasts) // 1000, now // 1000, randomness(12).hex())
    body = f"{_HEADER}.{_encoded(msgspec.json.encode(claims))}"
    return f"{body}.{_signed(body, secret)}"


def read(token: object, now: int, secret: bytes) -> str:
    """The account that it names. `now`: ms since 1970. Raises BadToken, whatever is wrong with it."""
    parts = _shape(token) if isinstance(token, str) and len(token) <= TOKEN_MAX else None
    # The signature first, over the text as it came: what is not signed is not read.
    if parts is None or not hmac.compare_digest(parts[3], _signed(f"{parts[1]}.{parts[2]}", secret)):
        raise BadToken
    if parts[1] != _HEADER:
        raise BadToken
    try:
        claims = _read_claims(urlsafe_b64decode(parts[2] + "=" * (-len(parts[2]) % 4)))
        account = check_name("sub", claims.sub)
    except (ValueError, msgspec.DecodeError, InvalidInput):
        raise BadToken from None
    moment = now // 1000
    in_time = 0 <= claims.iat <= moment + AHEAD_S and moment < claims.exp <= NEVER
    if not in_time or claims.exp - claims.iat > DAY_S or not 0 < len(claims.jti) <= 128:
        raise BadToken
    return account


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _signed(body: str, secret: bytes) -> str:
    if len(secret) < SECRET_BYTES:
        raise InvalidInput("secret", f"{len(secret)} bytes", f"at least {SECRET_BYTES}")
    return _encoded(hmac.digest(secret, body.encode(), sha256))


_HEADER = _encoded(b'{"alg":"HS256","typ":"JWT"}')
_shape = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})").fullmatch
_read_claims = msgspec.json.Decoder(_Claims).decode

"""Standard Webhooks 1.0: secrets, and the headers by which a receiver knows that a message is ours.

https://www.standardwebhooks.com: the signature is HMAC-SHA256 over `ID.TIMESTAMP.BODY`, one for each secret that is
good while secrets are changed over. Pure: time and randomness are arguments.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from hashlib import sha256

from spillover.model.errors import InvalidInput

PREFIX = "whsec_"
KEY_MIN, KEY_MAX = 24, 64
"""Bytes of a secret, by the specification."""
KEY_BYTES = 32
"""Bytes of those that are made here."""


def new_secret(randomness: Callable[[int], bytes]) -> str:
    """A secret as receivers keep it: `whsec_` and base64. `randomness`: such as `secrets.token_bytes`."""
    return PREFIX + b64encode(randomness(KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises InvalidInput, which does not repeat it."""
    try:
        found = b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        found = b""
    if not KEY_MIN <= len(found) <= KEY_MAX:
        expected = f"{PREFIX} and {KEY_MIN} to {KEY_MAX} bytes in base64"
        raise InvalidInput("secret", f"{len(secret)} characters that are none", expected)
    return found


def signature(id: str, seconds: int, body: bytes, secret: str) -> str:
    """One signature: `v1,BASE64`. `seconds`: of the try, since 1970. Raises InvalidInput for what is no secret."""
    digest = hmac.digest(key_of(secret), f"{id}.{seconds}.".encode() + body, sha256)
    return f"v1,{b64encode(digest).decode()}"


def signed(id: str, now: int, body: bytes, secrets: Iterable[str]) -> dict[str, str]:
    """The three headers of a message with that id. `now`: of this try (ms since 1970); `secrets`: all that are good."""
    seconds = now // 1000
    signatures = " ".join(signature(id, seconds, body, secret) for secret in secrets)
    return {"webhook-id": id, "webhook-timestamp": str(seconds), "webhook-signature": signatures}

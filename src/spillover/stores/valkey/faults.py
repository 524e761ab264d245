"""What a server's refusal means for the call that met it. Nothing was executed in any of these cases but OTHER."""

from __future__ import annotations

import re
from typing import Literal

from redis.exceptions import RedisError, ResponseError

from spillover.model.errors import StoreError, StoreFull, StoreUnavailable

Kind = Literal["later", "elsewhere", "moved", "ask", "script", "full", "other"]
"""later: the same server may serve soon; elsewhere: another connection may; script: it must be loaded first."""

_KINDS: dict[str, Kind] = {
    "LOADING": "later", "BUSY": "later", "TRYAGAIN": "later", "CLUSTERDOWN": "later", "NOREPLICAS": "later",
    "READONLY": "elsewhere", "MASTERDOWN": "elsewhere", "UNBLOCKED": "elsewhere",
    "MOVED": "moved", "ASK": "ask", "NOSCRIPT": "script", "OOM": "full",
}  # fmt: skip
# Redis 6.2 wraps what a command inside a script was refused with: "ERR Error running script ...: -OOM command not".
_WRAPPED = re.compile(r"-(OOM|READONLY|MISCONF|NOREPLICAS|MASTERDOWN|CLUSTERDOWN|LOADING) ")

_UNREACHED = re.compile(
    r"Connection refused|service not known|No route to host|Network is unreachable|No address associated"
)


def refusal(error: RedisError) -> ResponseError | None:
    """The error as what the server said, if it said it: the client takes some refusals for lost connections."""
    if isinstance(error, ResponseError):
        return error
    return ResponseError(str(error), status_code=error.status_code) if error.status_code else None


def code_of(error: ResponseError) -> str:
    """The first word of what the server said, such as MOVED."""
    text = str(error)
    wrapped = _WRAPPED.search(text)
    if wrapped is not None:
        return wrapped[1]
    return error.status_code or text.partition(" ")[0]


def kind_of(error: ResponseError) -> Kind:
    """What to do about it."""
    code, text = code_of(error), str(error)
    if code == "MISCONF" and "space" in text:
        return "full"
    if "max number of clients" in text:
        return "elsewhere"
    return _KINDS.get(code, "other")


def told(where: str, error: ResponseError) -> StoreError:
    """The error for the caller, where no other try can help."""
    said = shown(error)
    if kind_of(error) == "full":
        return StoreFull(
            f"{where}: found its memory full ({said}), expected room; raise maxmemory, or settle the stream"
        )
    if code_of(error) in ("WRONGPASS", "NOAUTH") or "without any password configured" in said:
        return StoreUnavailable(
            f"{where}: found the user or password refused, expected access; correct user and password in the address"
        )
    if "DB index is out of range" in said:
        return StoreUnavailable(
            f"{where}: found no database of that number, expected one that the server has; correct the number behind"
            " the host, or raise `databases` in its configuration"
        )
    if code_of(error) == "NOPERM":
        return StoreUnavailable(f"{where}: found {said}, expected the rights to read and write; change the user's ACL")
    return StoreUnavailable(f"{where}: found {said}, expected an answer; the same call may be sent again")


def advice_for(problem: str) -> str:
    """What to do about a server that gave no answer: for one that nobody finds at its place the address is in doubt."""
    if _UNREACHED.search(problem):
        return "check that it runs, and address and network"
    return "check that it runs, then do the same again: a request's key decides"


def shown(error: Exception) -> str:
    """An error's text on one line, with the word that the client takes off; never long."""
    text = " ".join(str(error).split())
    code = getattr(error, "status_code", None)
    if code and code != "ERR" and not text.startswith(code):
        text = f"{code} {text}"
    return text if len(text) <= 200 else f"{text[:197]}..."

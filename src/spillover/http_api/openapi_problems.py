"""An example of each problem, for the document and the page: the one line that people read, and the field at fault."""

from __future__ import annotations

from typing import Any

import msgspec

from spillover.http_api.problems import KINDS, TYPE, Problem

SAID = {
    "malformed": ("body: found no JSON (JSON is malformed: expected ':' (byte 12)), expected JSON", None),
    "two-keys": ("key: found key 'clip-1' and Idempotency-Key 'clip-2', expected one key, or the same twice", "key"),
    "unauthorized": ("authorization: found no key, expected the header Authorization: Bearer sp_...", None),
    "forbidden": ("account: this key is bound to other accounts", "account"),
    "no-such-path": ("path: found /v1/consumed, expected one of those in /openapi.json", None),
    "unknown-name": ("account: found 'acne', expected one that was created (accounts.put)", "account"),
    "method-not-allowed": ("method: found PUT, expected POST for /v1/consume", None),
    "body-timeout": ("body: found it unfinished after 10 s, expected it whole by then", None),
    "key-reused": (
        "key 'k-1' of account 'acme' was used before with another request; send the same request again, or a new key",
        None,
    ),
    "hold-ended": (
        "hold 'job-7' of account 'acme': found it committed, expected an open hold; open another under a new key", None,
    ),
    "too-large": ("body: found 2,097,152 bytes, expected at most 1,048,576", None),
    "unsupported-media": ("content-type: found text/csv, expected application/json", None),
    "invalid-input": ("usage: expected `object | int | null`, got `str`", "usage"),
    "bound-exceeded": ("attributes: found 17, expected at most 16; send those that prices and limits read", None),
    "policy-mistakes": ("policy:12: plans.starter.rules[0].for: found 'chats', expected one of: chat.messages", None),
    "refused": ("policy: found plans in use that it leaves behind, expected them; publish it with force=True", None),
    "not-settled": ("event 'clip-1' is decided and not yet on the books; try again in a second", None),
    "fault": ("something that this program did not foresee; the log has it", None),
    "busy": ("an audit: found one under way, expected none; GET /v1/audit tells when it has ended", None),
    "overloaded": ("requests: found more waiting than are served in time, expected fewer; send it again", None),
    "contended": (
        "account 'acme' changed between 8 tries; nothing was changed, send the request again under the same key", None,
    ),
    "account-shut": (
        "acme: found it shut while it is being rebuilt, expected it open; try again in a moment", None,
    ),
    "part-unavailable": ("store: found its server not to be reached, expected an answer; try again in a moment", None),
    "store-full": ("store: found no space left, expected some; make room, then send the same again", None),
    "wrong-settings": ("store: found appendfsync everysec, expected always for durability strict", None),
    "store": ("store: found it not to be reached, expected an answer; try again in a moment", None),
}  # fmt: skip


def problem_examples() -> dict[str, Any]:
    """By the problem's name, in the form of OpenAPI's examples."""
    found = {}
    for name, kind in KINDS.items():
        detail, field = SAID[name]
        told = Problem(TYPE + name, kind.title, kind.status, detail, field)
        found[name] = {"summary": kind.title, "value": msgspec.to_builtins(told)}
    return found

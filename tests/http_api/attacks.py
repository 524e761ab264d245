"""How somebody who may see one account tries to reach another: every way that the table of endpoints leaves open.

Attempts are made from what an endpoint takes, so one that is new is tried by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from spillover.http_api.endpoint import Endpoint
from tests.http_api.served import query_of

OWN, OTHER = "acme", "other"
KNOWN = {
    "key": "other-hold", "event_key": "other-event", "reference": "other-payment", "subject": "other-person", "lot": 5,
    "hash": "0" * 64, "extension_key": "other-more", "feature": "video.seconds", "usage": 1, "estimate": 1,
    "reason": "attack", "plan": "starter", "units": 1, "credits": "1", "limit": 100, "by": 1, "pack": "small",
    "policy": "spillover: 1", "name": "stolen", "scopes": ["read"], "id": "abcdefgh2345", "max": 5, "window": "daily",
}  # fmt: skip
"""What the attacker knows of the other's: their keys and numbers, which are no secrets."""
SECRETS = ("other-secret", "98765.4321", "987654321", "other-private")
"""What only the other may read: it stands in their lots, their log, their attributes, their books."""


class Attempt(NamedTuple):
    """One request."""

    what: str
    method: str
    path: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()


def attempts(endpoint: Endpoint) -> Iterator[Attempt]:
    """All of them for one endpoint."""
    fields = () if endpoint.takes is None else endpoint.takes.__struct_fields__
    base = {**{name: KNOWN[name] for name in fields if name in KNOWN}, **endpoint.example}
    yield from _paths(endpoint, base)
    ways = {"the example": dict(endpoint.example), "their keys": base | _theirs(fields)}
    for what, given in ways.items() if _theirs(fields) else (("the example", ways["the example"]),):
        if "requests" in fields:
            yield from _posts(endpoint, f"{what}, nested", _nested(given))
        named = "subject" if endpoint.raw else "account"
        if endpoint.method == "GET":
            yield from _gets(endpoint, what, {**given, named: OTHER} if named in fields else given, named)
        else:
            yield from _posts(endpoint, what, {**given, named: OTHER} if named in fields else given)
            if named in fields:
                yield from _twice(endpoint, what, given, named)


def _theirs(fields: tuple[str, ...]) -> dict[str, Any]:
    names = ("key", "event_key", "reference", "subject", "lot", "extension_key")
    return {name: KNOWN[name] for name in names if name in fields}


def _nested(given: dict[str, Any]) -> dict[str, Any]:
    own = dict(given["requests"][0])
    return {**given, "requests": [{**own, "key": "n1"}, {**own, "key": "n2", "account": OTHER}]}


def _paths(endpoint: Endpoint, base: dict[str, Any]) -> Iterator[Attempt]:
    """The same place written in other ways, and headers that some servers listen to."""
    asked = {**base, "account": OTHER}
    query = f"?{query_of({'account': OTHER})}"
    body = json.dumps(asked).encode() if endpoint.method == "POST" else None
    url = endpoint.url
    for path in (f"{url}/", f"/{url}", f"{url}/{OTHER}", f"{url};account={OTHER}", url.replace("/v1/", "/v1/./"),
                 url.replace("/v1/", f"/v1/{OTHER}/"), url[:-1] + quote(url[-1], safe="").lower() + "%20"):  # fmt: skip
        yield Attempt("a path", endpoint.method, path + query, body)
    heads = (("X-Original-URL", url + query), ("X-HTTP-Method-Override", "GET"), ("X-Account", OTHER),
             ("X-Forwarded-User", OTHER), ("Cookie", f"account={OTHER}"))  # fmt: skip
    yield Attempt("headers", "GET", f"/v1/balance{query}", None, heads)
    for method in ("PUT", "PATCH", "DELETE", "HEAD", "GET" if endpoint.method == "POST" else "POST"):
        yield Attempt("a method", method, url + query, None if method == "HEAD" else json.dumps(asked).encode())


def _gets(endpoint: Endpoint, what: str, asked: dict[str, Any], named: str) -> Iterator[Attempt]:
    """Query strings: once, twice, both, elsewhere, in other letters."""
    url, rest = endpoint.url, "".join(f"&{query_of({name: value})}" for name, value in asked.items() if name != named)
    own, other = f"{named}={OWN}", f"{named}={OTHER}"
    whole = f"%{ord(OTHER[0]):02X}{OTHER[1:]}"
    for query in (
        other, f"{own}&{other}", f"{other}&{own}", f"{named}={whole}", f"{named}=%25{whole[1:]}", f"{own}%00{OTHER}",
        f"{own},{OTHER}", f"{named}[]={OTHER}", f"{own}&{named}[]={OTHER}", f"{named}[{OWN}]={OTHER}", f"{own};{other}",
        f"{own}%26{named}%3D{OTHER}", f"{own}&{named.upper()}={OTHER}", f"{named}=+{OTHER}", f"{named}={OTHER}%20", own,
    ):  # fmt: skip
        yield Attempt(f"{what}, ?{query}", "GET", f"{url}?{query}{rest}")
    body = json.dumps({named: OTHER}).encode()
    yield Attempt(f"{what}, in the body", "GET", f"{url}?{own}{rest}", body, (("Content-Type", "application/json"),))


def _posts(endpoint: Endpoint, what: str, asked: dict[str, Any]) -> Iterator[Attempt]:
    """Bodies: plainly, in other letters, and of other media types."""
    text = json.dumps(asked)
    escaped = text.replace(f'"{OTHER}"', f'"\\u{ord(OTHER[0]):04x}{OTHER[1:]}"')
    json_ = (("Content-Type", "application/json"),)
    yield Attempt(what, "POST", endpoint.url, text.encode(), json_)
    yield Attempt(f"{what}, escaped", "POST", endpoint.url, escaped.encode(), json_)
    yield Attempt(f"{what}, UTF-16", "POST", endpoint.url, text.encode("utf-16"), json_)
    yield Attempt(f"{what}, in a list", "POST", endpoint.url, f"[{text}]".encode(), json_)
    yield Attempt(f"{what}, a form", "POST", endpoint.url, query_of(asked).encode(),
                  (("Content-Type", "application/x-www-form-urlencoded"),))  # fmt: skip
    for media in endpoint.bodies:
        yield Attempt(f"{what}, {media}", "POST", endpoint.url, text.encode(), (("Content-Type", media),))
        batch = json.dumps([{**asked, "subject": OWN}, asked]).encode()
        yield Attempt(f"{what}, {media}, two", "POST", endpoint.url, batch, (("Content-Type", media),))
        heads = tuple((f"ce-{name}", quote(str(value))) for name, value in asked.items() if name != "data")
        yield Attempt(f"{what}, in headers", "POST", endpoint.url, b"1", (*heads, *json_))


def _twice(endpoint: Endpoint, what: str, given: dict[str, Any], named: str) -> Iterator[Attempt]:
    """The account in two places, and as what is no text."""
    rest = json.dumps({name: value for name, value in given.items() if name != named})[1:]
    json_ = (("Content-Type", "application/json"),)
    own, other = f'"{named}": "{OWN}"', f'"{named}": "{OTHER}"'
    separator = ", " if rest != "}" else ""
    for pair in (
        f"{own}, {other}", f"{other}, {own}", f'{own}, "{named.title()}": "{OTHER}"', f'"{named}": "{OTHER} "',
        f'"{named}": ["{OWN}", "{OTHER}"]', f'"{named}": {{"$ne": "{OWN}"}}', f'"{named}": "{OWN}\\u0000{OTHER}"',
        f'"{named}": "{OTHER.upper()}"', f'{own}, "requests": [{{{other}}}]',
    ):  # fmt: skip
        yield Attempt(f"{what}, {pair}", "POST", endpoint.url, f"{{{pair}{separator}{rest}".encode(), json_)
    body = json.dumps({**given, named: OWN}).encode()
    yield Attempt(f"{what}, body and query", "POST", f"{endpoint.url}?{named}={OTHER}", body, json_)
    yield Attempt(f"{what}, query alone", "POST", f"{endpoint.url}?{named}={OTHER}", b"{}", json_)

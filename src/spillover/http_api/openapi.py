"""The table as OpenAPI 3.1: paths, schemas, parameters, problems, examples and scopes, all from its rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import msgspec
from msgspec import Struct

from spillover.conventions.headers import PROFILES
from spillover.http_api.endpoint import JSON, Endpoint, encode
from spillover.http_api.headers import PROFILE
from spillover.http_api.openapi_problems import problem_examples
from spillover.http_api.problems import ANY, KINDS, MEDIA, Problem

Json = dict[str, Any]
REF = "#/components/schemas/{name}"


@cache
def _answered() -> Json:
    """What each example was answered once, by the endpoint's name: `python -m tests.http_api.examples` writes it."""
    found: Json = msgspec.json.decode(files("spillover.http_api").joinpath("examples.json").read_bytes())
    return found


@cache
def document() -> Json:
    """The whole document."""
    from spillover.http_api.table import ENDPOINTS

    structs = [endpoint.takes for endpoint in ENDPOINTS if endpoint.takes and endpoint.method == "POST"]
    answers = [kind for endpoint in ENDPOINTS for kind in _answers(endpoint)]
    types = [*structs, *answers, Problem]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = {kind.__name__: schema for kind, schema in zip(types, schemas, strict=True)}
    paths: Json = {}
    for endpoint in ENDPOINTS:
        paths.setdefault(endpoint.url, {})[endpoint.method.lower()] = _operation(endpoint, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spillover",
            "version": version("spillover"),
            "summary": "May this request pass, and who pays?",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": name} for name in dict.fromkeys(_tag(endpoint) for endpoint in ENDPOINTS)],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": _headers(),
            "examples": problem_examples(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key, `sp_ID_SECRET`, or a customer's token. No key is wanted until one was made.",
                }
            },
        },
    }


@cache
def written() -> bytes:
    """The same as JSON."""
    return encode(document())


def _answers(endpoint: Endpoint) -> tuple[type, ...]:
    """The structs of which one is the answer."""
    found = endpoint.answers
    return () if found is None else found if isinstance(found, tuple) else (found,)


def _tag(endpoint: Endpoint) -> str:
    first = endpoint.path.strip("/").partition("/")
    return first[0] if first[1] else "about" if endpoint.path.startswith("/") else "requests and reports"


def _operation(endpoint: Endpoint, schemas: Json) -> Json:
    scope = endpoint.scope
    wanted = "No key is wanted." if scope == "open" else f"Wants a key for `{scope}`."
    customer = " A customer's token opens it for its own account." if endpoint.customer else ""
    found: Json = {
        "operationId": endpoint.name,
        "tags": [_tag(endpoint)],
        "summary": endpoint.does,
        "description": wanted + customer,
        "x-scope": scope,
        "responses": {"200": _answer(endpoint, schemas), **_problems(endpoint, schemas)},
    }
    if scope == "open":
        found["security"] = []
    parameters = list(_parameters(endpoint))
    if parameters:
        found["parameters"] = parameters
    if endpoint.method == "POST":
        found["requestBody"] = _body(endpoint, schemas)
    return found


def _body(endpoint: Endpoint, schemas: Json) -> Json:
    assert endpoint.takes is not None
    schema = schemas[endpoint.takes.__name__]
    content: Json = {JSON: {"schema": schema, "example": dict(endpoint.example)}}
    for media in endpoint.bodies:
        if endpoint.text:
            content[media] = {"schema": {"type": "string"}}
        elif "batch" in media:
            content[media] = {"schema": {"type": "array", "items": schema}, "example": [dict(endpoint.example)]}
        else:
            content[media] = {"schema": schema, "example": dict(endpoint.example)}
    return {"required": True, "content": content}


def _parameters(endpoint: Endpoint) -> Iterator[Json]:
    if endpoint.takes is not None and endpoint.method == "GET":
        yield from _query(endpoint.takes, endpoint)
    if endpoint.keyed:
        yield _header("Idempotency-Key", f"`{endpoint.keyed}`, where the body gives none.", {"type": "string"})
    if "ratelimit" in _answer_headers(endpoint):
        one = f"({'|'.join(PROFILES)})"
        what = {"type": "string", "pattern": f"^({one}(, *{one})*)?$"}
        yield _header(PROFILE, "Older names in which the limits are told too.", what)
    if endpoint.path == "overview":
        yield _header("If-None-Match", "The ETag of what is known: 304 where nothing has changed.", {"type": "string"})
    yield _header("traceparent", "W3C trace context; goes into the log and back.", {"type": "string"})


def _header(name: str, text: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}


def _query(takes: type[Struct], endpoint: Endpoint) -> Iterator[Json]:
    """Each field of what a GET takes as a parameter."""
    _, components = msgspec.json.schema_components([takes], ref_template=REF)
    schema = components[takes.__name__]
    for name, field in schema.get("properties", {}).items():
        form = dict(field)
        told: Json = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if text := form.pop("description", None):
            told["description"] = text
        # A query has no null.
        options = [one for one in form.pop("anyOf", [{}]) if one.get("type") != "null"]
        form |= {"anyOf": options} if len(options) > 1 else options[0]
        if form.get("type") == "object":
            told |= {"style": "deepObject", "explode": True}
        if form.get("default", ...) is None:
            del form["default"]
        told["schema"] = form
        if name in endpoint.example:
            told["example"] = endpoint.example[name]
        yield told


def _answer(endpoint: Endpoint, schemas: Json) -> Json:
    kinds = [schemas[kind.__name__] for kind in _answers(endpoint)]
    schema = {"anyOf": kinds} if len(kinds) > 1 else kinds[0] if kinds else {"type": "string"}
    media = endpoint.media.partition(";")[0]
    content: Json = {"schema": schema}
    if (example := _answered().get(endpoint.name)) is not None:
        content["example"] = example
    found: Json = {"description": endpoint.does, "content": {media: content}}
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in _answer_headers(endpoint)}
    return {**found, "headers": headers} if headers else found


def _answer_headers(endpoint: Endpoint) -> tuple[str, ...]:
    if endpoint.path in ("consume", "record", "holds/open"):
        return ("idempotency-replayed", "ratelimit-policy", "ratelimit")
    if endpoint.path == "overview":
        return ("etag",)
    return ("idempotency-replayed",) if endpoint.path.startswith("holds/") and endpoint.method == "POST" else ()


def _example(kind: str) -> Json:
    return {"$ref": f"#/components/examples/{kind}"}


def _headers() -> Json:
    text = {"type": "string"}
    return {
        "idempotency-replayed": {"description": "true: this was answered before under its key.", "schema": text},
        "ratelimit-policy": {"description": "Windows and ceilings of the decision's rule.", "schema": text},
        "ratelimit": {"description": "How they stand after it, in whole seconds.", "schema": text},
        "etag": {"description": "Changes when the answer does.", "schema": text},
        "retry-after": {"description": "Seconds.", "schema": {"type": "integer"}},
    }


def _problems(endpoint: Endpoint, schemas: Json) -> Json:
    """By status: the problems that it can give."""
    names = dict.fromkeys((*(ANY if endpoint.scope != "open" else ()), *endpoint.errors))
    if endpoint.keyed:
        names["two-keys"] = None
    if endpoint.method == "GET":
        for name in ("too-large", "body-timeout", "malformed" if not endpoint.takes else ""):
            names.pop(name, None)
    by_status: dict[int, list[str]] = {}
    for name in names:
        by_status.setdefault(KINDS[name].status, []).append(name)
    found: Json = {}
    if endpoint.path == "overview":
        found["304"] = {"description": "Nothing has changed since the ETag of If-None-Match."}
    if endpoint.path == "/readyz":
        found["503"] = {"description": "Not ready.", "content": {JSON: {"schema": schemas["Health"]}}}
    for status, kinds in sorted(by_status.items()):
        told: Json = {
            "description": f"{HTTPStatus(status).phrase}: {', '.join(kinds)}",
            "content": {MEDIA: {"schema": schemas["Problem"], "examples": {kind: _example(kind) for kind in kinds}}},
        }
        if any(KINDS[kind].after for kind in kinds):
            told["headers"] = {"retry-after": {"$ref": "#/components/headers/retry-after"}}
        found[str(status)] = told
    return found

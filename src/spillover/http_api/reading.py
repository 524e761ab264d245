"""From a body or a query to the struct that an endpoint takes; what does not fit is refused by its field."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from msgspec import Struct

from spillover.http_api.problems import Refused

PLACE = re.compile(r"^(.*?)(?: - at `\$?(?:key in )?\.?(.*)`)?$", re.DOTALL)
NAMED = re.compile(r"field `([^`]*)`")
IN_BRACKETS = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
FIELDS_MAX = 100
"""Fields of a query."""


@cache
def _decoder(takes: type[Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(takes)


@cache
def _shapes(takes: type[Struct]) -> tuple[frozenset[str], frozenset[str]]:
    """The fields of a struct that hold several values, and those that hold a map."""
    listed, mapped = set(), set()
    for field in msgspec.structs.fields(takes):
        info = msgspec.inspect.type_info(field.type)
        while isinstance(info, msgspec.inspect.Metadata):
            info = info.type
        options = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
        bare = [one.type if isinstance(one, msgspec.inspect.Metadata) else one for one in options]
        if any(isinstance(one, msgspec.inspect.VarTupleType | msgspec.inspect.ListType) for one in bare):
            listed.add(field.name)
        if any(isinstance(one, msgspec.inspect.DictType) for one in bare):
            mapped.add(field.name)
    return frozenset(listed), frozenset(mapped)


def from_body(takes: type[Struct], body: bytes) -> Any:  # noqa: ANN401  # the struct that is taken
    """What a JSON body holds. Raises Refused."""
    try:
        return _decoder(takes).decode(body)
    except msgspec.ValidationError as error:
        raise invalid(error, takes) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        found = "nothing" if not body.strip() else str(error)
        raise Refused("malformed", f"body: found no JSON that can be read ({found}), expected a JSON object") from None


def from_query(takes: type[Struct], query: str) -> Any:  # noqa: ANN401  # the struct that is taken
    """What a query holds: lists by repeating a name, maps as name[key]=value. Raises Refused."""
    return _converted(_found(takes, query), takes)


def from_text(takes: type[Struct], query: str, field: str, body: bytes) -> Any:  # noqa: ANN401  # the struct taken
    """What a query holds, and in one field a body of text. Raises Refused."""
    found = _found(takes, query)
    _once(field, field in found)
    try:
        found[field] = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused("malformed", f"body: found the byte 0x{body[error.start]:02X}, expected UTF-8") from None
    return _converted(found, takes)


def _found(takes: type[Struct], query: str) -> dict[str, Any]:
    listed, mapped = _shapes(takes)
    found: dict[str, Any] = {}
    for name, value in _pairs(query):
        inside = IN_BRACKETS.fullmatch(name)
        if inside and inside[1] in mapped:
            values = found.setdefault(inside[1], {})
            _once(name, inside[2] in values)
            values[inside[2]] = value
        elif name in listed:
            found.setdefault(name, []).append(value)
        else:
            _once(name, name in found)
            found[name] = value
    return found


def _converted(found: dict[str, Any], takes: type[Struct]) -> Any:  # noqa: ANN401  # the struct that is taken
    try:
        return msgspec.convert(found, takes, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(error, takes) from None


def invalid(error: msgspec.ValidationError, takes: type[Struct]) -> Refused:
    """The refusal of a value of another form, with the field at fault; an unknown field comes with the known ones."""
    match = PLACE.match(str(error))
    said, place = (match[1], match[2] or "") if match else (str(error), "")
    named = NAMED.search(said)
    if said.startswith("Object contains unknown field") and not place:
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(takes)) or "no field at all"
        said = f"found a field that is not known, expected {known}"
    elif said.startswith("Object missing required field"):
        said = "found none, expected one"
    field = ".".join(part for part in (place.removeprefix("."), named[1] if named else "") if part)
    return Refused("invalid-input", f"{field or 'body'}: {said[:1].lower()}{said[1:]}", field)


def _pairs(query: str) -> list[tuple[str, str]]:
    pairs = []
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        try:
            pairs.append((unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")))
        except UnicodeDecodeError:
            raise Refused("malformed", f"query: found {part[:60]!r}, expected percent-encoded UTF-8") from None
    if len(pairs) > FIELDS_MAX:
        raise Refused("invalid-input", f"query: found {len(pairs)} fields, expected at most {FIELDS_MAX}")
    return pairs


def _once(name: str, again: bool) -> None:
    if again:
        raise Refused("invalid-input", f"{name}: found it twice, expected it once", name)

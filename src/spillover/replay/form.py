"""The form of a map, checked by its published JSON Schema: the descriptions there are what was "expected"."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
import msgspec

from spillover.policy.findings import Findings, Json, Path, show_value

_Schema = dict[str, Any]


def map_schema() -> str:
    """The JSON Schema (2020-12) of maps, as published for editors and as used by this reader."""
    return (resources.files("spillover.replay") / "map.schema.json").read_text(encoding="utf-8")


def check_form(document: Json, findings: Findings) -> None:
    """Adds a mistake for each place where `document` is not of the schema's form, at most one for a path."""
    _, validator = _schema_and_validator()
    known = findings.paths()
    for error in validator.iter_errors(document):
        for path, found, expected in _explained(error, document):
            if path not in known:
                known.add(path)
                findings.add(path, found, expected)


@cache
def _schema_and_validator() -> tuple[_Schema, jsonschema_rs.Draft202012Validator]:
    schema: _Schema = msgspec.json.decode(map_schema())
    return schema, jsonschema_rs.Draft202012Validator(schema)


def _explained(error: jsonschema_rs.ValidationError, document: Json) -> Iterator[tuple[Path, str, str]]:
    """The mistakes that one error of the validator stands for: path, found, expected."""
    path: Path = tuple(error.instance_path)
    applied = _applied(error.evaluation_path)
    kind: Any = error.kind
    match kind.name:
        case "additionalProperties":
            known = list(applied[-1]["properties"])
            for name in kind.unexpected:
                yield (*path, name), "an unknown key", _nearest(name, known)
        case "required":
            yield (*path, kind.property), "nothing", _description(_applied((*_place(error), kind.property)))
        case "propertyNames":
            expected = _description(_applied((*error.evaluation_path[:-1], "propertyNames")))
            yield (*path, str(kind.error.instance)), f"the key {show_value(str(kind.error.instance))}", expected
        case _:
            yield path, show_value(_at(path, document)), _description(applied)


def _at(path: Path, document: Json) -> Json:
    """The value at a path of the document; the validator's own copy of it has its keys in another order."""
    value: Any = document
    for part in path:
        value = value[part]
    found: Json = value
    return found


def _place(error: jsonschema_rs.ValidationError) -> list[str | int]:
    """Where the properties of the object that lacks one are described."""
    return [*error.evaluation_path[:-1], "properties"]


def _applied(evaluation_path: Sequence[str | int]) -> list[_Schema]:
    """The schemas that apply to the place of an error, the outermost first."""
    schema, _ = _schema_and_validator()
    node = schema
    applied = [node]
    steps = iter(evaluation_path)
    for step in steps:
        if step == "$ref":
            node = schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
            applied.append(node)
        elif step == "properties":
            applied = [node := node[step][next(steps)]]
        elif step in ("items", "additionalProperties", "propertyNames") and isinstance(node[step], dict):
            applied = [node := node[step]]
        elif step == "allOf":
            applied.append(node := node[step][next(steps)])
        elif step in ("then", "else"):
            applied.append(node := node[step])
        else:
            break
    if "$ref" in node and node is applied[-1]:
        applied.append(schema["$defs"][node["$ref"].removeprefix("#/$defs/")])
    return applied


def _description(applied: list[_Schema]) -> str:
    # The outermost is the most telling: it says what this place is for, the inner ones only of what form it is.
    return next((str(node["description"]) for node in applied if "description" in node), "another form")


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{close[0]} perhaps" if close else f"one of the keys {', '.join(known)}"

"""The form of a document, by its published JSON Schema itself: the descriptions there are what was "expected"."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs
import msgspec

from spillover.policy.findings import Findings, Json, Path, show_value

_Schema = dict[str, Any]

_NUMERIC = re.compile(r"\+?[0-9]{1,40}")

_REFUSED: _Schema = {}
"""`"not": {}` fits nothing: how the schema keeps the place of a key that this version refuses."""


@cache
def policy_form() -> Form:
    """The form of policies."""
    return Form(policy_schema())


def policy_schema() -> str:
    """The JSON Schema (2020-12) of policies, as published for editors and as used by this reader."""
    return (resources.files("spillover.policy") / "policy.schema.json").read_text(encoding="utf-8")


class Form:
    """A published JSON Schema as the judge of documents."""

    def __init__(self, schema: str) -> None:
        self._schema: _Schema = msgspec.json.decode(schema)
        self._validator = jsonschema_rs.Draft202012Validator(self._schema)

    def check(self, document: Json, findings: Findings) -> None:
        """Adds a mistake for each place where `document` is not of this form, at most one for a path."""
        known = findings.paths()
        # What this version or this place refuses as a whole comes first: of what form it is does not matter then.
        for error in sorted(self._validator.iter_errors(document), key=lambda error: error.kind.name != "not"):
            for path, found, expected in self._explained(error, document):
                if path not in known:
                    known.add(path)
                    findings.add(path, found, expected)

    def _explained(self, error: jsonschema_rs.ValidationError, document: Json) -> Iterator[tuple[Path, str, str]]:
        """The mistakes that one error of the validator stands for: path, found, expected."""
        path, value = _placed(error.instance_path, document)
        applied = self._applied(error.evaluation_path)
        kind: Any = error.kind
        match kind.name:
            case "additionalProperties":
                known = [name for name, schema in applied[-1]["properties"].items() if schema.get("not") != _REFUSED]
                for name in kind.unexpected:
                    yield (*path, name), "an unknown key", _nearest(name, known)
            case "required":
                yield (*path, kind.property), "nothing", self._description_of(kind.property, applied)
            case "propertyNames":
                name = str(kind.error.instance)
                # The path of the error itself stops at the mapping; the one of its key's error goes through the schema.
                expected = _description(self._applied(kind.error.evaluation_path))
                yield (*path, name), f"the key {show_value(name)}", expected
            case _:
                yield path, show_value(value), _description(applied)

    def _applied(self, evaluation_path: Sequence[str | int]) -> list[_Schema]:
        """The schemas that apply to the place of an error, the outermost first."""
        node = self._schema
        applied = [node]
        steps = iter(evaluation_path)
        for step in steps:
            if step == "$ref":
                node = self._referred(node)
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
        return applied

    def _referred(self, node: _Schema) -> _Schema:
        found: _Schema = self._schema["$defs"][node["$ref"].removeprefix("#/$defs/")]
        return found

    def _description_of(self, name: str, applied: list[_Schema]) -> str:
        for node in applied:
            if name in node.get("properties", {}):
                child = node["properties"][name]
                return _description([child, self._referred(child)] if "$ref" in child else [child])
        return f"the key {name}"


def _placed(instance_path: Sequence[str | int], document: Json) -> tuple[Path, Json]:
    """Where an error is, and the value there.

    The validator gives a key that looks like a number as that number. Where that could be several keys, the place is
    the mapping around them. The value is looked up because the validator's copy has its keys in another order.
    """
    path: Path = ()
    value: Any = document
    for part in instance_path:
        step: str | int = part
        if isinstance(value, dict) and isinstance(part, int):
            likely = [key for key in value if _NUMERIC.fullmatch(key) and int(key) == part]
            if len(likely) != 1:
                break
            step = likely[0]
        path, value = (*path, step), value[step]
    return path, value


def _description(applied: list[_Schema]) -> str:
    # The outermost is the most telling: it says what this place is for, the inner ones only of what form it is.
    return next((str(node["description"]) for node in applied if "description" in node), "another form")


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"{close[0]} perhaps" if close else f"one of the keys {', '.join(known)}"

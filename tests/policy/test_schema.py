"""The published schema is the one that checks, is valid, and says of every place what is expected there."""

import json

import jsonschema
import pytest

from spillover.policy import policy_schema, read_policy_text
from tests.policy.support import FULL
from tests.policy.test_policy import EXAMPLE

SCHEMA = json.loads(policy_schema())


def _places(schema, path="#"):
    """Every schema within a schema."""
    yield path, schema
    for keyword in ("properties", "$defs"):
        for name, child in schema.get(keyword, {}).items():
            yield from _places(child, f"{path}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties", "propertyNames", "then", "else"):
        if isinstance(schema.get(keyword), dict):
            yield from _places(schema[keyword], f"{path}/{keyword}")
    for index, child in enumerate(schema.get("allOf", [])):
        yield from _places(child, f"{path}/allOf/{index}")


def test_the_schema_is_valid_against_the_meta_schema_of_2020_12():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_property_is_described():
    for path, schema in _places(SCHEMA):
        if "/properties/" in path and "/then/" not in path:
            referred = SCHEMA["$defs"].get(schema.get("$ref", "").removeprefix("#/$defs/"), {})
            assert "description" in schema or "description" in referred, path


@pytest.mark.parametrize(
    "schema", [schema for _, schema in _places(SCHEMA) if "properties" in schema and "type" in schema]
)
def test_every_mapping_is_closed(schema):
    assert "additionalProperties" in schema


@pytest.mark.parametrize("example", [EXAMPLE, FULL], ids=["design", "page"])
def test_another_validator_accepts_the_same_example(example):
    document = json.loads(read_policy_text(example).document)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


def _keys(value):
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def test_the_example_of_the_page_has_every_key_that_there_is():
    known = {key for _, schema in _places(SCHEMA) for key in schema.get("properties", {})}
    assert known - _keys(json.loads(read_policy_text(FULL).document)) == set()

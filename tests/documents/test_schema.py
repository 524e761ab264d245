"""The JSON Schema made from the structs: every class and field has its place, and what is written fits it."""

from collections import Counter

import jsonschema_rs
import msgspec
import pytest

from tests.documents.playing import kinds

BASES = ("Answer", "PublicationTerms")
"""What documents share; no document is of these."""
DESKS = ("exports", "notices", "topups")
"""What no verb of an engine gives, but a service's desks: their examples are held against the schema over HTTP."""


@pytest.fixture(scope="module")
def schemas():
    _, found = msgspec.json.schema_components(kinds(), ref_template="#/$defs/{name}")
    return found


def test_names_are_short_and_each_is_of_one_class(schemas):
    assert [name for name, count in Counter(kind.__name__ for kind in kinds()).items() if count > 1] == []
    assert set(schemas) == {kind.__name__ for kind in kinds()}


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_field_has_its_place_and_every_class_says_what_it_is(schemas, kind):
    schema = schemas[kind.__name__]
    assert set(schema["properties"]) == set(kind.__struct_encode_fields__)
    assert schema["description"]
    assert not kind.__name__.endswith("Document")


def test_what_is_written_fits_the_schema_and_every_class_is_written(schemas, written):
    validators = {}
    for one in written:
        name = type(one.document).__name__
        if name not in validators:
            validators[name] = jsonschema_rs.validator_for({"$ref": f"#/$defs/{name}", "$defs": schemas})
        validators[name].validate(msgspec.json.decode(msgspec.json.encode(one.document)))
    told = {kind.__name__ for kind in kinds() if kind.__module__.rpartition(".")[2] not in DESKS}
    assert told - _seen(written) <= {*BASES, "Finding", "RefusedFor", "Staircase"}


def test_a_document_without_a_field_does_not_fit(schemas, written):
    """So that the schema is one that can refuse."""
    validator = jsonschema_rs.validator_for({"$ref": "#/$defs/Decision", "$defs": schemas})
    document = msgspec.json.decode(msgspec.json.encode(next(one.document for one in written if one.verb == "check")))
    for name in document:
        assert not validator.is_valid({other: value for other, value in document.items() if other != name})


def _seen(written):
    seen, left = set(), [one.document for one in written]
    while left:
        one = left.pop()
        if isinstance(one, msgspec.Struct):
            seen.add(type(one).__name__)
            left += [getattr(one, name) for name in one.__struct_fields__]
        elif isinstance(one, tuple | list):
            left += one
        elif isinstance(one, dict):
            left += one.values()
    return seen

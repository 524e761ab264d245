"""/openapi.json is an OpenAPI 3.1 document, and says what the table says."""

import json
import re

import jsonschema
import pytest

from spillover.http_api import openapi, table
from spillover.http_api.problems import KINDS

DOCUMENT = openapi.document()
OPERATIONS = [
    (path, method, operation) for path, methods in DOCUMENT["paths"].items() for method, operation in methods.items()
]


def references(value):
    if isinstance(value, dict):
        yield from (found for key, each in value.items() for found in ([each] if key == "$ref" else references(each)))
    elif isinstance(value, list):
        yield from (found for each in value for found in references(each))


def test_it_has_the_form_of_openapi_3_1():
    assert re.fullmatch(r"3\.1\.\d", DOCUMENT["openapi"])
    assert set(DOCUMENT) <= {"openapi", "info", "servers", "security", "tags", "paths", "components"}
    assert {"title", "version"} <= set(DOCUMENT["info"])
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(ids)) == len(ids)
    for path, method, operation in OPERATIONS:
        assert path.startswith("/")
        assert method in ("get", "post")
        assert operation["responses"]["200"]["description"]
        assert all(re.fullmatch(r"[2-5]\d\d", status) for status in operation["responses"])
        assert ("requestBody" in operation) == (method == "post")
        places = [(each["name"], each["in"]) for each in operation.get("parameters", ())]
        assert len(set(places)) == len(places)
        for parameter in operation.get("parameters", ()):
            assert parameter["in"] in ("query", "header")
            assert "schema" in parameter


def test_schemathesis_finds_its_schema_sound():
    import schemathesis

    loaded = schemathesis.openapi.from_dict(DOCUMENT)
    loaded.validate()
    assert len(list(loaded.get_all_operations())) == len(table.ENDPOINTS)


def test_every_schema_is_one_of_json_schema_2020_12_and_every_reference_leads_somewhere():
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in set(references(DOCUMENT)):
        found = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]


def test_schemas_are_named_as_readers_know_them():
    for name in DOCUMENT["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name


@pytest.mark.parametrize("endpoint", table.ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_an_example_fits_what_the_document_says_is_taken(endpoint):
    operation = DOCUMENT["paths"][endpoint.url][endpoint.method.lower()]
    if endpoint.method == "POST":
        content = operation["requestBody"]["content"]["application/json"]
        schema = {**content["schema"], "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(schema).validate(content["example"])
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and "example" in parameter:
            jsonschema.Draft202012Validator(parameter["schema"]).validate(parameter["example"])
    assert {KINDS[name].status for name in endpoint.errors} <= {int(status) for status in operation["responses"]}
    assert operation["x-scope"] == endpoint.scope
    assert (operation.get("security") == []) == (endpoint.scope == "open")


def test_every_answer_of_json_and_every_problem_has_an_example_that_fits():
    problem = {**DOCUMENT["components"]["schemas"]["Problem"], "components": DOCUMENT["components"]}
    shown = set()
    for path, method, operation in OPERATIONS:
        for status, answer in operation["responses"].items():
            for media, content in answer.get("content", {}).items():
                if media == "application/problem+json":
                    kinds = [one["$ref"].rpartition("/")[2] for one in content["examples"].values()]
                    assert {KINDS[kind].status for kind in kinds} == {int(status)}, (path, method)
                    shown |= set(kinds)
                elif media == "application/json" and status == "200" and path != "/openapi.json":
                    schema = {**content["schema"], "components": DOCUMENT["components"]}
                    assert "example" in content, (path, method, "python -m tests.http_api.examples")
                    jsonschema.Draft202012Validator(schema).validate(content["example"])
    examples = DOCUMENT["components"]["examples"]
    assert shown <= set(examples) == set(KINDS)
    for kind, example in examples.items():
        jsonschema.Draft202012Validator(problem).validate(example["value"])
        told = example["value"]
        assert (told["type"], told["status"]) == (f"urn:spillover:problem:{kind}", KINDS[kind].status)
        assert "\n" not in told["detail"]


def test_every_endpoint_says_in_its_example_all_that_it_requires():
    for path, method, operation in OPERATIONS:
        for parameter in operation.get("parameters", ()):
            assert not parameter["required"] or "example" in parameter, (path, parameter["name"])
        if method == "post":
            content = operation["requestBody"]["content"]["application/json"]
            required = DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]].get(
                "required", []
            )
            assert set(required) <= set(content["example"]), path


def test_no_example_shows_a_secret_or_where_it_was_made():
    text = json.dumps(DOCUMENT)
    assert "/tmp" not in text
    for found in re.findall(r"sp_[a-z2-7]{12}_[A-Za-z0-9_-]{43}", text):
        assert "nowhere" in found or "nobody" in found
    assert set(re.findall(r"whsec_[A-Za-z0-9+/=]{8,}", text)) <= {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


def test_what_is_taken_refuses_unknown_fields_in_the_document_too():
    for endpoint in table.ENDPOINTS:
        if endpoint.method == "POST" and endpoint.takes and not endpoint.raw:
            assert DOCUMENT["components"]["schemas"][endpoint.takes.__name__]["additionalProperties"] is False


def test_the_verbs_of_the_table_are_those_of_the_engine():
    """A path is a verb of Python, its fields are the words of that verb."""
    import inspect

    from spillover.access.asynchronous import AsyncAccess
    from spillover.access.packs import PackVerbs
    from spillover.access.plain import Access
    from spillover.access.verbs import (
        AccountVerbs,
        CreditVerbs,
        HoldVerbs,
        LimitVerbs,
        LotVerbs,
        PolicyVerbs,
        UnitVerbs,
        WindowVerbs,
    )

    groups = {
        "accounts": AccountVerbs, "credits": CreditVerbs, "holds": HoldVerbs, "limits": LimitVerbs, "lots": LotVerbs,
        "packs": PackVerbs, "policies": PolicyVerbs, "units": UnitVerbs, "windows": WindowVerbs,
    }  # fmt: skip
    assert hasattr(AsyncAccess, "consume")
    renamed = {"holds/open": Access.open_hold}
    own = (
        "policies/check", "policies/get", "policies/publish", "policies/backtest", "events", "settle", "audit",
        "explained",
    )  # fmt: skip
    offices = ("keys", "tokens", "log", "topups", "webhooks", "alerts")
    checked = 0
    for endpoint in table.ENDPOINTS:
        group, _, verb = endpoint.path.partition("/")
        if endpoint.path.startswith("/") or group in offices or endpoint.path in own:
            continue
        python = getattr(groups[group], verb) if verb and endpoint.path not in renamed else None
        python = python or renamed.get(endpoint.path) or getattr(Access, endpoint.path.replace("-", "_"))
        words = [name for name in inspect.signature(python).parameters if name != "self"]
        assert set(words) - set(endpoint.takes.__struct_fields__) == set(), endpoint.path
        checked += 1
    assert checked > 25


LEFT_OUT = {
    "hold": "a context: holds/open, and what ends it",
    "open_hold": "holds/open",
    "tend": "settle does it, and the service by itself",
    "close": "the service's own",
}
"""Verbs of the engine that are no endpoint of their own, and what is there instead."""


def test_every_verb_of_the_engine_is_an_endpoint():
    """Of those that a client has too: the others are for who runs the engine."""
    from spillover.access.plain import Access
    from spillover.http_client.plain import Client, Group

    def public(kind):
        return [name for name in dir(kind) if not name.startswith("_") and name != "ask"]

    groups = {kind.__name__.removesuffix("Verbs").lower(): kind for kind in Group.__subclasses__()}
    wanted = {*public(Client)} & {*public(Access)} - set(LEFT_OUT)
    paths = {endpoint.path.replace("-", "_") for endpoint in table.ENDPOINTS}
    assert wanted <= paths
    assert len(wanted) > 12
    assert len(groups) >= 8
    names = {"policy": "policies"}
    for group, kind in groups.items():
        path = names.get(group, f"{group}s")
        assert {f"{path}/{verb}" for verb in public(kind)} <= paths

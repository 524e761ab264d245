"""Each endpoint's example runs as the table has it, and is answered as /openapi.json says."""

import re
import subprocess
from pathlib import Path

import jsonschema
import pytest

from spillover.http_api.table import ENDPOINTS
from tests.http_api.conftest import STARTER
from tests.http_api.examples import administrator, is_told, play
from tests.http_api.served import PROGRAM, Served, environment

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("examples"), policy=STARTER) as found:
        yield found


@pytest.fixture(scope="module")
def answered(fresh):
    """Every example, in the order of the table; name -> (endpoint, answer)."""
    document = fresh.ask("GET", "/openapi.json").json
    return document, play(fresh)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_an_example_runs_as_written_and_its_answer_fits_its_schema(answered, endpoint):
    document, found = answered
    answer = found[endpoint.name][1]
    assert answer.status == 200, answer.body
    told = document["paths"][endpoint.url][endpoint.method.lower()]["responses"]["200"]
    ((media, content),) = told["content"].items()
    assert answer.headers["content-type"].partition(";")[0] == media
    if media == "application/json":
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(answer.json)


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if is_told(one)], ids=lambda endpoint: endpoint.name)
def test_the_document_shows_an_answer_as_it_is_given(answered, endpoint):
    document, found = answered
    told = document["paths"][endpoint.url][endpoint.method.lower()]["responses"]["200"]["content"]["application/json"]
    assert "example" in told, "python -m tests.http_api.examples"
    schema = {**told["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(told["example"])
    assert set(told["example"]) == set(found[endpoint.name][1].json), "python -m tests.http_api.examples"


def test_the_readme_leads_from_nothing_to_a_decision(tmp_path):
    section = README.read_text("utf-8").partition("## Over HTTP")[2].partition("\n## ")[0]
    (body,) = re.findall(r"-d '(.*)'$", section, re.MULTILINE)
    (sentence,) = re.findall(r'"sentence":"(.*?)"', section)
    subprocess.run([*PROGRAM, "init", str(tmp_path / "shop")], check=True, capture_output=True, env=environment())
    with Served(tmp_path, db=f"sqlite:///{tmp_path / 'shop' / 'spillover.db'}") as served:
        answer = served.post("consume", body.encode(), Content_Type="application/x-www-form-urlencoded")  # curl's own
        assert (answer.status, answer.json["sentence"]) == (200, sentence)


def test_every_example_of_something_that_wants_a_value_has_one():
    for endpoint in ENDPOINTS:
        fields = {} if endpoint.takes is None else endpoint.takes.__struct_fields__
        assert set(endpoint.example) <= set(fields), endpoint.path


def test_examples_of_a_policy_run_as_a_body_of_yaml_too(fresh, answered):
    text = (fresh.folder / "policy.yaml").read_bytes()
    made = fresh.ask("POST", "/v1/policies/check", text, Content_Type="application/yaml")
    assert made.status == 401  # a key was made above
    key = administrator(fresh)
    head = {"Content_Type": "application/yaml", "Authorization": f"Bearer {key}"}
    checked = fresh.ask("POST", "/v1/policies/check", text, **head)
    assert (checked.status, checked.json["plans"]) == (200, ["starter"])
    when = "/v1/policies/publish?when=2035-07-01T00:00:00Z&reason=later"
    told = fresh.ask("POST", when, text, **head).json
    assert told["changed"] is False  # it is in force then anyway

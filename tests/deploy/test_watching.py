"""What Prometheus and Grafana are given asks for nothing that the service does not tell, by labels that it has."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.http_api.conftest import STARTER
from tests.http_api.served import Served

DEPLOY = Path(__file__).parents[2] / "deploy"
OF_PROMETHEUS = {"le", "instance", "job"}
RANGES = re.compile(r"\b(spillover_\w+)(?:\{([^}]*)\})?")


def expressions() -> dict[str, str]:
    """Where it stands -> what is asked."""
    dashboard = json.loads((DEPLOY / "grafana" / "spillover.json").read_text("utf-8"))
    rules = YAML(typ="safe").load((DEPLOY / "prometheus" / "rules.yml").read_text("utf-8"))
    asked = {
        f"{panel['title']}: {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    asked |= {one["name"]: one["query"]["query"] for one in dashboard["templating"]["list"] if one["type"] == "query"}
    return asked | {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Series -> its labels, of a service that has counted something of everything."""
    with Served(tmp_path_factory.mktemp("watched"), "--allow-private", "yes", policy=STARTER) as service:
        service.post("accounts/put", {"account": "acme", "plan": "starter"})
        for usage in (1, 10**9):
            service.post("consume", {"account": "acme", "feature": "video.seconds", "usage": usage})
        assert service.post("audit", {"wait": 60}).status == 200
        text = service.ask("GET", "/metrics").body.decode()
    found: dict[str, set[str]] = {}
    for series, labels in re.findall(r"^(\w+)(?:\{(.*)\})? ", text, re.MULTILINE):
        found.setdefault(series, set()).update(re.findall(r'(\w+)="', labels))
    families = re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)
    return {family: set() for family in families} | found


def test_every_series_and_label_that_is_asked_for_is_told(told: dict[str, set[str]]) -> None:
    asked = expressions()
    assert len(asked) > 20
    for place, expression in asked.items():
        grouped = {label for by in re.findall(r"\bby \(([^)]*)\)", expression) for label in by.split(", ")}
        for series, chosen in RANGES.findall(expression):
            assert series in told, f"{place}: {series}"
            labels = set(re.findall(r"(\w+)\s*=", chosen)) | grouped
            if told[series]:
                assert labels <= told[series] | OF_PROMETHEUS, f"{place}: {labels}"


def test_everything_that_is_told_is_shown(told: dict[str, set[str]]) -> None:
    shown = " ".join(expressions().values())
    families = {
        re.sub(r"_(total|bucket|sum|count|created)$", "", series) for series in told if series[:9] == "spillover"
    }
    assert {family for family in families if family not in shown} <= {"spillover_audit_seconds"}


def test_the_dashboard_is_found_where_grafana_looks_and_asks_the_source_that_it_has() -> None:
    provided = YAML(typ="safe").load((DEPLOY / "grafana" / "dashboards.yaml").read_text("utf-8"))
    (folder,) = [provider["options"]["path"] for provider in provided["providers"]]
    composed = YAML(typ="safe").load((DEPLOY / "compose.service.yaml").read_text("utf-8"))
    assert f"./grafana/spillover.json:{folder}/spillover.json:ro" in composed["services"]["grafana"]["volumes"]
    (source,) = YAML(typ="safe").load((DEPLOY / "grafana" / "datasource.yaml").read_text("utf-8"))["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    scraped = YAML(typ="safe").load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert scraped["scrape_configs"][0]["static_configs"][0]["targets"] == ["service:8080"]
    places = [panel["gridPos"] for panel in json.loads((DEPLOY / "grafana" / "spillover.json").read_text())["panels"]]
    cells = [
        (x, y) for at in places for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells)), "panels lie over one another"

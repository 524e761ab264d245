"""Odd requests, made by Schemathesis from the OpenAPI document: no 5xx, and what is refused changes nothing.

All of its checks run: answers as the document says, bad data refused, keys wanted, methods told.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from spillover.http_api.table import ENDPOINTS
from tests.http_api.conftest import STARTER
from tests.http_api.served import Served, environment

HERE = Path(__file__).parent
SLOW = ("/v1/audit", "/v1/policies/backtest")
"""Each computes all books in processes of its own, which takes a second or more: for the long run."""


def odd_requests(folder, *options):
    """Make them at a service of its own. (what Schemathesis wrote, what the hooks found, requests by status)"""
    with Served(folder, policy=STARTER) as served:
        for name in ("acme", "other"):
            served.post("accounts/put", {"account": name, "plan": "starter"})
            served.post("credits/add", {"account": name, "credits": "1000000", "key": "begin"})
        key = served.post("keys/make", {"name": "root", "scopes": ["admin"]}).json["key"]
        surroundings = {
            "SCHEMATHESIS_HOOKS": "tests.http_api.odd_calls", "PYTHONPATH": str(HERE.parents[1]), "ROOT": key,
            "WATCHED": str(folder / "served.db"), "REPORT": str(folder / "report.json"),
        }  # fmt: skip
        made = subprocess.run(
            [Path(sys.executable).with_name("schemathesis"), "--config-file", HERE / "odd_requests.toml", "run",
             f"http://127.0.0.1:{served.port}/openapi.json", "--checks", "all", "--continue-on-failure",
             "--workers", "1", "--header", f"Authorization: Bearer {key}", "--generation-deterministic", "--no-color",
             "--warnings", "off", *options],
            cwd=folder, env=environment() | surroundings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        metrics = served.ask("GET", "/metrics", Authorization=f"Bearer {key}").body.decode()
        logged = served.errors.read_text()
    assert '"traceback"' not in logged, logged[-5000:]
    assert made.returncode == 0, made.stdout[-20_000:] + made.stderr
    by_status = {}
    for line in metrics.splitlines():
        if line.startswith("spillover_requests_total{"):
            status = int(line.partition('status="')[2].partition('"')[0])
            by_status[status] = by_status.get(status, 0) + int(float(line.rpartition(" ")[2]))
    return json.loads((folder / "report.json").read_text()), by_status


def require_sound(report, by_status, least, left_out=()):
    assert sum(by_status.values()) >= least
    assert not [status for status in by_status if status >= 500]
    every = {f"{endpoint.method} {endpoint.url}" for endpoint in ENDPOINTS if endpoint.url not in left_out}
    assert set(report["operations"]) == every - {"GET /openapi.json"}  # which tells of the others
    assert not report["left"]
    refused = sum(count for status, count in report["statuses"].items() if int(status) >= 300)
    assert refused >= sum(report["statuses"].values()) / 10
    assert report["compared"] > 0
    assert len(report["overtaken"]) <= refused / 100, report["overtaken"]


def test_a_few_hundred_odd_requests_break_nothing_and_a_refused_one_changes_nothing(tmp_path):
    left_out = [part for url in SLOW for part in ("--exclude-path", url)]
    told = odd_requests(tmp_path, "--phases", "examples,fuzzing", "--max-examples", "3", *left_out)
    require_sound(*told, least=250, left_out=SLOW)


@pytest.mark.soak
def test_20_000_odd_requests_break_nothing_and_a_refused_one_changes_nothing(tmp_path):
    told = odd_requests(tmp_path, "--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "320")
    require_sound(*told, least=20_000)

"""The table's examples played on a service, in the table's order. As a program: their answers written for the document.

python -m tests.http_api.examples        # after a change of what an endpoint answers
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from spillover.engine.drive import drive
from spillover.http_api.endpoint import JSON, Endpoint
from spillover.http_api.table import ENDPOINTS
from spillover.model.policy import Pack
from spillover.office.sqlite import SQLiteOffice
from spillover.office.topup_records import order
from spillover.ports.sales import TopUp
from tests.http_api.conftest import STARTER
from tests.http_api.served import PROGRAM, Got, Served, environment

WRITTEN = Path(__file__).parents[2] / "src" / "spillover" / "http_api" / "examples.json"
SECRETS = {
    "keys_make": {"key": "sp_k3v9q2mdx7ab_The-secret-is-shown-once-and-kept-nowhere-44"},
    "keys_rotate": {"key": "sp_k3v9q2mdx7ab_Another-secret-that-nobody-else-ever-saw-000"},
    "tokens_make": {"token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhY21lIn0.c2lnbmF0dXJl"},
}
"""What the document shows in the place of secrets, though of a service that is gone."""
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The one of Standard Webhooks' own test suite."""
TEXT_MAX, ITEMS_MAX = 600, 3
"""Of long texts and lists the document shows the beginning."""


def play(service: Served) -> dict[str, tuple[Endpoint, Got]]:
    """Every example; the endpoint's name -> the endpoint and its answer."""
    found: dict[str, tuple[Endpoint, Got]] = {}
    headers: dict[str, str] = {}
    made = service.post("accounts/put", {"account": "acme", "plan": "starter"}).json
    _order(service, made["account_id"])
    service.post("holds/open", {"account": "acme", "feature": "video.seconds", "estimate": 1, "key": "job-2"})
    for endpoint in ENDPOINTS:
        example = dict(endpoint.example)
        for field, where in endpoint.borrows.items():
            path, _, place = where.partition(" ")
            lender = found[path.replace("/", "_").replace("-", "_")][1]
            if lender.status == 200:  # else it is the lender that is wrong
                value = lender.json
                for part in place.split("."):
                    value = value[int(part) if part.isdigit() else part]
                example[field] = value
        found[endpoint.name] = endpoint, service.try_example(endpoint, example, **headers)
        if endpoint.path == "keys/make":  # from here on every call wants one; this one was made to decide only
            headers = {"Authorization": f"Bearer {administrator(service)}"}
    return found


def _order(service: Served, account: int) -> None:
    """A top-up of the account, as a watcher orders it: written beside the service."""
    office = SQLiteOffice(service.folder / "served.db")
    topup = TopUp(account, "2026-03", 1, Pack("small", "credits", 100_000_000, "9.00", "EUR"))
    office._desk.write(lambda tables: order(tables, topup))
    drive(office.close())


def administrator(service: Served) -> str:
    """The key of an administrator, made as an operator without one makes it: beside the service."""
    made = subprocess.run(
        [*PROGRAM, "keys", "make", "root", "--scope", "admin", "--db", f"sqlite:///{service.folder / 'served.db'}",
         "--json"],
        capture_output=True, text=True, check=True, env=environment(),
    )  # fmt: skip
    return str(json.loads(made.stdout)["key"])


def is_told(endpoint: Endpoint) -> bool:
    """Whether the document has an example of its answer: of any JSON but the document itself."""
    return endpoint.media == JSON and endpoint.path != "/openapi.json"


def written(name: str, answer: Any) -> Any:
    """An answer as the document shows it."""
    return _short(answer) | SECRETS.get(name, {})


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value[:ITEMS_MAX]]
    if isinstance(value, str) and value.startswith("whsec_"):
        return WEBHOOK_SECRET
    return value[:TEXT_MAX] + " ..." if isinstance(value, str) and len(value) > TEXT_MAX else value


def main() -> None:
    """Write them."""
    with tempfile.TemporaryDirectory() as folder, Served(Path(folder), policy=STARTER) as service:
        found = play(service)
    wrong = {name: got.body for name, (_, got) in found.items() if got.status != 200}
    told = {name: written(name, got.json) for name, (one, got) in found.items() if is_told(one) and name not in wrong}
    WRITTEN.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    if wrong:
        raise SystemExit(f"not answered with 200, so not written: {wrong}")


if __name__ == "__main__":
    main()

"""What Schemathesis loads (SCHEMATHESIS_HOOKS): after each refused call the database is as it was before.

The environment names the database (WATCHED), the administrator's key (ROOT) and where the report goes (REPORT).
"""

from __future__ import annotations

import atexit
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import requests
import schemathesis

from spillover.http_api.table import ENDPOINTS
from spillover.model.event import Event
from tests.http_api.standing_still import Watch

watch = Watch(Path(os.environ["WATCHED"]))
root = os.environ["ROOT"]
statuses: Counter[int] = Counter()
seen: Counter[str] = Counter()
verdicts: dict[str, list[str]] = {}
overtaken: list[str] = []
FINAL = ("accounts/erase", "accounts/suspend", "accounts/put", "accounts/plan")
"""After these an account may be gone, or denied everything: then the calls to come would find nothing to do."""
FOLLOWS = {
    "holds/open": ("holds/extend", "opened", "holds/commit", "holds/release"),
    "consume": ("refund",),
    "record": ("refund",),
}
"""What can be called with the account and the key of another call: beside what the table itself borrows."""


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: dict[str, Any]) -> None:
    """Which answer leads to which call, for the stateful phase."""
    for endpoint in ENDPOINTS:
        for field, where in endpoint.borrows.items():
            path, _, place = where.partition(" ")
            link(raw_schema, path, endpoint.path, {field: f"$response.body#/{place.replace('.', '/')}"})
    for path, others in FOLLOWS.items():
        for other in others:
            key = "event_key" if other == "refund" else "key"
            link(raw_schema, path, other, {"account": "$response.body#/account", key: "$response.body#/key"})


def link(document: dict[str, Any], path: str, other: str, fields: dict[str, str]) -> None:
    """One call's answer gives fields of another."""
    by_path = {endpoint.path: endpoint for endpoint in ENDPOINTS}
    begun, goes_on = (document["paths"][by_path[name].url][by_path[name].method.lower()] for name in (path, other))
    what = {"parameters": fields} if by_path[other].method == "GET" else {"requestBody": fields}
    name = other.replace("/", "_")
    begun["responses"]["200"].setdefault("links", {})[name] = {"operationId": goes_on["operationId"], **what}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """The key that all calls are made with stays."""
    if isinstance(case.body, dict) and case.body.get("id") == root.split("_")[1]:
        case.body["id"] = "abcdefgh2345"
    watch.begin(stay=case.operation.path != "/v1/accounts/erase")  # it cuts the log: no name may be left there


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Look at once: checks make calls of their own."""
    statuses[response.status_code] += 1
    seen[case.operation.label] += 1
    if response.status_code >= 300:
        changed = watch.changed()
        if changed and (came := watch.came()) and all(is_due(one) for one in came):
            overtaken.append(f"{case.operation.label}: {[one.kind for one in came]}")
        elif changed:
            verdicts[case.id] = changed
    elif case.operation.path.removeprefix("/v1/") in FINAL:
        restore(case.operation.base_url or context.operation.base_url)


def is_due(event: Event) -> bool:
    """Whether it came about by itself: a hold that ended, or lots that did."""
    return event.kind == "expire" or bool(event.moves and all(one.kind == "expire" for one in event.moves))


def restore(base: str) -> None:
    """The accounts of the examples are there, and are denied nothing."""
    for account in ("acme", "other"):
        asked = {"account": account, "plan": "starter", "state": "active"}
        requests.post(f"{base}/v1/accounts/put", json=asked, headers={"Authorization": f"Bearer {root}"}, timeout=60)


@schemathesis.check
def a_refused_call_changes_nothing(ctx: Any, response: Any, case: Any) -> None:
    """All tables are as before, but the log of what administrators tried."""
    changed = verdicts.pop(case.id, None)
    if changed:
        raise AssertionError(f"status {response.status_code}, and these tables changed: {', '.join(changed)}")


@atexit.register
def report() -> None:
    """For the test that started this."""
    told = {
        "statuses": statuses, "operations": seen, "compared": watch.compared, "overtaken": overtaken,
        "left": verdicts,
    }  # fmt: skip
    Path(os.environ["REPORT"]).write_text(json.dumps(told))

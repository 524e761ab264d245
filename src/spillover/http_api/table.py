"""The one table of endpoints, in an order in which the examples can be made one after the other."""

from __future__ import annotations

from spillover.http_api import (
    verbs_about,
    verbs_events,
    verbs_holds,
    verbs_notices,
    verbs_office,
    verbs_orders,
    verbs_packs,
    verbs_policies,
    verbs_proof,
    verbs_reports,
    verbs_requests,
    verbs_stripe,
    verbs_topups,
)
from spillover.http_api.endpoint import Endpoint
from spillover.http_api.problems import Refused

ENDPOINTS: tuple[Endpoint, ...] = (
    *verbs_orders.ROWS,
    *verbs_packs.ROWS,
    *verbs_topups.ROWS,
    *verbs_requests.ROWS,
    *verbs_events.ROWS,
    *verbs_holds.ROWS,
    *verbs_about.ROWS,
    verbs_requests.REFUND,
    *verbs_reports.ROWS,
    *verbs_proof.ROWS,
    *verbs_policies.ROWS,
    *verbs_notices.ROWS,
    *verbs_office.ROWS,
    *verbs_orders.LAST,
    *verbs_about.ABOUT,
    *verbs_office.KEYS,
)
HOOKS: tuple[Endpoint, ...] = verbs_stripe.ROWS
"""What others call by themselves, opened by their own signature: in no document, as no caller can call it."""

_ALL = (*ENDPOINTS, *HOOKS)
_BY_PLACE: dict[tuple[str, str], Endpoint] = {(endpoint.method, endpoint.url): endpoint for endpoint in _ALL}
_METHODS: dict[str, list[str]] = {}
for _endpoint in _ALL:
    _METHODS.setdefault(_endpoint.url, []).append(_endpoint.method)


def find(method: str, path: str) -> Endpoint:
    """The endpoint of a request. Raises Refused where there is none."""
    found = _BY_PLACE.get((method, path))
    if found is not None:
        return found
    if method == "HEAD" and (found := _BY_PLACE.get(("GET", path))):
        return found
    if path in _METHODS:
        allowed = ", ".join(_METHODS[path])
        detail = f"method: found {method[:16]}, expected {allowed} for {path}"
        raise Refused("method-not-allowed", detail, "", (("allow", allowed),))
    raise Refused("no-such-path", f"path: found {path[:120]}, expected one of those in /openapi.json")

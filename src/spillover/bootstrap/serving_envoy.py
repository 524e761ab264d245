"""Envoy's rate limit service beside the one over HTTP: the same engine, the same keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spillover.http_api.endpoint import Heads
from spillover.http_api.gate import require_bounds
from spillover.http_api.problems import Refused
from spillover.http_api.service import Service
from spillover.http_api.table import find
from spillover.model.errors import InvalidInput

if TYPE_CHECKING:
    from spillover.grpc_api.server import Listening
    from spillover.grpc_api.service import Admit

CODES = {"unauthorized": "UNAUTHENTICATED", "forbidden": "PERMISSION_DENIED"}


async def listen_for_envoy(service: Service, options: Mapping[str, Any]) -> Listening:
    """Start it by the options of `serving_options`. Raises InvalidInput without the extra, StoreUnavailable."""
    for module in ("grpc", "envoy"):
        if find_spec(module) is None:
            expected = "the extra envoy: pip install 'spillover[envoy]', or '.[envoy]' in a checkout"
            raise InvalidInput("--envoy", f"no {module} installed", expected)
    from spillover.grpc_api.asking import Convention
    from spillover.grpc_api.server import listen
    from spillover.grpc_api.service import RateLimits

    features = options["envoy_features"] or {}
    for feature in features.values():
        if feature not in service.access.policy.features:
            raise InvalidInput("--envoy-features", repr(feature), "features of the policy")

    convention = Convention(options["envoy_account"], features)
    rate_limits = RateLimits(service.access, service.desk, convention, _admit(service))
    return await listen(rate_limits, options["envoy"], shared=options["share_port"] == "yes")


def _admit(service: Service) -> Admit:
    from spillover.grpc_api.service import NotLetIn

    endpoint = find("POST", "/v1/consume")

    async def admit(metadata: Mapping[str, str], about: Sequence[tuple[str, str]]) -> None:
        # Pages in a browser cannot speak gRPC, so there is no host to be checked as over HTTP.
        given = {"authorization": metadata.get("authorization"), "host": "localhost"}
        try:
            caller = await service.gate.caller(endpoint, Heads(given.get, list))
            for account, feature in about:
                require_bounds(endpoint, caller, _About(account, feature))
        except Refused as refused:
            raise NotLetIn(CODES.get(refused.name, "INTERNAL"), refused.detail) from None

    return admit


class _About:
    """What a key's bounds are compared with."""

    def __init__(self, account: str, feature: str) -> None:
        self.account, self.feature = account, feature

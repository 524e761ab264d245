"""Spillover: may this request pass, and who pays? One waterfall over rate limits, gifted units, credits and overage.

    access = spillover.connect("sqlite:///app.db", policy="policy.yaml")
    decision = access.consume("acme", "codex.messages", subject="ada", key=request_id)

Names are imported when they are first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spillover import openai as openai
    from spillover.access.asynchronous import AsyncAccess as AsyncAccess
    from spillover.access.clock import TurnableClock as TurnableClock
    from spillover.access.desk import Explanation as Explanation
    from spillover.access.plain import Access as Access
    from spillover.access.requests import Asked as Asked
    from spillover.bootstrap.connect import connect as connect
    from spillover.bootstrap.connect import connect_async as connect_async
    from spillover.engine.answers import Decision as Decision
    from spillover.engine.answers import Denial as Denial
    from spillover.engine.answers import Ending as Ending
    from spillover.engine.orders import Ordered as Ordered
    from spillover.engine.orders import Reversed as Reversed
    from spillover.engine.overview import Overview as Overview
    from spillover.engine.reading import Balance as Balance
    from spillover.http_client.admit import Admit as Admit
    from spillover.model.errors import BoundExceeded as BoundExceeded
    from spillover.model.errors import Contended as Contended
    from spillover.model.errors import Denied as Denied
    from spillover.model.errors import HoldEnded as HoldEnded
    from spillover.model.errors import InvalidInput as InvalidInput
    from spillover.model.errors import KeyReused as KeyReused
    from spillover.model.errors import NotSettled as NotSettled
    from spillover.model.errors import PolicyError as PolicyError
    from spillover.model.errors import SpilloverError as SpilloverError
    from spillover.model.errors import StoreError as StoreError
    from spillover.model.errors import UnknownName as UnknownName
    from spillover.model.policy import Policy as Policy
    from spillover.policy import read_policy as read_policy
    from spillover.ports import Refunded as Refunded

_HOMES = {
    "Access": "spillover.access.plain",
    "Admit": "spillover.http_client.admit",
    "Asked": "spillover.access.requests",
    "AsyncAccess": "spillover.access.asynchronous",
    "Balance": "spillover.engine.reading",
    "BoundExceeded": "spillover.model.errors",
    "Contended": "spillover.model.errors",
    "Decision": "spillover.engine.answers",
    "Denial": "spillover.engine.answers",
    "Denied": "spillover.model.errors",
    "Ending": "spillover.engine.answers",
    "Explanation": "spillover.access.desk",
    "HoldEnded": "spillover.model.errors",
    "InvalidInput": "spillover.model.errors",
    "KeyReused": "spillover.model.errors",
    "NotSettled": "spillover.model.errors",
    "Ordered": "spillover.engine.orders",
    "Overview": "spillover.engine.overview",
    "Policy": "spillover.model.policy",
    "PolicyError": "spillover.model.errors",
    "Refunded": "spillover.ports",
    "Reversed": "spillover.engine.orders",
    "SpilloverError": "spillover.model.errors",
    "StoreError": "spillover.model.errors",
    "TurnableClock": "spillover.access.clock",
    "UnknownName": "spillover.model.errors",
    "connect": "spillover.bootstrap.connect",
    "connect_async": "spillover.bootstrap.connect",
    "read_policy": "spillover.policy",
}

_MODULES = ("litellm", "openai")
"""Modules that are named without importing them, as in `spillover.openai.wrap(...)`."""

__version__ = "0.1.0"

__all__ = list(_HOMES)  # each is a string


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module's attributes have no one type
    if name in _MODULES:
        return import_module(f"spillover.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'spillover' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

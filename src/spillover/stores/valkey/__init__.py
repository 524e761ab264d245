"""The hot state and the streams in Valkey or Redis."""

from spillover.stores.valkey.checks import NodeFacts
from spillover.stores.valkey.hot import ValkeyHotStore

__all__ = ["NodeFacts", "ValkeyHotStore"]

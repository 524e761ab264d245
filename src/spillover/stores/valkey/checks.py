"""What a server must be set to, for the durability mode to keep what it promises (design, section 6)."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from spillover.model.errors import StoreUnavailable, WrongSettings
from spillover.ports import Durability

OLDEST = (6, 2)
CONFIG = ("appendonly", "appendfsync", "maxmemory-policy", "cluster-require-full-coverage")
"""What is asked by CONFIG GET, one at a time: older servers take one name."""


class NodeFacts(Struct, frozen=True):
    """One server, as it said when it was asked. `memory` and `memory_max` are bytes; 0: no bound is set.

    `replicas`: how many are attached; `needs_replicas`: without one it takes no writes. `run_id` changes when it is
    restarted. Where the server's owner forbids CONFIG, `unchecked` names what could not be read, and stands as "" here.
    """

    node: str
    version: str
    run_id: str
    role: str
    replicas: int
    memory: int
    memory_max: int
    aof: bool
    aof_healthy: bool
    appendfsync: str
    policy: str
    loading: bool
    cluster: bool
    full_coverage: str
    unchecked: tuple[str, ...] = ()
    needs_replicas: bool = False


def facts_of(node: str, info: Mapping[str, str], config: Mapping[str, str | None]) -> NodeFacts:
    """From INFO and CONFIG GET; None for a setting that may not be read."""
    policy, fsync = config["maxmemory-policy"], config["appendfsync"]
    if policy is None:
        policy = info.get("maxmemory_policy")
    unchecked = [name for name, value in (("appendfsync", fsync), ("maxmemory-policy", policy)) if value is None]
    if "aof_enabled" not in info and config["appendonly"] is None:
        unchecked.append("appendonly")
    return NodeFacts(
        node=node,
        version=info.get("valkey_version") or info.get("redis_version", ""),
        run_id=info.get("run_id", ""),
        role=info.get("role", ""),
        replicas=int(info.get("connected_slaves", "0")),
        memory=int(info.get("used_memory", "0")),
        memory_max=int(info.get("maxmemory", "0")),
        aof=info.get("aof_enabled") == "1" or config["appendonly"] == "yes",
        aof_healthy=info.get("aof_last_write_status", "ok") == "ok",
        appendfsync=fsync or "",
        policy=policy or "",
        loading=info.get("loading", "0") != "0",
        cluster=info.get("cluster_enabled") == "1",
        full_coverage=config["cluster-require-full-coverage"] or "",
        unchecked=tuple(unchecked),
        needs_replicas="min_slaves_good_slaves" in info,  # told only where min-replicas-to-write is set
    )


def require(facts: NodeFacts, redis_version: str, durability: Durability, *, cluster: bool) -> None:
    """Raises WrongSettings with the command that mends it; StoreUnavailable for a server that only follows another.

    Where CONFIG is forbidden, `fast` goes by what INFO says and leaves the rest unchecked; `strict` is refused, because
    nothing then tells that what is answered is synced.
    """
    node, unchecked = facts.node, facts.unchecked
    if tuple(int(part) for part in redis_version.split(".")[:2] if part.isdecimal()) < OLDEST:
        raise WrongSettings(f"{node}: found version {facts.version or 'unknown'}, expected Redis 6.2 or any Valkey")
    if facts.role not in ("master", ""):
        raise StoreUnavailable(f"{node}: found a replica, expected a primary; connect to the one that takes writes")
    if facts.cluster != cluster:
        found, wanted = ("a node of a cluster", "valkey+cluster://") if facts.cluster else ("one server", "valkey://")
        raise WrongSettings(f"{node}: found {found}, expected what the address says; write the address as {wanted}...")
    if facts.policy != "noeviction" and "maxmemory-policy" not in unchecked:
        raise _wrong(node, "maxmemory-policy", facts.policy, ("noeviction",), "nothing is forgotten to make room")
    if not facts.aof and "appendonly" not in unchecked:
        raise _wrong(node, "appendonly", "no", ("yes",), "what was answered outlives a restart")
    allowed = ("always",) if durability == "strict" else ("everysec", "always")
    if "appendfsync" in unchecked:
        if durability == "strict":
            raise WrongSettings(
                f"{node}: found that CONFIG GET is forbidden, expected to read appendfsync, which durability strict"
                " depends on; allow CONFIG GET to this user, or connect with durability fast"
            )
    elif facts.appendfsync not in allowed:
        raise _wrong(node, "appendfsync", facts.appendfsync, allowed, f"durability {durability} keeps its promise")


def _wrong(node: str, name: str, found: str, expected: tuple[str, ...], why: str) -> WrongSettings:
    return WrongSettings(
        f"{node}: found {name} {found or 'unset'}, expected {' or '.join(expected)}, so that {why}; run"
        f" CONFIG SET {name} {expected[0]} and CONFIG REWRITE, or write `{name} {expected[0]}` in its configuration"
    )

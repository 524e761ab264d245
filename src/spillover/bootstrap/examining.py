"""A look at what a rung stands on: disk, memory, clocks, settings of its servers; then at the engine itself."""

from __future__ import annotations

import os
import shutil
import time

from spillover.bootstrap.addresses import Address, address_of, safe
from spillover.bootstrap.rungs import open_rung
from spillover.core.decide import TOLERANCE
from spillover.engine.drive import drive
from spillover.engine.examining import examine
from spillover.model.errors import InvalidInput, SpilloverError
from spillover.model.health import Level, Sign

TIMEOUT_MS = 10_000
DISK_WATCH, DISK_ACT = 0.15, 0.05
"""Parts of a disk that are free."""
MEMORY_WATCH, MEMORY_ACT = 0.7, 0.9
"""Parts of a server's memory that are used."""
LOG_WATCH = 256 * 2**20
"""Bytes of a SQLite log: longer means that someone has been reading for long."""


def doctor(url: str) -> list[Sign]:
    """Look at everything behind an address, and say of each thing how it stands. Nothing is written.

    A server that cannot be reached, or is set wrongly, is a sign like others. Raises InvalidInput for the address.
    """
    address = address_of(url)
    if address.kind == "memory":
        raise InvalidInput("address", repr(url), "sqlite:///FILE or a server; what is in memory ends with its program")
    found = [Sign("address", safe(url).strip("'\""))]
    try:
        found += _ground(address)
        rung = open_rung(address, "fast", TIMEOUT_MS)
        try:
            if address.kind == "valkey":
                found += _valkey(rung.store)
            found += drive(examine(rung.store, rung.ledger, time.time_ns() // 1_000_000))
        finally:
            rung.close()
    except SpilloverError as error:
        found.append(Sign("store", str(error), "act"))
    return found


def _ground(address: Address) -> list[Sign]:
    if address.path is not None:
        return _file(address.path)
    from spillover.postgres.facts import facts_of

    facts = facts_of(address.books, TIMEOUT_MS)
    signs = [
        Sign("PostgreSQL", f"{facts.version}, {facts.size / 2**20:,.0f} MiB in this database"),
        _clock("PostgreSQL's clock", facts.ahead_ms),
        _strict("PostgreSQL durability", facts.unsafe),
        _share("connections", facts.connections, facts.connections_max, "raise max_connections, or run fewer engines"),
    ]
    if facts.dead > max(1_000_000, 4 * facts.live):
        advice = "VACUUM spillover_hot.stream"
        signs.append(Sign("dead rows of the stream", f"{facts.dead:,} beside {facts.live:,}", "watch", advice))
    return signs


def _file(path: str) -> list[Sign]:
    real = os.path.realpath(path)
    disk = shutil.disk_usage(os.path.dirname(real) or ".")
    part = disk.free / disk.total
    found = f"{disk.free / 2**30:,.1f} GiB free ({part:.0%})"
    level: Level = "act" if part < DISK_ACT else "watch" if part < DISK_WATCH else "fine"
    signs = [Sign("disk", found, level, "" if level == "fine" else f"df -h {os.path.dirname(real)}")]
    log = os.path.getsize(f"{real}-wal") if os.path.exists(f"{real}-wal") else 0
    if log > LOG_WATCH:
        advice = "end what has been reading the file for long"
        signs.append(Sign("log", f"{log / 2**20:,.0f} MiB not copied into the file", "watch", advice))
    return signs


def _valkey(store: object) -> list[Sign]:
    from spillover.stores.valkey import ValkeyHotStore

    assert isinstance(store, ValkeyHotStore)
    signs = []
    for node in store.facts():
        replicas = f", {node.replicas} replicas" if node.replicas else ", no replica"
        fsync = f", appendfsync {node.appendfsync or 'unknown'}"
        signs.append(Sign(f"Valkey {node.node}", f"{node.version}{replicas}{fsync}"))
        if node.memory_max:
            advice = "raise maxmemory, or add nodes"
            signs.append(_share(f"memory of {node.node}", node.memory, node.memory_max, advice, mib=True))
        else:
            used = f"{node.memory / 2**20:,.0f} MiB used, without a bound"
            signs.append(Sign(f"memory of {node.node}", used, "watch", "CONFIG SET maxmemory, below what it has"))
        if not node.aof_healthy:
            signs.append(Sign(f"log of {node.node}", "the last write failed", "act", "INFO persistence, and its disk"))
        if node.unchecked:
            signs.append(Sign(f"settings of {node.node}", f"not to be read: {', '.join(node.unchecked)}", "watch"))
    return signs


def _clock(what: str, ahead_ms: int) -> Sign:
    if abs(ahead_ms) <= TOLERANCE // 4:
        return Sign(what, f"within {abs(ahead_ms)} ms of this machine's")
    level: Level = "act" if abs(ahead_ms) > TOLERANCE else "watch"
    direction = "ahead of" if ahead_ms > 0 else "behind"
    return Sign(what, f"{abs(ahead_ms):,} ms {direction} this machine's", level, "chronyc tracking, on both")


def _strict(what: str, unsafe: str) -> Sign:
    if not unsafe:
        return Sign(what, "fsync and full_page_writes on")
    return Sign(what, f"{unsafe} is off", "act", f"ALTER SYSTEM SET {unsafe} = on; SELECT pg_reload_conf();")


def _share(what: str, used: int, most: int, advice: str, *, mib: bool = False) -> Sign:
    part = used / most if most else 0.0
    found = f"{used / 2**20:,.0f} of {most / 2**20:,.0f} MiB" if mib else f"{used:,} of {most:,}"
    if part < MEMORY_WATCH:
        return Sign(what, found)
    return Sign(what, found, "act" if part >= MEMORY_ACT else "watch", advice)

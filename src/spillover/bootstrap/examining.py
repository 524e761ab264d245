"""A look at what a rung stands on: disk, memory, clocks, settings of its servers; then at the engine itself.

It comes before any opening, which would make or upgrade what it finds: what is not there, or is of another version, is
a sign, and what stands on it is not looked at.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from importlib.util import find_spec

from spillover.bootstrap.accepting import Accepted
from spillover.bootstrap.addresses import Address, address_of, safe
from spillover.bootstrap.examining_journals import journal_signs
from spillover.bootstrap.examining_notices import notices_signs
from spillover.bootstrap.rungs import open_rung
from spillover.core.decide import RULES, TOLERANCE
from spillover.core.shards import SHARDS
from spillover.engine.drive import drive
from spillover.engine.examining import examine
from spillover.model.errors import InvalidInput, SpilloverError, WrongSettings
from spillover.model.health import Level, Sign

TIMEOUT_MS = 5_000
DISK_WATCH, DISK_ACT = 0.15, 0.05
"""Parts of a disk that are free."""
MEMORY_WATCH, MEMORY_ACT = 0.7, 0.9
"""Parts of a server's memory, or of its connections, that are used."""
MEMORY_ROOM = 2
"""How many times what is used a bound should be that is advised: at half of it there is room to notice and to act."""
MEMORY_STEP = 64
"""MiB; a bound that is advised is a multiple."""
MACHINE_PART = 0.6
"""How much of a machine's memory a bound may take, as the log is written anew in a copy of the process."""
LOG_WATCH = 256 * 2**20
"""Bytes of a SQLite log: longer means that someone has been reading for long."""
DEAD_WATCH = 1_000_000
"""Dead rows of PostgreSQL's stream, if they are also four times the living: autovacuum does not keep up."""
PAUSE_SECONDS = 0.5
"""Between two looks at the accounts that are shut: a rebuild takes some milliseconds for each."""
CREATE = "spillover policy publish policy.yaml --create"
REACH = "check that it runs, and address and network"
SETTLE, FOLLOW = "spillover settle", "spillover settle --follow"


def doctor(url: str, journals: Sequence[str] = ()) -> list[Sign]:
    """Look at everything behind an address, and say of each thing how it stands. Nothing is written.

    `journals`: files of what was admitted in outages. What is not there, cannot be reached or is set wrongly is a sign
    like others. Raises InvalidInput for the address.
    """
    address = address_of(url)
    if address.kind == "memory":
        raise InvalidInput("address", repr(url), "sqlite:///FILE or a server; what is in memory ends with its program")
    signs = [Sign("address", safe(url).strip("'\""))]
    ready = True
    for what, look in (("books", _books), ("hot state", _hot)):
        try:
            found, whole = look(address)
            signs += found
            ready = ready and whole
        except SpilloverError as error:
            signs.append(_trouble(what, error))
            ready = False
    if ready:
        try:
            signs += _engine(address)
        except SpilloverError as error:
            # What is set wrongly otherwise was told above: here it is a hot state that the books do not go with.
            signs.append(_trouble("hot state" if isinstance(error, WrongSettings) else "database", error))
            ready = False
    now = time.time_ns() // 1_000_000
    return signs + journal_signs(journals, address if ready else None, now, TIMEOUT_MS)


def _engine(address: Address) -> list[Sign]:
    rung, accepted = open_rung(address, "fast", TIMEOUT_MS, bind="look"), Accepted(address, TIMEOUT_MS)
    try:
        now = time.time_ns() // 1_000_000
        signs = drive(examine(rung.store, rung.ledger, now, lambda: time.sleep(PAUSE_SECONDS), accepted))
    finally:
        rung.close()
    return signs + notices_signs(address, now, TIMEOUT_MS)


def _require(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise InvalidInput("address", f"no {module} installed", f"its driver; pip install 'spillover[{extra}]'")


def _trouble(what: str, error: SpilloverError) -> Sign:
    """An error's own words, with what to do apart; what it says of keys is for callers of an engine."""
    found, _, advice = str(error).rpartition("; ")
    if not found:
        return Sign(what, advice, "act")
    advice = advice.removesuffix(", then send the same keys again")
    again = advice.endswith(("send the same again", "then do the same again: a request's key decides"))
    return Sign(what, found, "act", REACH if again else advice)


def _books(address: Address) -> tuple[list[Sign], bool]:
    """What is told of the books' ground, and whether the books can be opened with nothing made or upgraded."""
    if address.path is not None:
        return _file(address.path)
    _require("psycopg", "postgres")
    from spillover.ledgers.postgres.binding import HERE, refused_here
    from spillover.postgres.facts import facts_of
    from spillover.postgres.faults import parameters, shown
    from spillover.postgres.health import health_of

    facts = facts_of(address.books, TIMEOUT_MS)
    signs = [
        Sign("PostgreSQL", f"{facts.version}, {facts.size / 2**20:,.0f} MiB in this database"),
        _clock("PostgreSQL's clock", facts.ahead_ms),
        _strict("PostgreSQL durability", facts.unsafe),
        _share("connections", facts.connections, facts.connections_max, "raise max_connections, or run fewer engines"),
    ]
    if facts.dead > max(DEAD_WATCH, 4 * facts.live):
        advice = "VACUUM spillover_hot.stream"
        signs.append(Sign("dead rows of the stream", f"{facts.dead:,} beside {facts.live:,}", "watch", advice))
    health = health_of(address.books, TIMEOUT_MS)
    if address.kind == "postgres" and health.hot_store not in ("", HERE):
        # What else this address lacks is not told: opening it would make it, and must not.
        return [*signs, _trouble("hot state", refused_here(shown(parameters(address.books)), health.hot_store))], False
    signs += _schema(address, health.versions)
    if health.lacking:
        found = f"the login may not become {', '.join(health.lacking)}"
        signs.append(Sign("roles", found, "act", f"GRANT {', '.join(health.lacking)} TO the login"))
    whole = not any(sign.level != "fine" for sign in signs if sign.what in ("schema", "roles"))
    if whole:
        signs.append(_settlers(health.settlers, health.claimed))
    return signs, whole


def _file(path: str) -> tuple[list[Sign], bool]:
    from spillover.sqlite.versions import versions_of

    real = os.path.realpath(path)
    if not os.path.exists(real) or (os.path.isfile(real) and not os.path.getsize(real)):
        found = f"an empty file at {path}" if os.path.exists(real) else f"no file at {path}"
        return [Sign("schema", found, "act", CREATE)], False
    disk = shutil.disk_usage(os.path.dirname(real))
    part = disk.free / disk.total
    level: Level = "act" if part < DISK_ACT else "watch" if part < DISK_WATCH else "fine"
    advice = "" if level == "fine" else f"df -h {os.path.dirname(real)}"
    signs = [Sign("disk", f"{disk.free / 2**30:,.1f} GiB free ({part:.0%})", level, advice)]
    log = os.path.getsize(f"{real}-wal") if os.path.exists(f"{real}-wal") else 0
    if log > LOG_WATCH:
        advice = "end what has been reading the file for long"
        signs.append(Sign("log", f"{log / 2**20:,.0f} MiB not copied into the file", "watch", advice))
    schema = _schema(Address("sqlite", path), versions_of(real))
    return [*signs, *schema], all(sign.level == "fine" for sign in schema)


def _schema(address: Address, found: dict[str, int]) -> list[Sign]:
    """How far the database has come, beside this program: older ones refuse a newer one's, newer ones upgrade it."""
    if not found:
        return [Sign("schema", "no tables of Spillover", "act", CREATE)]
    wanted = _wanted(address)
    newer = [f"{name} {found[name]} (known: {most})" for name, most in wanted.items() if found.get(name, 0) > most]
    older = [f"{name} {found.get(name, 0)} of {most}" for name, most in wanted.items() if found.get(name, 0) < most]
    if newer:
        advice = "use the version of Spillover that upgraded this database, or a newer one"
        return [Sign("schema", f"newer than this program: {', '.join(newer)}", "act", advice)]
    if older:
        said = f"older than this program: {', '.join(older)}; the rest is not looked at, as opening it upgrades it"
        return [Sign("schema", said, "watch", SETTLE)]
    return [Sign("schema", ", ".join(f"{name} {version}" for name, version in wanted.items()))]


def _wanted(address: Address) -> dict[str, int]:
    """Component -> the version that this program knows, of those behind the address."""
    if address.path is not None:
        from spillover.ledgers.sqlite.opening import LEDGER as FILE_LEDGER
        from spillover.stores.sqlite.hot import HOT as FILE_HOT

        return {"ledger": FILE_LEDGER.version, "hot": FILE_HOT.version, "rules": RULES}
    from spillover.ledgers.postgres.desks import LEDGER

    wanted = {"ledger": LEDGER.version, "rules": RULES}
    if address.kind == "postgres":
        from spillover.stores.postgres.hot import HOT

        wanted["hot"] = HOT.version
    return wanted


def _settlers(alive: int, claimed: int) -> Sign:
    found = f"{alive} alive, {claimed} of {SHARDS} shards taken"
    if claimed == SHARDS:
        return Sign("settlers", found)
    return Sign("settlers", found, "watch", FOLLOW)


def _hot(address: Address) -> tuple[list[Sign], bool]:
    """What is told of servers that have the hot state alone."""
    if address.kind != "valkey":
        return [], True
    _require("redis", "valkey")
    from spillover.stores.valkey import ValkeyHotStore

    store = ValkeyHotStore(address.hot, "fast", booked=lambda *_: None, timeout_ms=TIMEOUT_MS)
    try:
        facts, clocks = store.facts(), store.clocks()
    finally:
        drive(store.close())
    signs = []
    for node in facts:
        signs.append(_followed(node.node, node.version, node.replicas, node.needs_replicas))
        signs.append(_synced(node.node, node.appendfsync, node.unchecked))
        signs.append(_memory(node.node, node.memory, node.memory_max))
        signs.append(_clock(f"clock of {node.node}", clocks.get(node.node, 0)))
        if not node.aof_healthy:
            signs.append(Sign(f"log of {node.node}", "the last write failed", "act", "INFO persistence, and its disk"))
    return signs, True


def _followed(node: str, version: str, replicas: int, needs_replicas: bool) -> Sign:
    """Who loses sight of all replicas may be cut off, and another be made primary: what it answers then is lost."""
    what, some = f"Valkey {node}", f"{replicas} replica{'s' if replicas > 1 else ''}"
    if not replicas:
        return Sign(what, f"{version}, no replica")
    if needs_replicas:
        return Sign(what, f"{version}, {some}")
    advice = "CONFIG SET min-replicas-to-write 1 and CONFIG REWRITE"
    return Sign(what, f"{version}, {some}; cut off from all, it would go on accepting", "watch", advice)


def _synced(node: str, appendfsync: str, unchecked: tuple[str, ...]) -> Sign:
    what = f"durability of {node}"
    if unchecked:
        return Sign(what, f"not to be read: {', '.join(unchecked)}", "watch", "allow CONFIG GET to this user")
    if appendfsync == "always":
        return Sign(what, "appendfsync always")
    advice = "CONFIG SET appendfsync always and CONFIG REWRITE, unless engines are fast"
    return Sign(what, f"appendfsync {appendfsync}, enough for fast alone", "watch", advice)


def _memory(node: str, used: int, most: int) -> Sign:
    what = f"memory of {node}"
    if most:
        return _share(what, used, most, f"{_bound(used)}; or add nodes", mib=True)
    found = f"{used / 2**20:,.0f} MiB used, without a bound"
    return Sign(what, found, "watch", _bound(used))


def _bound(used: int) -> str:
    """The commands that set a bound with room for what is used (bytes), and the machine that it takes."""
    mib = -(-used * MEMORY_ROOM // (MEMORY_STEP * 2**20)) * MEMORY_STEP
    machine = mib / MACHINE_PART / 1024
    return f"CONFIG SET maxmemory {mib}mb and CONFIG REWRITE, on a machine of {machine:,.1f} GiB or more"


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

"""`connect` and `connect_async`: from an address and a policy to the verbs."""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from spillover.access.beside import Beside
from spillover.access.clock import Clock, system_clock
from spillover.access.desk import Desk
from spillover.access.plain import Access
from spillover.access.settler import Settler
from spillover.bootstrap.opening import Wanted, policy_to_open_with
from spillover.bootstrap.publishing import succession_of
from spillover.core.intake import TIME_MAX, TIME_MIN
from spillover.engine.drive import drive
from spillover.engine.pushing import push_terms
from spillover.engine.settlement import Progress, Settling
from spillover.model.errors import InvalidInput, shown
from spillover.model.policy import Policy
from spillover.ports import Durability, HotStore, Ledger
from spillover.sqlite.claim import Claim

if TYPE_CHECKING:
    from spillover.access.asynchronous import Opening
    from spillover.compare.shadow import Shadow

TEND_SECONDS = 1.0
"""How often an open engine sees to what falls due."""
SCHEMES = "memory:// or sqlite:///FILE"
CLOCK = "a whole number of milliseconds since 1970, from the years 2020 to 2035"


def connect(
    url: str = "sqlite:///spillover.db", *, policy: str | os.PathLike[str] | Policy | None = None,
    durability: Durability = "strict", clock: Clock | None = None, settle: bool = True, tend: bool = True,
    shadow: str | os.PathLike[str] | Policy | None = None, force: bool = False,
) -> Access:  # fmt: skip
    """Open an engine: `sqlite:///app.db` (beside the program), `sqlite:////var/app.db`, or `memory://` for tests.

    `policy`: a file or a policy read before; one that is new to the database is published. One that was published here
    before and is not in force is not published again: what is in force decides, and a warning is logged (logger
    "spillover"). Left out, the one in force decides. `durability`: "strict" answers after the decision is durable.
    "fast" answers before: a killed process loses nothing, a power loss what was answered since settlement last caught
    up (0.05 s after a pause). `clock` gives milliseconds since 1970; turn your own in tests. `settle`: book in the
    background while open, and see to what falls due (`tend`): holds expire, lots end, gifts come, plans change.
    `shadow`: another policy, that is given each decision too and only reports (`Access.shadow`). `force`: publish the
    policy also where it was replaced before, leaves behind plans or features in use, or replaces what is scheduled.
    Raises PolicyError, InvalidInput, StoreError.
    """
    now = _whole(system_clock if clock is None else clock)
    now()  # before anything is made
    path = path_of(url)
    if durability not in ("strict", "fast"):
        raise InvalidInput("durability", repr(durability), '"strict" or "fast"')
    wanted, other = _read(policy), _read(shadow, "shadow")
    if wanted is None and path is not None and not os.path.exists(path):
        raise _no_policy(url)
    store, ledger = _memory() if path is None else _file(path, durability)
    try:
        succession = succession_of(ledger)
        given = None if wanted is None else Wanted(wanted, _file_named(policy), force)
        decides = drive(policy_to_open_with(given, ledger, now(), _read_document, succession))
        if decides is None:
            raise _no_policy(url)
        desk = Desk(decides, store, ledger, now, _read_document)
        desk.policies.succession = succession
        drive(desk.policies.learn(now()))
        drive(push_terms(store, ledger, now=now()))
    except BaseException:
        drive(store.close())
        drive(ledger.close())
        raise
    access = Access(desk)
    if other is not None:
        access.watched_by(Beside(_shadow_of(other), store))
    if settle:
        access.settle_with(_own_settler(path, access, tend) if path else _shared_settler(access, tend))
    return access


def connect_async(
    url: str = "sqlite:///spillover.db", *, policy: str | os.PathLike[str] | Policy | None = None,
    durability: Durability = "strict", clock: Clock | None = None, settle: bool = True, tend: bool = True,
    shadow: str | os.PathLike[str] | Policy | None = None, force: bool = False,
) -> Opening:  # fmt: skip
    """The same engine for asynchronous code: `async with connect_async(...) as access`, or await it. See `connect`."""
    from spillover.access.asynchronous import Opening

    options: dict[str, Any] = {
        "policy": policy, "durability": durability, "clock": clock, "settle": settle, "tend": tend, "shadow": shadow,
        "force": force,
    }  # fmt: skip
    return Opening(partial(connect, url, **options))


def create(url: str, policy: Policy, *, reason: str = "", actor: str = "", clock: Clock = system_clock) -> bool:
    """Make the database behind an address, with a policy in force, unless it has one already; whether it was made.

    Raises InvalidInput for an address that is none or has no file, StoreError.
    """
    path = path_of(url)
    if path is None:
        raise InvalidInput("address", repr(url), "sqlite:///FILE; what is in memory ends with its program")
    now = _whole(clock)()
    store, ledger = _file(path, "strict")
    try:
        if drive(ledger.publications()):
            return False
        drive(ledger.publish(policy.hash, policy.document, at=now, reason=reason, actor=actor))
        return True
    finally:
        drive(store.close())
        drive(ledger.close())


def path_of(url: object) -> str | None:
    """The file behind an address; None for memory. Raises InvalidInput for another address."""
    if isinstance(url, str) and url == "memory://":
        return None
    match = re.fullmatch(r"sqlite:///(.+)", url) if isinstance(url, str) else None
    if not match:
        raise InvalidInput("address", shown(url), SCHEMES)
    if re.search(r"\?[^=?]+=", match[1]):
        raise InvalidInput("address", repr(url), "no options behind a ?; one in the file's own name is written %3F")
    path = unquote(match[1])
    if path == ":memory:":
        raise InvalidInput("address", repr(url), "memory:// for an engine in memory")
    if "\0" in path or any("\ud800" <= sign <= "\udfff" for sign in path):
        raise InvalidInput("address", repr(url), "a path that can be the name of a file")
    return path


def _whole(clock: object) -> Clock:
    """The clock, checked at each reading: an instant that is no whole number would spoil books for good."""
    if not callable(clock):
        raise InvalidInput("clock", shown(clock), "a function that gives milliseconds since 1970")

    def now() -> int:
        instant = clock()
        if type(instant) is not int or not TIME_MIN <= instant < TIME_MAX:
            raise InvalidInput("clock", shown(instant), CLOCK)
        return instant

    return now


def _read(policy: object, field: str = "policy") -> Policy | None:
    if policy is None or isinstance(policy, Policy):
        return policy
    if not isinstance(policy, str | os.PathLike):
        raise InvalidInput(field, shown(policy), "the path of a file, or what read_policy gave")
    if isinstance(policy, str) and "\n" in policy:
        raise InvalidInput(field, shown(policy), "the path of a file; for a text: spillover.policy.read_policy_text")
    from spillover.policy import read_policy

    return read_policy(policy)


def _file_named(policy: object) -> str:
    """The file that was given, for messages; empty for a policy that was read before."""
    return os.fsdecode(policy) if isinstance(policy, str | os.PathLike) else ""


def _memory() -> tuple[HotStore, Ledger]:
    from spillover.ledgers.sqlite import SQLiteLedger
    from spillover.stores.memory import MemoryHotStore

    return MemoryHotStore(), SQLiteLedger.in_memory()


def _file(path: str, durability: Durability) -> tuple[HotStore, Ledger]:
    from spillover.ledgers.sqlite import SQLiteLedger
    from spillover.stores.sqlite import SQLiteHotStore

    store = SQLiteHotStore(path, durability)
    try:
        return store, SQLiteLedger(path)
    except BaseException:
        drive(store.close())
        raise


def _no_policy(url: str) -> InvalidInput:
    return InvalidInput("policy", "none", f'a policy for {url}: connect({url!r}, policy="policy.yaml")')


def _read_document(document: str) -> Policy:
    from spillover.policy import policy_from_document

    return policy_from_document(document)


def _shadow_of(policy: Policy) -> Shadow:
    from spillover.compare.shadow import Shadow  # only who asks for a shadow needs it

    return Shadow(policy)


class _Each:
    """Something to be done about once a second; True when it is time."""

    def __init__(self, wanted: bool) -> None:
        self._wanted, self._last = wanted, time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._wanted or now - self._last < TEND_SECONDS:
            return False
        self._last = now
        return True


def _shared_settler(access: Access, tend: bool) -> Settler:
    """In memory there is one set of handles: settlement takes its turn among the verbs."""
    settling, each = access.desk.settling(), _Each(tend)

    def step() -> Progress:
        if each():
            access.run(access.desk.tend())
        return access.run(settling.step())

    return Settler(step, lambda: None)


def _own_settler(path: str, access: Access, tend: bool) -> Settler:
    """A settler with handles of its own, so that decisions never wait for it; one process at a time settles a file."""
    claim, clock = Claim(path, "settler"), access.desk.clock
    opened: list[tuple[Desk, Settling]] = []
    learning, tending = _Each(tend), _Each(tend)

    def step() -> Progress:
        if learning():  # what was published for an instant, or by another engine
            access.run(access.desk.policies.learn(clock()))
        if not claim.take():
            return Progress(0, 0, 0)
        if not opened:
            store, ledger = _file(path, "strict")
            opened.append((Desk(access.policy, store, ledger, clock, _read_document), Settling(store, ledger)))
        desk, settling = opened[0]
        if tending():
            drive(desk.tend())
        moved = drive(settling.step())
        if not moved.done:  # terms that a killed process had booked and not brought into force
            drive(desk.push())
        return moved

    def finish() -> None:
        for desk, _ in opened:
            drive(desk.close())
        claim.release()

    return Settler(step, finish)

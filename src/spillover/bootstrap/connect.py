"""`connect` and `connect_async`: from an address and a policy to the verbs."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from spillover.access.beside import Beside
from spillover.access.clock import Clock, system_clock
from spillover.access.desk import Desk
from spillover.access.gather import DEADLINE_SECONDS
from spillover.access.plain import Access
from spillover.bootstrap.addresses import REMEMBER_LEAST, REMEMBER_MOST, Address, address_of
from spillover.bootstrap.beating import run_beside
from spillover.bootstrap.opening import Wanted, policy_to_open_with
from spillover.bootstrap.publishing import succession_of
from spillover.bootstrap.rungs import Rung, open_as_set, open_rung
from spillover.core.intake import TIME_MAX, TIME_MIN
from spillover.engine.drive import drive
from spillover.http_client.address import is_service, refuse_for_a_client
from spillover.model.errors import Contended, InvalidInput, StoreFull, StoreUnavailable, WrongSettings, shown
from spillover.model.policy import Policy
from spillover.ports import Durability

if TYPE_CHECKING:
    from spillover.access.asynchronous import Opening
    from spillover.compare.shadow import Shadow
    from spillover.http_client.admit import Admit

DEADLINE_LEAST = 0.05
CLOCK = "a whole number of milliseconds since 1970, from the years 2020 to 2035"


def connect(
    url: str = "sqlite:///spillover.db", *, policy: str | os.PathLike[str] | Policy | None = None,
    ledger: str | None = None, durability: Durability = "strict", clock: Clock | None = None, settle: bool = True,
    tend: bool = True, shadow: str | os.PathLike[str] | Policy | None = None, force: bool = False,
    deadline: float = DEADLINE_SECONDS, journal: str | os.PathLike[str] | None = None, remember: float | None = None,
    key: str | None = None, when_unreachable: Admit | None = None,
) -> Access:  # fmt: skip
    """Open an engine: `sqlite:///app.db` (beside the program), `sqlite:////var/app.db`, `postgresql://user@host/db`,
    `valkey://host:6379/0` with `ledger="postgresql://..."`, or `memory://` for tests. `redis://` is the same as
    `valkey://`; `valkeys://` and `rediss://` are TLS; `valkey+cluster://host:6379,host:6380` (also valkeys+cluster,
    redis+cluster, rediss+cluster) is a Cluster. `http://host:8080` or `https://...` is a service (`spillover serve`);
    its client has the same verbs, and is told only `key`, `deadline`, and `when_unreachable` (docs/SERVICE.md).

    `policy`: a file or a policy read before; one that is new to the database is published. One that was published here
    before and is not in force is not published again: what is in force decides, and a warning is logged (logger
    "spillover"). Left out, the one in force decides. `durability`: "strict" answers after the decision is durable.
    "fast" answers before: what is lost then is bounded as docs/OPERATING.md says. `clock` gives milliseconds since
    1970; turn your own in tests. `settle`: book in the background while open, and see to what falls due (`tend`): holds
    expire, lots end, gifts come, plans change. Without `settle` the engine only looks after itself each second
    (policies published by others, its journal, its binding), and without both nothing runs beside it. `shadow`: another
    policy, that is given each decision too and only reports (`Access.shadow`). `force`: publish the policy also where
    it was replaced before, leaves behind plans or features in use, or replaces what is scheduled. `deadline`: seconds
    that a request may wait for its turn, and that a call to a server may take. `journal`: a file for what plans admit
    while the store cannot be reached (`outage: {admit: ...}`); without it they are closed. `remember`: seconds for
    which a server's hot state knows a key after its commit, from 60 to 2,678,400 (31 days), 24 hours if left out; or in
    the address, `?remember=6h`, where commands and settlers see it too. SQLite and memory know keys for good. The books
    know every key for ever: one that comes again after that time is booked and reversed, a visible pair.
    Raises PolicyError, InvalidInput, StoreError.
    """
    if is_service(url):
        from spillover.http_client.opening import open_client

        client = open_client(
            url, key, milliseconds(deadline) / 1000, when_unreachable, policy=policy, ledger=ledger, clock=clock,
            durability=durability, settle=settle, tend=tend, shadow=shadow, force=force, journal=journal,
            remember=remember,
        )  # fmt: skip
        return cast(Access, client)  # verb by verb the same, which a test compares; what it lacks it says
    refuse_for_a_client(key, when_unreachable)
    now = _whole(system_clock if clock is None else clock)
    now()  # before anything is made
    address = _remembering(address_of(url, ledger), remember)
    if durability not in ("strict", "fast"):
        raise InvalidInput("durability", repr(durability), '"strict" or "fast"')
    timeout = milliseconds(deadline)
    wanted, other = _read(policy), _read(shadow, "shadow")
    if wanted is None and address.path is not None and not os.path.exists(address.path):
        raise _no_policy(url)
    given = None if wanted is None else Wanted(wanted, _file_named(policy), force)
    rung = open_rung(address, durability, timeout)
    desk = _desk_on(rung, url, given, now, clock is None, deadline)
    access = Access(desk)
    try:
        _set_beside(access, rung, other, journal)
        run_beside(access, address, rung, durability, timeout, read_document, settle=settle, tend=tend)
    except BaseException:
        access.close()
        raise
    return access


def _set_beside(access: Access, rung: Rung, other: Policy | None, journal: str | os.PathLike[str] | None) -> None:
    """The shadow and the journal that were asked for."""
    if other is not None:
        access.watched_by(Beside(_shadow_of(other), rung.store))
    if journal is not None:
        from spillover.journal import SQLiteJournal

        access.desk.keep_journal(SQLiteJournal(journal))


def connect_as_set(url: str, **options: Any) -> Access:  # noqa: ANN401  # those of `connect`
    """`connect` to a database, in the durability that the server is set for; without `settle` nothing runs beside it.

    For commands. Raises as `connect` does.
    """
    options.setdefault("tend", options.get("settle", True))
    address_of(url, options.get("ledger"))  # what asks for this wants the engine itself, not a service
    try:
        return connect(url, **options)
    except WrongSettings:
        return connect(url, durability="fast", **options)


def _desk_on(rung: Rung, url: str, given: Wanted | None, now: Clock, live: bool, deadline: float) -> Desk:
    """The use cases; else the rung is closed. Raises InvalidInput where there is no policy at all."""
    try:
        desk = _desk(rung, given, now, live, deadline)
        if desk is None:
            raise _no_policy(url)
    except BaseException:
        rung.close()
        raise
    return desk


def _desk(rung: Rung, given: Wanted | None, now: Clock, live: bool, deadline: float) -> Desk | None:
    """The use cases by the policy to open with; None where there is none at all. What was booked comes into force, as
    far as the store takes it: the rest is tried again by settlers, and keeps nobody from opening."""
    succession = succession_of(rung.ledger)
    decides = drive(policy_to_open_with(given, rung.ledger, now(), read_document, succession))
    if decides is None:
        return None
    desk = Desk(decides, rung.store, rung.ledger, now, read_document, live=live, deadline=deadline)
    desk.policies.succession = succession
    drive(desk.policies.learn(now()))
    with suppress(StoreFull, StoreUnavailable, Contended):
        drive(desk.push())
    return desk


def connect_async(
    url: str = "sqlite:///spillover.db", *, policy: str | os.PathLike[str] | Policy | None = None,
    ledger: str | None = None, durability: Durability = "strict", clock: Clock | None = None, settle: bool = True,
    tend: bool = True, shadow: str | os.PathLike[str] | Policy | None = None, force: bool = False,
    deadline: float = DEADLINE_SECONDS, journal: str | os.PathLike[str] | None = None, remember: float | None = None,
    key: str | None = None, when_unreachable: Admit | None = None,
) -> Opening:  # fmt: skip
    """The same engine for asynchronous code: `async with connect_async(...) as access`, or await it. See `connect`."""
    options: dict[str, Any] = {
        "policy": policy, "ledger": ledger, "durability": durability, "clock": clock, "settle": settle, "tend": tend,
        "shadow": shadow, "force": force, "deadline": deadline, "journal": journal, "remember": remember,
    }  # fmt: skip
    if is_service(url):
        from spillover.http_client.opening import opening_client

        del options["deadline"]
        client = opening_client(url, key, milliseconds(deadline) / 1000, when_unreachable, **options)
        return cast("Opening", client)  # as `connect`
    refuse_for_a_client(key, when_unreachable)
    from spillover.access.asynchronous import Opening

    return Opening(partial(connect, url, **options))


def create(url: str, policy: Policy, *, reason: str = "", actor: str = "", clock: Clock = system_clock) -> bool:
    """Make the database behind an address, with a policy in force, unless it has one already; whether it was made.

    Raises InvalidInput for an address that is none or that ends with its program, StoreError.
    """
    address = address_of(url)
    if address.kind == "memory":
        raise InvalidInput("address", repr(url), "sqlite:///FILE; what is in memory ends with its program")
    now = _whole(clock)()
    rung = open_as_set(address, milliseconds(DEADLINE_SECONDS))
    try:
        if drive(rung.ledger.publications()):
            return False
        drive(rung.ledger.publish(policy.hash, policy.document, at=now, reason=reason, actor=actor))
        return True
    finally:
        rung.close()


def milliseconds(deadline: object) -> int:
    """A number of seconds that a call may take, in milliseconds. Raises InvalidInput."""
    if not isinstance(deadline, int | float) or isinstance(deadline, bool) or not DEADLINE_LEAST <= deadline <= 3600:
        raise InvalidInput("deadline", shown(deadline), f"seconds, from {DEADLINE_LEAST} to 3600")
    return int(deadline * 1000)


def _remembering(address: Address, seconds: object) -> Address:
    """The address, with for how long keys are known. Raises InvalidInput."""
    if seconds is None:
        return address
    if address.remember is not None:
        raise InvalidInput("remember", shown(seconds), "one time, in the address or beside it")
    number = float("nan") if isinstance(seconds, bool) or not isinstance(seconds, int | float) else seconds
    if not REMEMBER_LEAST <= number * 1000 <= REMEMBER_MOST:
        bounds = f"seconds, from {REMEMBER_LEAST // 1000} to {REMEMBER_MOST // 1000}"
        raise InvalidInput("remember", shown(seconds), bounds)
    return replace(address, remember=int(number * 1000))


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


def _no_policy(url: str) -> InvalidInput:
    return InvalidInput("policy", "none", f'a policy for {url}: connect({url!r}, policy="policy.yaml")')


def read_document(document: str) -> Policy:
    """A policy from the document that the ledger keeps."""
    from spillover.policy import policy_from_document

    return policy_from_document(document)


def _shadow_of(policy: Policy) -> Shadow:
    from spillover.compare.shadow import Shadow  # only who asks for a shadow needs it

    return Shadow(policy)

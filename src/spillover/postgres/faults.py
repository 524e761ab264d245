"""PostgreSQL's errors become Spillover's: one line that says what was found, what was expected, and what to do.

No password gets out: a database is named by host, port and name only.
"""

from __future__ import annotations

import re
import shlex

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from spillover.model.errors import InvalidInput, StoreError, StoreFull, StoreUnavailable

AGAIN = (errors.DeadlockDetected, errors.SerializationFailure, errors.UniqueViolation)
"""After these the same work can succeed on the same connection: somebody else was first, and has committed."""
LOST = (
    errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow, errors.DatabaseDropped,
    errors.IdleInTransactionSessionTimeout, errors.ReadOnlySqlTransaction,
)  # fmt: skip
"""After these it may succeed on another one; a server that became a standby takes no writes, another host may."""
OUT_OF_STEP = (errors.ProtocolViolation, errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)
"""The server's session is not as the driver takes it to be."""

MOVED = "these books were moved to "
"""How the refusal of books begins that were moved away (`spillover move`); where they live now follows."""


class TimedOut(psycopg.OperationalError):
    """The server said nothing for longer than a call may last."""


def parameters(url: str) -> dict[str, str]:
    """The URL's parts. Raises InvalidInput, which does not repeat the URL: it may hold a password anywhere."""
    try:
        if not url.startswith(("postgresql://", "postgres://")):
            raise psycopg.ProgrammingError
        given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        # The rest of a password with an @ or a / in it.
        if "@" in given.get("host", "") + given.get("port", "") + given.get("dbname", ""):
            raise psycopg.ProgrammingError
    except psycopg.Error:
        raise InvalidInput(
            "url", "one that cannot be read", "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special signs as %XX"
        ) from None
    return given


def shown(given: dict[str, str]) -> str:
    """The database as an error names it."""
    host, port = given.get("host", given.get("hostaddr", "")), given.get("port", "")
    hosts, ports = host.split(","), port.split(",")
    if len(ports) != len(hosts):
        ports = ports[:1] * len(hosts)
    places = ",".join(f"{one}:{at}" if at else one for one, at in zip(hosts, ports, strict=True))
    return f"postgresql://{places}/{given.get('dbname', '')}"


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or of no use any more; not where the server did not answer in time."""
    if isinstance(error, TimedOut | errors.ConnectionTimeout | errors.PipelineAborted):
        return False
    return isinstance(error, LOST) or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None)


def is_out_of_step(error: BaseException) -> bool:
    """Whether the driver and the server may not agree any more what was asked, prepared and answered."""
    return isinstance(error, OUT_OF_STEP) or (isinstance(error, psycopg.Error) and error.sqlstate is None)


def translate(error: psycopg.Error, name: str, secret: str = "") -> StoreError:
    """The error of the tree that this driver error stands for. `secret` is struck out wherever it stands."""
    said = _said(error)
    if secret:
        said = said.replace(secret, "***")
    if isinstance(error, errors.RestrictViolation) and said.startswith(MOVED):
        return StoreUnavailable(
            f"{name}: found that {said}, expected books that are kept here; connect to where they live now"
        )
    kind = _meant(error)
    for kinds, becomes, found, rest in KNOWN:
        if issubclass(kind, kinds):
            return becomes(f"{name}: found {found} ({said}), expected {rest}{_named(kind, said)}")
    return StoreError(f"{name}: found {type(error).__name__} ({said}), expected a database that serves; report this")


class Unreached(psycopg.OperationalError):
    """Nobody listens there, or there is no such place."""


Kinds = type[psycopg.Error] | tuple[type[psycopg.Error], ...]
AT_LOGIN: tuple[tuple[type[psycopg.Error], str], ...] = (
    (errors.InvalidCatalogName, r'database ".*" does not exist'),
    (errors.InvalidPassword, r"password authentication failed|no password supplied|password retrieved from file"),
    (
        errors.InvalidAuthorizationSpecification,
        r'role ".*" does not exist|role ".*" is not permitted to log in|pg_hba\.conf|authentication failed for user',
    ),
    (errors.TooManyConnections, r"too many (clients|connections)|remaining connection slots"),
    (
        Unreached,
        r"Connection refused|No such file or directory|No route to host|Network is unreachable|service not known"
        r"|resolve host|translate host name",
    ),
)
"""What the library says where it cannot connect: it gives no code with it then, also where the server sent one."""
KNOWN: tuple[tuple[Kinds, type[StoreError], str, str], ...] = (
    (
        errors.DiskFull, StoreFull, "no space left",
        "room to write; free space on the server, then send the same keys again",
    ),
    (
        (TimedOut, errors.QueryCanceled, errors.LockNotAvailable, errors.ConnectionTimeout), StoreUnavailable,
        "no answer within the time limit",
        "one; look for a stalled server or network, or an open transaction that holds locks (pg_stat_activity), then"
        " send the same keys again",
    ),
    (
        (errors.DeadlockDetected, errors.SerializationFailure), StoreUnavailable, "others in the way at every try",
        "a turn; send the same keys again",
    ),
    (
        OUT_OF_STEP, StoreUnavailable, "answers that do not fit what was asked",
        "a session of our own with the server; behind a pooler use its session mode, else check what answers there,"
        " then send the same keys again",
    ),
    (errors.PipelineAborted, StoreError, "a failed transaction", "one to commit; report this"),
    (
        errors.ReadOnlySqlTransaction, StoreUnavailable, "a server that takes no writes",
        "the primary; name it, or all hosts with target_session_attrs=read-write",
    ),
    (
        (errors.InvalidPassword, errors.InvalidAuthorizationSpecification), StoreUnavailable, "the login refused",
        "one that is let in; check user and password",
    ),
    (errors.InvalidCatalogName, StoreUnavailable, "no such database", "one; correct its name, or make it: createdb"),
    (
        errors.TooManyConnections, StoreUnavailable, "no free connection",
        "a few for each process; raise max_connections on the server, or run fewer processes",
    ),
    (
        errors.InsufficientPrivilege, StoreError, "a right missing",
        "those that the upgrades granted; use a login that is a member of Spillover's roles, and one that owns the"
        " database, or may CREATE in it, for upgrades",
    ),
    (
        (errors.DataCorrupted, errors.IndexCorrupted), StoreError, "a damaged database",
        "intact pages; stop all writers, keep a copy, and restore a backup or rebuild",
    ),
    (
        Unreached, StoreUnavailable, "that it cannot be reached",
        "a server that listens there; check that it runs, and address and network",
    ),
    (
        (psycopg.OperationalError, psycopg.InterfaceError), StoreUnavailable, "that it cannot be reached",
        "a server that answers and lets us in; check that it runs, and address and login, then do the same again: a"
        " request's key decides",
    ),
)  # fmt: skip
"""Driver errors, what each becomes, and its words; the first that fits."""


def _said(error: psycopg.Error) -> str:
    said = error.diag.message_primary or str(error) or type(error).__name__
    return " ".join(said.split())[:300]


def _meant(error: psycopg.Error) -> type[psycopg.Error]:
    """The kind of the error; of one that came while connecting, what the server or the system said then."""
    if error.sqlstate is None and type(error) is psycopg.OperationalError:
        for kind, said in AT_LOGIN:
            if re.search(said, str(error)):
                return kind
    return type(error)


def _named(kind: type[psycopg.Error], said: str) -> str:
    """The database that is to be made, as the command takes it."""
    found = re.search(r'database "(.*)" does not exist', said) if kind is errors.InvalidCatalogName else None
    return f" {shlex.quote(found[1])}" if found else ""

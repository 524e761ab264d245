"""What is refused, and how it is told: application/problem+json (RFC 9457), by the table of decision 0007."""

from __future__ import annotations

from msgspec import Struct

from spillover.model.errors import (
    AccountShut,
    BoundExceeded,
    Contended,
    Fault,
    HoldEnded,
    InvalidInput,
    KeyReused,
    NotSettled,
    Overloaded,
    PartUnavailable,
    PolicyError,
    SpilloverError,
    StoreError,
    StoreFull,
    UnknownName,
    WrongSettings,
)

MEDIA = "application/problem+json"
TYPE = "urn:spillover:problem:"


class Kind(Struct, frozen=True):
    """A sort of problem: its name, status and title, and after how many seconds to try again (0: never)."""

    name: str
    status: int
    title: str
    after: int = 0


KINDS = {
    kind.name: kind
    for kind in (
        Kind("malformed", 400, "The request cannot be read"),
        Kind("two-keys", 400, "Two different keys"),
        Kind("unauthorized", 401, "No key, or a wrong one"),
        Kind("forbidden", 403, "This key does not open that"),
        Kind("no-such-path", 404, "No such path"),
        Kind("unknown-name", 404, "Unknown name"),
        Kind("method-not-allowed", 405, "Another method is expected"),
        Kind("body-timeout", 408, "The body did not come in time"),
        Kind("key-reused", 409, "The key was used with another request"),
        Kind("busy", 409, "One of this sort is under way", 10),
        Kind("hold-ended", 410, "The hold has ended"),
        Kind("too-large", 413, "Too large"),
        Kind("unsupported-media", 415, "Another media type is expected"),
        Kind("invalid-input", 422, "A value is not of the stated form"),
        Kind("bound-exceeded", 422, "A bound would be passed"),
        Kind("policy-mistakes", 422, "The policy has mistakes"),
        Kind("refused", 422, "Refused"),
        Kind("not-settled", 425, "Not on the books yet", 1),
        Kind("fault", 500, "A fault of the program"),
        Kind("overloaded", 503, "More requests than are served in time", 1),
        Kind("contended", 503, "Others changed the account meanwhile", 1),
        Kind("account-shut", 503, "The account is being rebuilt", 1),
        Kind("part-unavailable", 503, "The account's server cannot be reached", 2),
        Kind("store-full", 503, "No space is left", 2),
        Kind("wrong-settings", 503, "The database's settings keep it from serving", 2),
        Kind("store", 503, "The store cannot serve now", 2),
    )
}
BY_ERROR = (
    (UnknownName, "unknown-name"), (InvalidInput, "invalid-input"), (KeyReused, "key-reused"),
    (HoldEnded, "hold-ended"), (NotSettled, "not-settled"), (BoundExceeded, "bound-exceeded"),
    (PolicyError, "policy-mistakes"), (Overloaded, "overloaded"), (Contended, "contended"),
    (AccountShut, "account-shut"), (PartUnavailable, "part-unavailable"), (StoreFull, "store-full"),
    (WrongSettings, "wrong-settings"), (StoreError, "store"), (Fault, "fault"), (SpilloverError, "refused"),
)  # fmt: skip
"""The first that fits counts."""
ANY = (
    "malformed", "unauthorized", "forbidden", "too-large", "body-timeout", "invalid-input", "overloaded", "contended",
    "account-shut", "part-unavailable", "store-full", "wrong-settings", "store", "fault",
)  # fmt: skip
"""What every call can meet."""


class PolicyMistake(Struct, frozen=True):
    """One mistake of a policy document: where it is, what was found, what was expected."""

    line: int
    path: str
    found: str
    expected: str


class Problem(Struct, frozen=True, omit_defaults=True):
    """Why a call was refused or failed: `detail` is one line for a person, `field` the field at fault."""

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    mistakes: tuple[PolicyMistake, ...] | None = None


class Refused(Exception):
    """A call that is refused before any verb is called. `close`: the connection cannot go on."""

    def __init__(
        self, name: str, detail: str, field: str = "", headers: tuple[tuple[str, str], ...] = (), *, close: bool = False
    ) -> None:
        super().__init__(detail)
        self.name, self.detail, self.field, self.headers, self.close = name, detail, field, headers, close


def kind_of(error: SpilloverError) -> Kind:
    """The sort of problem that an error is."""
    return KINDS[next(name for sort, name in BY_ERROR if isinstance(error, sort))]


def problem_of(error: Exception) -> Problem:
    """An error as it is told. What is none of ours is a fault, of which nothing is told but that."""
    if isinstance(error, Refused):
        kind = KINDS[error.name]
        return _problem(kind, error.detail, error.field)
    if not isinstance(error, SpilloverError):
        return _problem(KINDS["fault"], "something that this program did not foresee; the log has it")
    mistakes = None
    if isinstance(error, PolicyError):
        mistakes = tuple(PolicyMistake(one.line, one.path, one.found, one.expected) for one in error.mistakes)
    field = error.field if isinstance(error, InvalidInput) else ""
    return _problem(kind_of(error), " ".join(str(error).split()), field, mistakes)


def headers_of(error: Exception) -> tuple[tuple[str, str], ...]:
    """What the answer says beside the problem."""
    if isinstance(error, Refused):
        close = (("connection", "close"),) if error.close else ()
        return (*error.headers, *_later(KINDS[error.name]), *close)
    return _later(kind_of(error)) if isinstance(error, SpilloverError) else ()


def _later(kind: Kind) -> tuple[tuple[str, str], ...]:
    return (("retry-after", str(kind.after)),) if kind.after else ()


def _problem(kind: Kind, detail: str, field: str = "", mistakes: tuple[PolicyMistake, ...] | None = None) -> Problem:
    return Problem(TYPE + kind.name, kind.title, kind.status, detail, field or None, mistakes)

"""The tree of errors. Denied is a value, failed is an exception; each says what was found, expected, and what to do.

SpilloverError
|- InvalidInput            a field of a request, a map or an option is wrong: nothing was written
|  |- UnknownName          an account, feature, plan or lot that does not exist
|- KeyReused               the same key came with another request: nothing was written
|- Denied                  a hold that was asked for as a context was denied; the decision says why
|- HoldEnded               the hold was committed, released or expired before
|- NotSettled              what is to be refunded waits in the stream still
|- BoundExceeded           a stated bound (design, law 14) would be passed: nothing was written
|- PolicyError             one or more mistakes in a policy document
|- TraceError              a row of a trace cannot be read
|- Fault                   what the program did not foresee, for one request: nothing was written
|- Contended               the same decision met a conflict more often than the stated bound
|- StoreError              the database cannot serve
   |- NotADatabase, NewerSchema, NewerRules, StoreFull, StoreUnavailable (AccountShut, Overloaded, PartUnavailable)
"""

from __future__ import annotations

from typing import NamedTuple

BOOKED = "booked, and not in force yet: that comes by itself as soon as it can, or when the same is sent again"
"""How the error of an order begins that is on the books; what keeps it from coming into force follows."""


class SpilloverError(Exception):
    """Anything that Spillover refuses or fails at. Its text is one line for a person."""


def shown(value: object) -> str:
    """A value from outside as an error shows it, whatever it is."""
    try:
        return repr(value)
    except Exception:  # its own repr is broken, or a number has more digits than Python writes
        return f"a {type(value).__name__} that cannot be shown"


class InvalidInput(SpilloverError):
    """A value from outside is not of the stated form. Nothing was written."""

    def __init__(self, field: str, found: str, expected: str) -> None:
        found = found if len(found) <= 120 else found[:117] + "..."
        super().__init__(f"{field}: found {found}, expected {expected}")
        self.field, self.found, self.expected = field, found, expected


class UnknownName(InvalidInput):
    """A name that the policy or the database does not know."""


class KeyReused(SpilloverError):
    """The key was used before with another request (design, law 10). Nothing was changed."""

    def __init__(self, account: str, key: str) -> None:
        super().__init__(
            f"key {key!r} of account {account!r} was used before with another request;"
            " send the same request again, or a new key"
        )
        self.account, self.key = account, key


class Denied(SpilloverError):
    """A hold was denied, or could not be extended (`when_short: stop`). `decision` is the denial."""

    def __init__(self, decision: object, sentence: str) -> None:
        super().__init__(sentence)
        self.decision = decision


class HoldEnded(SpilloverError):
    """The hold has ended otherwise than is asked for now (design, law 9). Nothing was changed."""

    def __init__(self, account: str, key: str, how: str) -> None:
        super().__init__(
            f"hold {key!r} of account {account!r}: found it {how}, expected an open hold; open another under a new key"
        )
        self.account, self.key, self.how = account, key, how


class NotSettled(SpilloverError):
    """The event is decided and not yet on the books; try again in a second, or after `settle`."""


class BoundExceeded(SpilloverError):
    """A stated bound would be passed (design, law 14). Nothing was written."""

    def __init__(self, bound: str, found: int, most: int, advice: str) -> None:
        super().__init__(f"{bound}: found {found}, expected at most {most}; {advice}")
        self.bound, self.found, self.most = bound, found, most


class Mistake(NamedTuple):
    """One mistake of a document: where it is, what was found, what was expected."""

    file: str
    line: int
    path: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.path}: found {self.found}, expected {self.expected}"


class PolicyError(SpilloverError):
    """A policy document with mistakes; `mistakes` lists them all, in the order of the file."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        more = f" (and {len(mistakes) - 1} more; see `spillover policy check`)" if len(mistakes) > 1 else ""
        super().__init__(f"{mistakes[0]}{more}")
        self.mistakes = mistakes


class TraceError(SpilloverError):
    """A row of a trace cannot be read; the text names file and line."""


class Contended(SpilloverError):
    """Other writers changed the account between every try; nothing was changed, the same key may be sent again."""


class Fault(SpilloverError):
    """Something that this program did not foresee kept one request from being decided; nothing was changed."""


class StoreError(SpilloverError):
    """The database cannot serve this call."""


class NotADatabase(StoreError):
    """The file is not a SQLite database, or not one of Spillover."""


class NewerSchema(StoreError):
    """The database was written by a newer version with another schema."""


class NewerRules(StoreError):
    """The database has seen decisions of newer rules than this engine knows."""


class StoreFull(StoreError):
    """No space is left; the transaction was rolled back whole."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, read or locked now."""


class PartUnavailable(StoreUnavailable):
    """One of the servers that share the accounts cannot be reached; those of the others are served.

    Who asks for an account of the same server again waits for next to nothing.
    """


class AccountShut(StoreUnavailable):
    """The account is being rebuilt and takes no change until it is put back; nothing was changed, send it again."""


class ClockAhead(StoreError):
    """The engine's clock is too far ahead of the store's own; nothing was changed."""


class ClockBehind(StoreError):
    """The engine's clock is too far behind the store's own; nothing was changed."""


class WrongSettings(StoreError):
    """The server's settings do not keep what the durability mode promises."""


class Overloaded(StoreUnavailable):
    """More requests wait than the store serves in time; this one was not begun."""


def booked(error: SpilloverError) -> SpilloverError:
    """The error for an order that is on the books, and that this keeps from coming into force now: of the same type, as
    what is to be done about it is the same."""
    return type(error)(f"{BOOKED}: {error}")


def shut(account: str) -> AccountShut:
    """The error for an account that is being rebuilt."""
    return AccountShut(f"{account}: found it shut while it is being rebuilt, expected it open; try again in a moment")


def moved(account: str, target: str) -> AccountShut:
    """The error for an account that lives elsewhere now."""
    return AccountShut(
        f"{account}: found that it was moved to {target}, expected one that lives here; connect to where it lives now"
    )

"""Names behind ids and tokens, in the only table that holds any, so that erasing a person is a deletion (section 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from spillover.ledgers.books.nuls import NUL
from spillover.ledgers.books.tables import Tables, single
from spillover.model.errors import BoundExceeded, InvalidInput, UnknownName

NAME_MAX = 128
TOKEN_BITS = 80
LABELS_MAX = 100_000
"""Subjects and attribute values of one account that have a token."""

RandomBits = Callable[[int], int]
"""A source of that many random bits."""


def find_account(tables: Tables, name: str) -> int | None:
    """The id behind an account's name."""
    return None if NUL in name else single(tables, int, "names.find_account", name)


def name_of(tables: Tables, account: int) -> str | None:
    """The account's name; None if it was erased or never was."""
    return single(tables, str, "names.name_of", account)


def add_account(tables: Tables, account: int, name: str) -> None:
    """Give a new account its name. Raises InvalidInput for a name that is not one."""
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise InvalidInput("account", repr(name), f"1 to {NAME_MAX} printable characters")
    tables.run("names.add", account, str(account), "account", name)


def labels(tables: Tables, account: int) -> dict[str, str]:
    """Token -> name, of the account's subjects and attribute values."""
    return dict(tables.rows("names.labels", account))


def names_behind(tables: Tables, account: int, tokens: Iterable[str]) -> dict[str, str]:
    """Token -> name, for those of these that are tokens with a name."""
    return dict(tables.many("names.label", [(account, token) for token in tokens]))


def known_tokens(tables: Tables, account: int, wanted: Sequence[str]) -> dict[str, str]:
    """Name -> token, of those names that have one."""
    rows = tables.many("names.find_label", [(account, name) for name in dict.fromkeys(wanted) if NUL not in name])
    return dict(rows)


def make_tokens(tables: Tables, account: int, wanted: Sequence[str], random_bits: RandomBits) -> dict[str, str]:
    """Name -> token, made for those that have none.

    Raises UnknownName for an account that was erased or never was, BoundExceeded where its names would be too many,
    InvalidInput for a name that not every database keeps.
    """
    tables.alone(names_of(account))
    # An engine that still knows the id of an erased account must not bring its people's names back.
    if name_of(tables, account) is None:
        raise UnknownName("account", str(account), "an account that was put before and not erased")
    found = known_tokens(tables, account, wanted)  # another process may have been first
    missing = [name for name in dict.fromkeys(wanted) if name not in found]
    for name in missing:
        if NUL in name:
            raise InvalidInput("name", repr(name), "a text without NUL characters")
    _require_room(tables, account, len(missing))
    new = [(account, f"{random_bits(TOKEN_BITS):020x}", "label", name) for name in missing]
    tables.many("names.add", new)
    return found | {name: token for _, token, _, name in new}


def names_of(account: int) -> str:
    """What whoever adds to an account's names, or erases them, is alone with."""
    return f"names {account}"


def _require_room(tables: Tables, account: int, new: int) -> None:
    known = single(tables, int, "names.count_labels", account) or 0 if new else 0
    if known + new > LABELS_MAX:
        raise BoundExceeded(
            "names of subjects and attribute values of the account", known + new, LABELS_MAX,
            "send subjects and values that come again, not one for each request (such as a request's id), or declare"
            " no such attribute in the policy",
        )  # fmt: skip

"""The office's port over any database's desk: keys with their bindings, numbered acts, one signing secret.

Names of accounts stand in two tables only, `office_words` (what an act was about, and what was asked) and
`office_bindings` (what a key is bound to), from which the ledger's `erase` deletes them in the same transaction as
those of `names`. Acts name accounts before these are in the books, and what was asked may name people, so an id in the
act would not do. An act without its words stays, with who, what, why and when. A binding without its name stays closed:
the key is not widened by it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

import msgspec

from spillover.core.intake import check_name
from spillover.ledgers.books.nuls import NUL
from spillover.ledgers.books.nuls import shown as without_nuls
from spillover.ledgers.books.tables import Desk, Row, Tables
from spillover.model.errors import BoundExceeded, InvalidInput, shown
from spillover.office.keys import Randomness
from spillover.ports.office import Act, ApiKey, Scope, Secret

TEXT_MAX = 4_096
"""Characters of a verb, a reason, a name of who did it; an outcome is cut to it."""
DETAILS_MAX = 4 << 20
"""Bytes of what was asked: more than any body that a service takes."""
PAGE_MAX = 10_000
"""Acts of one page, at most."""
SIGNING_BYTES = 32

_json = msgspec.json.encode
_secrets = msgspec.json.Decoder(tuple[Secret, ...]).decode
_scopes = msgspec.json.Decoder(tuple[Scope, ...]).decode
_names = msgspec.json.Decoder(tuple[str, ...]).decode


class OfficeRecords:
    """An `Office` whose tables are behind this desk. `randomness` marks acts, so that none is written twice.

    Every transaction is durable when its call returns. Raises StoreErrors; InvalidInput and BoundExceeded for what no
    database keeps.
    """

    def __init__(self, desk: Desk, randomness: Randomness = secrets.token_bytes) -> None:
        self._desk, self._randomness = desk, randomness

    async def put_key(self, key: ApiKey) -> None:
        """Keep a key, in place of what stands under its id."""
        _check_texts(name=key.name, id=key.id)
        self._desk.write(lambda tables: _put_key(tables, key))

    async def change_key(self, id: str, change: Callable[[ApiKey], ApiKey]) -> ApiKey | None:
        """Keep a key as `change` makes it of how it stands; None where there is no such one."""
        done: list[ApiKey] = []
        return None if NUL in id else self._desk.write(lambda tables: _change_key(tables, id, change, done))

    async def key(self, id: str) -> ApiKey | None:
        """The key with that id."""
        if NUL in id:
            return None
        return self._desk.read(lambda tables: _key(tables, id))

    async def keys(self) -> list[ApiKey]:
        """All keys, revoked ones too, in the order of making."""
        return self._desk.read(_keys)

    async def begin(self, act: Act) -> int:
        """Write down an act before it is done; its number, from 1 on without gaps."""
        account = check_name("account", act.account) if act.account else ""
        _check_texts(by=act.by, verb=act.verb, reason=act.reason)
        if len(act.details) > DETAILS_MAX:
            raise BoundExceeded("bytes of an act's details", len(act.details), DETAILS_MAX, "ask for less at a time")
        # The transaction may be done again after a connection was lost at its commit: then it finds its own mark.
        mark = self._randomness(16)
        return self._desk.write(lambda tables: _begin(tables, act, account, mark))

    async def end(self, number: int, outcome: str, at: int) -> None:
        """How it ended, once; later words change nothing. Cut to 4,096 characters."""
        said = without_nuls(outcome.encode("utf-8", "replace").decode())[:TEXT_MAX]
        if not said:
            raise InvalidInput("outcome", "nothing", "how it ended, such as done")
        self._desk.write(lambda tables: tables.run("acts.end", number, said, at))

    async def acts(
        self, *, since: int = 0, until: int = 1 << 53, account: str | None = None, limit: int = 1000, after: int = 0
    ) -> list[Act]:
        """What was done, the earliest first; pages go on with `after`, a number."""
        if type(limit) is not int or not 0 < limit <= PAGE_MAX:
            raise InvalidInput("limit", shown(limit), f"from 1 to {PAGE_MAX:,} rows")
        page = (since, until, after, limit)
        if account is None:
            rows = self._desk.read(lambda tables: list(tables.rows("acts.page", *page)))
        else:
            name = check_name("account", account)
            rows = self._desk.read(lambda tables: list(tables.rows("acts.page_of", name, *page)))
        return [_act(row) for row in rows]

    async def acts_of(self, verb: str, *, limit: int = 1000, after: int = 0) -> list[Act]:
        """All of that verb, in the order of their numbers, from behind `after`."""
        return self._desk.read(lambda tables: [_act(row) for row in tables.rows("acts.of_verb", verb, after, limit)])

    async def signing_key(self, fresh: bytes) -> bytes:
        """The secret that customers' tokens are signed with: `fresh`, if none was kept before."""
        if len(fresh) < SIGNING_BYTES:
            raise InvalidInput("fresh", f"{len(fresh)} bytes", f"at least {SIGNING_BYTES} random bytes")
        kept = self._desk.read(_signing)
        return kept if kept is not None else self._desk.write(lambda tables: _sign_with(tables, fresh))


def _put_key(tables: Tables, key: ApiKey) -> None:
    tables.alone("office keys")
    terms = (key.name, _text(key.scopes), _text(key.secrets), _text(key.features), len(key.accounts), key.revoked)
    if tables.one("keys.find", key.id):
        tables.run("keys.change", key.id, *terms, key.created)
    else:
        tables.run("keys.add", key.id, *terms, key.created)
    tables.run("keys.unbind", key.id)
    for place, account in enumerate(key.accounts):
        if account:  # else one that was erased: its place stays, and stays closed
            tables.run("keys.bind", key.id, place, account)


def _change_key(
    tables: Tables, id: str, change: Callable[[ApiKey], ApiKey], done: list[ApiKey]
) -> ApiKey | None:  # fmt: skip
    """`done`: what this work, which may be run again, has written before, as far as that came through."""
    tables.alone("office keys")  # of two that read it before, the second would write over what the first wrote
    key = _key(tables, id)
    if key is None or key in done:
        return key
    done.append(change(key))
    _put_key(tables, done[-1])
    return done[-1]


def _key(tables: Tables, id: str) -> ApiKey | None:
    row = tables.one("keys.find", id)
    return _read_key(row, tables.rows("keys.bindings", id)) if row else None


def _keys(tables: Tables) -> list[ApiKey]:
    bound: dict[str, list[Row]] = {}
    rows = list(tables.rows("keys.all"))
    for binding in tables.rows("keys.all_bindings"):
        bound.setdefault(binding[0], []).append(binding)
    return [_read_key(row, bound.get(row[0], ())) for row in rows]


def _read_key(row: Row, bindings: Iterable[Row]) -> ApiKey:
    identity, name, scopes, kept, features, bound, revoked, created = row
    accounts = [""] * bound
    for _, place, account in bindings:
        accounts[place] = account
    return ApiKey(
        identity, name, _scopes(scopes), _secrets(kept), tuple(accounts), _names(features), created, revoked
    )  # fmt: skip


def _begin(tables: Tables, act: Act, account: str, mark: bytes) -> int:
    tables.alone("office acts")
    if known := tables.one("acts.marked", mark):
        return int(known[0])
    last = tables.one("acts.last")
    number = (int(last[0]) if last else 0) + 1
    tables.run("acts.add", number, mark, act.at, act.by, act.verb, act.reason)
    if account or act.details:
        tables.run("acts.add_words", number, account, act.details)
    return number


def _act(row: Row) -> Act:
    number, at, by, verb, reason, outcome, ended, account, details = row
    return Act(number, at, by, verb, account or "", reason, details or b"", outcome, ended)


def _signing(tables: Tables) -> bytes | None:
    row = tables.one("signing.find")
    return bytes(row[0]) if row else None


def _sign_with(tables: Tables, fresh: bytes) -> bytes:
    tables.run("signing.add", fresh)
    kept = _signing(tables)
    assert kept is not None
    return kept


def _text(value: object) -> str:
    return _json(value).decode()


def _check_texts(**texts: str) -> None:
    for field, text in texts.items():
        if len(text) > TEXT_MAX or NUL in text or any("\ud800" <= sign <= "\udfff" for sign in text):
            raise InvalidInput(field, shown(text), f"at most {TEXT_MAX:,} characters, without NUL")

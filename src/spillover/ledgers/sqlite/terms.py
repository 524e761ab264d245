"""An account's terms: made, changed, and queued for the hot state (the outbox). Every version is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from spillover.core.decide import TOLERANCE
from spillover.core.lots import burn_order
from spillover.ledgers.sqlite.chain import genesis
from spillover.ledgers.sqlite.names import RandomBits, add_account, find_account
from spillover.model.account import Lot, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import InvalidInput, StoreError, UnknownName
from spillover.ports import Push, Terms
from spillover.sqlite import statements

SQL = statements("spillover.ledgers.sqlite", "terms.sql")
ID_BITS = 53
TEXT_MAX = 1000
"""Characters of a reason, an actor, a reference."""

_encode = msgspec.json.Encoder().encode
_profile = msgspec.json.Decoder(Profile).decode
_raised = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode


def newest(connection: apsw.Connection, account: int) -> Profile:
    """The account's newest terms. Raises UnknownName; StoreError if they are not what was written."""
    payload = connection.execute(SQL["newest"], (account,)).get
    if payload is None:
        raise UnknownName("account", str(account), "the id of an account that was put before")
    try:
        return _profile(payload)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"terms of account {account}: found a version that cannot be read ({error}), expected a profile;"
            " run an audit, and restore a backup"
        ) from error


def put(
    connection: apsw.Connection,
    name: str,
    terms: Terms,
    *,
    at: int,
    reason: str,
    actor: str,
    only_new: bool,
    random_bits: RandomBits,
) -> Profile:
    """Create the account or change its terms; the same terms again change nothing and make no version.

    `only_new`: an account that exists stays as it is.
    """
    check_instant("at", at)
    check_text("reason", reason)
    check_text("actor", actor)
    account = find_account(connection, name)
    if account is None:
        profile = _create(connection, name, terms, at, random_bits)
    else:
        before = newest(connection, account)
        profile = before if only_new else _changed(before, terms)
        if profile == before:
            return before
        profile = next_version(connection, profile, at)
    keep(connection, profile, at=at, reason=reason, actor=actor)
    return profile


def _create(connection: apsw.Connection, name: str, terms: Terms, at: int, random_bits: RandomBits) -> Profile:
    if terms.plan is None:
        raise InvalidInput("plan", "none", f"a plan for the new account {name!r}")
    account = 0
    while not account or connection.execute(SQL["exists"], (account,)).get:
        account = random_bits(ID_BITS)
    add_account(connection, account, name)
    heads = [genesis(table, account) for table in ("usage_events", "monetization_events", "balance_updates")]
    connection.execute(SQL["create"], (account, *heads))
    return _changed(Profile(account, 1, terms.plan, at), terms)


def _changed(profile: Profile, terms: Terms) -> Profile:
    given = {name: value for name, value in msgspec.structs.asdict(terms).items() if value is not None}
    if "anchor" in given:
        check_instant("anchor", given["anchor"])
    return msgspec.structs.replace(profile, **given)


def next_version(connection: apsw.Connection, profile: Profile, at: int, lot: Lot | None = None) -> Profile:
    """The profile of the next version, made at that instant: with the new lot, without those drained or expired.

    A lot's ledger balance is its cell plus draws that are not settled yet: at 0 the hot state has nothing of it either.
    An expired lot leaves with what it still has, as nothing can be drawn from it. A request may carry a time that is a
    little older than the newest one, so a lot stays for as long behind its expiry.
    """
    rows = connection.executemany(SQL["lot_balance"], [(profile.account, old.id) for old in profile.lots])
    drained = {id_ for id_, balance in rows if not balance}
    lots = [old for old in profile.lots if old.id not in drained and old.expires > at - TOLERANCE]
    if lot:
        lots.append(lot)
    return msgspec.structs.replace(profile, version=profile.version + 1, lots=burn_order(lots))


def keep(
    connection: apsw.Connection,
    profile: Profile,
    *,
    at: int,
    reason: str,
    actor: str,
    raised: Sequence[tuple[int, int]] = (),
) -> None:
    """Write the profile as the account's newest version and queue its push.

    Raises InvalidInput for one that could not be read again: versions are never changed, so it would stay for ever.
    """
    account, version = profile.account, profile.version
    connection.execute(SQL["add_version"], (account, version, _payload(profile), at, reason, actor))
    connection.execute(SQL["set_version"], (account, version))
    connection.execute(SQL["queue"], (account, version, _encode(raised).decode()))


def _payload(profile: Profile) -> str:
    try:
        payload = _encode(profile)
        if _profile(payload) != profile:
            raise TypeError(f"values that are not written as they are, in {profile}")
    except msgspec.ValidationError as error:
        said, _, field = str(error).partition(" - at `$.")
        raise InvalidInput(field.rstrip("`") or "terms", said, "a value of the type that terms have") from error
    except (TypeError, ValueError) as error:
        raise InvalidInput("terms", str(error), "texts, whole numbers, true and false") from error
    return payload.decode()


def unpushed(connection: apsw.Connection, limit: int, account: int | None) -> list[Push]:
    """The oldest queued terms, of one account or of all.

    A row that cannot be read is left for an audit to name, with the later ones of its account, which build on it:
    damage to one account must not keep back the terms of all.
    """
    chosen = (SQL["unpushed"],) if account is None else (SQL["unpushed_of"], (account,))
    found: list[Push] = []
    stuck: set[Any] = set()
    for owner, payload, raised in connection.execute(*chosen):
        if owner in stuck:
            continue
        try:
            found.append(Push(_profile(payload), _raised(raised)))
        except (msgspec.DecodeError, TypeError):
            stuck.add(owner)
        if len(found) >= limit:
            break
    return found


def pushed(connection: apsw.Connection, pushes: Sequence[Push]) -> None:
    """Take these off the queue."""
    connection.executemany(SQL["pushed"], [(push.profile.account, push.profile.version) for push in pushes])


def publish(connection: apsw.Connection, policy_hash: str, document: str, at: int) -> None:
    """Keep the policy's document and make it the current one."""
    check_instant("at", at)
    connection.execute(SQL["retire_policy"], (policy_hash,))
    connection.execute(SQL["publish_policy"], (policy_hash, document, at))


def policy_document(connection: apsw.Connection, policy_hash: str | None) -> str | None:
    """The document of that policy, or of the current one."""
    if policy_hash is None:
        found: str | None = connection.execute(SQL["current_policy"]).get
    else:
        found = connection.execute(SQL["policy"], (policy_hash,)).get
    return found


def check_instant(field: str, value: object) -> None:
    """Raises InvalidInput unless it is an instant that the books can hold."""
    if type(value) is not int or not 0 <= value <= AMOUNT_MAX:
        raise InvalidInput(field, repr(value), "milliseconds since 1970, from 0 to 2^53 - 1")


def check_text(field: str, value: object) -> None:
    """Raises InvalidInput for what is no text, or too long to stand in the books."""
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise InvalidInput(field, repr(value), f"a text of at most {TEXT_MAX} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, repr(value), "a text without lone surrogates") from None

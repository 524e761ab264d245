"""An account's terms: made, changed, and queued for the hot state (the outbox). Every version is kept."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import msgspec

from spillover.core.decide import TOLERANCE
from spillover.core.lots import burn_order
from spillover.ledgers.books import nuls
from spillover.ledgers.books.chain import genesis
from spillover.ledgers.books.names import RandomBits, add_account, find_account
from spillover.ledgers.books.outbox import queue
from spillover.ledgers.books.tables import Tables, single
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.amounts import AMOUNT_MAX
from spillover.model.errors import InvalidInput, StoreError, UnknownName
from spillover.model.event import Entry
from spillover.ports import Push, Terms

ID_BITS = 53
TEXT_MAX = 1000
"""Characters of a reason, an actor, a reference."""

_encode = msgspec.json.Encoder().encode
_profile = msgspec.json.Decoder(Profile).decode
NO_LOTS: Mapping[int, Lot] = {}


def newest(tables: Tables, account: int) -> Profile:
    """The account's newest terms. Raises UnknownName; StoreError if they are not what was written."""
    payload = single(tables, str, "terms.newest", account)
    if payload is None:
        raise UnknownName("account", str(account), "the id of an account that was put before")
    return read_profile(account, payload)


def read_profile(account: int, payload: str) -> Profile:
    """Terms as they were written. Raises StoreError if they cannot be read."""
    try:
        return _profile(payload)
    except msgspec.DecodeError as error:
        raise StoreError(
            f"terms of account {account}: found a version that cannot be read ({error}), expected a profile;"
            " run an audit, and restore a backup"
        ) from error


def profile_of(tables: Tables, account: int, version: int) -> Profile:
    """The account's terms of that version. Raises UnknownName."""
    payload = single(tables, str, "terms.version", account, version)
    if payload is None:
        raise UnknownName("version", f"{version} of account {account}", "a version of its terms")
    return read_profile(account, payload)


def put(
    tables: Tables,
    name: str,
    terms: Terms,
    *,
    at: int,
    reason: str,
    actor: str,
    only_new: bool,
    expected: Profile | None = None,
    random_bits: RandomBits,
) -> Profile:
    """Create the account or change its terms; the same terms again change nothing and make no version.

    `only_new`: an account that exists stays as it is. `expected`: one with other newest terms does, and none is made.
    """
    check_instant("at", at)
    check_text("account", name)
    check_text("reason", reason)
    check_text("actor", actor)
    account = find_account(tables, name)
    if account is None and expected is None:
        tables.alone(f"name {name}")
        account = find_account(tables, name)
    tables.lock({id_ for id_ in (account, expected and expected.account) if id_})
    if expected is not None:
        found = newest(tables, expected.account)
        if account != expected.account or found != expected:
            return found
    entries: tuple[Entry, ...] = ()
    if account is None:
        profile = _create(tables, name, terms, at, random_bits)
    else:
        before = newest(tables, account)
        profile = before if only_new else _changed(before, terms)
        if profile == before:
            return before
        entries = _entries(before, profile)
        profile = next_version(tables, profile, at)
    keep(tables, Push(profile, entries=entries, reason=reason, actor=actor), at=at)
    return profile


def _create(tables: Tables, name: str, terms: Terms, at: int, random_bits: RandomBits) -> Profile:
    if terms.plan is None:
        raise InvalidInput("plan", "none", f"a plan for the new account {name!r}")
    account = 0
    while not account or single(tables, int, "terms.exists", account) is not None:
        account = random_bits(ID_BITS)
    add_account(tables, account, name)
    heads = [genesis(table, account) for table in ("usage_events", "monetization_events", "balance_updates")]
    tables.run("terms.create", account, *heads)
    return _changed(Profile(account, 1, terms.plan, at), terms)


def _changed(profile: Profile, terms: Terms) -> Profile:
    given: dict[str, Any] = {name: value for name, value in msgspec.structs.asdict(terms).items() if value is not None}
    for field in ("anchor", "next_at"):
        if field in given:
            check_instant(field, given[field])
    if given.get("next_plan") and "next_at" not in given:
        raise InvalidInput("next_at", "none", f"the instant from which the plan is {given['next_plan']!r}")
    if "plan" in given:
        given.setdefault("next_plan", "")
    if given.get("next_plan") == "":
        given["next_at"] = NEVER
    if (gift := given.pop("gift", None)) is not None:
        given["gifts"] = with_gift(profile.gifts, gift)
    return msgspec.structs.replace(profile, **given)


def with_gift(gifts: Sequence[tuple[str, int]], gift: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    """The gifts that are remembered, with this one in place of what was known of it."""
    name, due = gift
    check_text("gift", name)
    check_instant("gift", due)
    return (*(known for known in gifts if known[0] != name), (name, due))


def _entries(before: Profile, after: Profile) -> tuple[Entry, ...]:
    """What the statement says of changed terms: a plan, and what belongs to the account's state."""
    found = [
        Entry("plan_change", "plan", before.plan, after.plan),
        Entry("state_change", "state", before.state, after.state),
        Entry("state_change", "consent", _yes(before.consent), _yes(after.consent)),
        Entry("state_change", "zone", before.zone, after.zone),
        Entry("state_change", "billing_day", str(before.anchor), str(after.anchor)),
    ]
    return tuple(entry for entry in found if entry.before != entry.after)


def _yes(value: bool) -> str:
    return "true" if value else "false"


def next_version(
    tables: Tables,
    profile: Profile,
    at: int,
    live: Mapping[int, Lot] = NO_LOTS,
    gone: Container[int] = (),
) -> Profile:
    """The profile of the next version, made at that instant: with the `live` lots, without those `gone`, drained or
    expired, and without overrides whose time is over.

    A lot's ledger balance is its cell plus draws that are not settled yet plus what holds keep: at 0 the hot state has
    nothing of it either, unless something is still on its way into it. An expired lot leaves with what it still has, as
    nothing can be drawn from it. A request may carry a time that is a little older than the newest one, so a lot stays
    for as long behind its expiry.
    """
    rows = tables.many("terms.drained", [(profile.account, old.id) for old in profile.lots])
    out = {id_ for id_, drained in rows if drained}
    lots = {old.id: old for old in profile.lots if old.id not in out and old.expires > at - TOLERANCE} | dict(live)
    return msgspec.structs.replace(
        profile,
        version=profile.version + 1,
        lots=burn_order(lot for lot in lots.values() if lot.id not in gone),
        overrides=tuple(one for one in profile.overrides if one.until > at - TOLERANCE),
    )


def keep(tables: Tables, push: Push, *, at: int) -> None:
    """Write the push's profile as the account's newest version and queue the push.

    Raises InvalidInput for one that could not be read again: versions are never changed, so it would stay for ever.
    """
    profile = push.profile
    account, version = profile.account, profile.version
    due = _due(profile)
    tables.run("terms.add_version", account, version, _payload(profile), at, push.reason, push.actor)
    tables.run("terms.set_version", account, version, due)
    queue(tables, push)


def _due(profile: Profile) -> int:
    """When terms fall due next: the scheduled plan, a gift of the present one. A closed account is given nothing."""
    gifts = [instant for name, instant in profile.gifts if name.startswith(f"{profile.plan}/")]
    scheduled = profile.next_at if profile.next_plan else NEVER
    return min([scheduled, *gifts]) if profile.state != "closed" else scheduled


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
    if nuls.in_json(payload):
        raise InvalidInput("terms", repr(profile)[:TEXT_MAX], "texts without NUL characters")
    return payload.decode()


def check_instant(field: str, value: object) -> None:
    """Raises InvalidInput unless it is an instant that the books can hold."""
    if type(value) is not int or not 0 <= value <= AMOUNT_MAX:
        raise InvalidInput(field, repr(value), "milliseconds since 1970, from 0 to 2^53 - 1")


def check_text(field: str, value: object) -> None:
    """Raises InvalidInput for what is no text, too long to stand in the books, or one that not every database keeps."""
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise InvalidInput(field, repr(value), f"a text of at most {TEXT_MAX} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidInput(field, repr(value), "a text without lone surrogates") from None
    if nuls.NUL in value:
        raise InvalidInput(field, repr(value), "a text without NUL characters")

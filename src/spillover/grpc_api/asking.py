"""What Envoy asks, by our convention: the entries of a descriptor become a request.

`account` (or another name) says who pays, `feature` what is used (else the request's domain says), `subject` by whom,
`key` under which key, `mode` that it happened already ("record"). Every other entry is an attribute.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from spillover.model.errors import BoundExceeded, InvalidInput

DESCRIPTORS_MAX = 16
"""Descriptors of one request."""
ENTRIES_MAX = 24
"""Entries of one descriptor: the attributes of a request, and what the convention names, with some to spare."""
MODES = ("exact", "record")


class Convention(Struct, frozen=True):
    """How descriptors are read. `account`: the entry that names who pays. `features`: domain -> feature, for
    descriptors without an entry `feature`; a domain that is not in it is the feature's own name."""

    account: str = "account"
    features: Mapping[str, str] = MappingProxyType({})


class Wanted(Struct, frozen=True):
    """What one descriptor asks. `hits` 0: only whether one more would pass, nothing is taken. `recorded`: it happened
    already."""

    account: str
    feature: str
    hits: int
    key: str
    subject: str | None
    attributes: dict[str, str]
    recorded: bool

    @property
    def taken(self) -> bool:
        """Whether it is decided and then taken."""
        return bool(self.hits) and not self.recorded

    @property
    def words(self) -> dict[str, Any]:
        """What every verb is given beside account, feature and usage."""
        return {"subject": self.subject, "attributes": self.attributes}


def wanted_of(convention: Convention, request: Any) -> tuple[Wanted, ...]:  # noqa: ANN401  # RateLimitRequest
    """What a RateLimitRequest asks, in its order. Raises InvalidInput, BoundExceeded.

    Without any key a fresh one is made. With one, a descriptor that has none of its own is known by the first.
    """
    count = len(request.descriptors)
    if not request.domain:
        raise InvalidInput("domain", "none", "the domain of the rate limit filter")
    if not count:
        raise InvalidInput("descriptors", "none", f"1 to {DESCRIPTORS_MAX}")
    if count > DESCRIPTORS_MAX:
        raise BoundExceeded("descriptors", count, DESCRIPTORS_MAX, "send fewer in one request")
    read = [_entries(at, descriptor.entries) for at, descriptor in enumerate(request.descriptors)]
    first = next((entries["key"] for entries in read if "key" in entries), "") or secrets.token_hex(16)
    return tuple(
        _wanted(convention, request, at, entries, _key(entries.get("key", first), at, count))
        for at, entries in enumerate(read)
    )


def _key(key: str, at: int, count: int) -> str:
    # Many gateways send one request id in every descriptor: the place keeps these apart, in a retry alike.
    return key if count == 1 else f"{key}#{at + 1}"


def _entries(at: int, entries: Sequence[Any]) -> dict[str, str]:
    if len(entries) > ENTRIES_MAX:
        raise BoundExceeded(f"descriptors[{at}].entries", len(entries), ENTRIES_MAX, "send only those that are needed")
    found: dict[str, str] = {}
    for entry in entries:
        if found.setdefault(entry.key, entry.value) != entry.value:
            raise InvalidInput(f"descriptors[{at}].{entry.key}", "two values", "one entry of a name")
    return found


def _wanted(
    convention: Convention, request: Any, at: int, entries: dict[str, str], key: str,  # noqa: ANN401
) -> Wanted:  # fmt: skip
    entries.pop("key", None)
    account, mode = entries.pop(convention.account, ""), entries.pop("mode", "exact")
    if not account:
        raise InvalidInput(f"descriptors[{at}]", "nobody who pays", f"an entry {convention.account!r}")
    if mode not in MODES:
        raise InvalidInput(f"descriptors[{at}].mode", repr(mode), " or ".join(MODES))
    feature = entries.pop("feature", "") or convention.features.get(request.domain, request.domain)
    subject = entries.pop("subject", None) or None
    own, given = request.descriptors[at], request.hits_addend or 1
    hits = own.hits_addend.value if own.HasField("hits_addend") else given
    return Wanted(account, feature, hits, key, subject, entries, mode == "record")


def about(wanted: Sequence[Wanted]) -> Iterator[tuple[str, str]]:
    """The account and feature of each, for the bounds of a key."""
    return ((one.account, one.feature) for one in wanted)

"""The names of keys and the form of values (decision 0006): all that a shard has carries its tag.

PREFIX{S}:a:ACCOUNT      hash: the cells that are not 0; `!e` epoch, `!s` sequence, `!v` version, `!x` 1 if it is shut
PREFIX{S}:p:ACCOUNT      the profile, msgpack
PREFIX{S}:h:ACCOUNT      hash of open holds: id -> "DUE RECORD"
PREFIX{S}:d:ACCOUNT      sorted set of their ids by due
PREFIX{S}:k:ACCOUNT:KEY  "EPOCH SEQUENCE STREAM-ID FINGERPRINT", expiring; the id is 0-0 where the stream never had it
PREFIX{S}:n:ACCOUNT      sorted set of "FEATURE\\0REASON\\0MINUTE" by minute * COUNTS + how often, expiring
PREFIX{S}:due            sorted set of RANK(ACCOUNT) + id of the shard's open holds by due
PREFIX{S}:shut           sorted set of RANK(ACCOUNT) of accounts that are shut
PREFIX{S}:stream         `a` account, `e` epoch, `s` sequence, `k` key, `p` payload
PREFIX{S}:x:CALL         a call of which no more is to be heard, expiring
PREFIXbooks              the id of the books that all this belongs to; in a Cluster PREFIX{0}:books
PREFIXstore              this hot store's own id, which the books keep too; in a Cluster PREFIX{0}:store

A cell whose name begins with `!` has one more of it in front.
"""

from __future__ import annotations

from typing import Any

import msgspec

from spillover.core.shards import shard_of
from spillover.model.account import Profile
from spillover.model.commit import Cells, OpenHold, State
from spillover.model.event import StreamEntry

COUNTS = 2**20
"""One more than the most denials that are counted of one account, feature, reason and minute."""
PLACE = ("!e", "!s", "!v", "!x")
NO_ENTRY = b"0-0"
BOOKED = b"+"
"""Before the stream id behind a key whose event was in the books when the account was put back."""

encode_profile = msgspec.msgpack.Encoder().encode
decode_profile = msgspec.msgpack.Decoder(Profile).decode


class Layout:
    """Names under one prefix, for one number of shards."""

    def __init__(self, prefix: str, shards: int) -> None:
        self.prefix, self.shards = prefix, shards
        self.tags = [f"{prefix}{{{shard}}}:" for shard in range(shards)]
        self.streams = [f"{tag}stream" for tag in self.tags]

    def shard(self, account: int) -> int:
        """The account's shard."""
        return shard_of(account, self.shards)

    def stream(self, account: int) -> str:
        """The stream of the account's shard."""
        return self.streams[account % self.shards]

    def of(self, kind: str, account: int) -> str:
        """One of the account's keys: `kind` is a, p, h, d or n."""
        return f"{self.tags[account % self.shards]}{kind}:{account}"

    def ids(self, *, cluster: bool) -> tuple[str, str]:
        """Where the id of the books stands, and the store's own."""
        place = self.tags[0] if cluster else self.prefix
        return f"{place}books", f"{place}store"

    def key(self, account: int, key: str) -> str:
        """What is remembered of an idempotency key."""
        return f"{self.tags[account % self.shards]}k:{account}:{key}"

    def state(self, account: int) -> tuple[str, str]:
        """The keys a and p of the account."""
        tag = self.tags[account % self.shards]
        return f"{tag}a:{account}", f"{tag}p:{account}"


def rank(account: int) -> str:
    """Text that sorts as the account's id does, 16 digits."""
    return f"{account + 2**63:016x}"


def account_of(rank: bytes) -> int:
    """The account of that rank."""
    return int(rank, 16) - 2**63


def field_of(cell: str) -> str:
    """The name of a cell's field."""
    return f"!{cell}" if cell.startswith("!") else cell


def pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """What HGETALL answered."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def place_of(values: list[bytes | None]) -> tuple[int, int, int, bool]:
    """Epoch, sequence, version and whether it is shut, from the fields of PLACE."""
    epoch, sequence, version, shut = (int(value or 0) for value in values)
    return epoch, sequence, version, bool(shut)


def state_of(flat: list[bytes], profile: bytes | None) -> State:
    """An account's whole state."""
    found = pairs(flat)
    epoch, sequence, _, shut = place_of([found.pop(name.encode(), None) for name in PLACE])
    cells: Cells = {}
    for name, value in found.items():
        cells[(name[1:] if name.startswith(b"!") else name).decode()] = int(value)
    return State(epoch, sequence, decode_profile(profile) if profile else None, cells, shut)


def hold_of(account: int, id: bytes, value: bytes) -> OpenHold:
    """An open hold from its field."""
    due, _, record = value.partition(b" ")
    return OpenHold(account, id.decode(), int(due), record)


def entry_of(fields: list[bytes]) -> StreamEntry:
    """A stream entry from its fields, in the order in which they were written."""
    return StreamEntry(int(fields[1]), int(fields[3]), int(fields[5]), fields[7].decode(), fields[9])


def remembered(value: bytes) -> tuple[int, int, bytes, str]:
    """Epoch, sequence, stream id and fingerprint behind a key."""
    epoch, sequence, entry, fingerprint = value.split(b" ", 3)
    return int(epoch), int(sequence), entry.removeprefix(BOOKED), fingerprint.decode()


def is_booked(value: bytes) -> bool:
    """Whether a rebuild has found in the books what this key made."""
    return value.split(b" ", 3)[2].startswith(BOOKED)


def text_of(data: bytes) -> msgspec.Raw:
    """Bytes for a script, within MessagePack: servers' own reader knows them as text only, of any content."""
    return msgspec.Raw(b"\xdb" + len(data).to_bytes(4, "big") + data)


class Texts(dict[Any, Any]):
    """Facts of INFO, name -> text."""

    @classmethod
    def of(cls, info: bytes | str) -> Texts:
        """From what the server said."""
        text = info if isinstance(info, str) else info.decode("utf-8", "replace")
        lines = (line.partition(":") for line in text.splitlines() if line and not line.startswith("#"))
        return cls((name, value) for name, _, value in lines)

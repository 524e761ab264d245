"""The hot store in Valkey or Redis, one server or a Cluster (decision 0006)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from spillover.core.shards import SHARDS
from spillover.model.commit import (
    Backlog,
    Commit,
    Duplicate,
    OpenHold,
    Outcome,
    Place,
    Standing,
    State,
    Unanswered,
)
from spillover.model.errors import PartUnavailable, StoreUnavailable, WrongSettings
from spillover.model.event import StreamEntry
from spillover.model.reports import DenialCount
from spillover.ports import Again, Durability
from spillover.stores.valkey.address import parse
from spillover.stores.valkey.checks import NodeFacts
from spillover.stores.valkey.clocks import clocks_of
from spillover.stores.valkey.committing import Committing
from spillover.stores.valkey.encoding import Booked, known_key
from spillover.stores.valkey.exchange import Call, Exchange, Failed
from spillover.stores.valkey.holdings import Holdings
from spillover.stores.valkey.layout import (
    NO_ENTRY,
    PLACE,
    Layout,
    decode_profile,
    field_of,
    is_booked,
    place_of,
    remembered,
)
from spillover.stores.valkey.link import Broken, Command, Deadline, Later, Reply, unavailable
from spillover.stores.valkey.owner import Bind, Binding, Owner
from spillover.stores.valkey.servers import Servers
from spillover.stores.valkey.shards import SCRIPTS, Shards
from spillover.stores.valkey.standings import Standings
from spillover.stores.valkey.stream import Streams

T = TypeVar("T")

RETENTION_MS = 86_400_000
NAMES_MAX = 4_000
"""Cells that a script names at once; for more the whole account is read."""
OPENING_MS = 5_000
"""How long a server is waited for at opening, at most: whoever asks for more time asks it for long work."""


class ValkeyHotStore:
    """A `HotStore` in Valkey, or Redis 6.2 and newer: one server, or a Cluster with an account in one slot.

    `url`: valkey://host:port/db, valkeys:// for TLS, valkey+cluster://host:port,host:port; redis:// likewise.
    `strict`: answered when synced (`appendfsync always`) and, where replicas are attached, when one of them has it; if
    none confirms in time that is StoreUnavailable, the primary keeps what it has, and the key decides. `fast`: answered
    before; a crash of the server's machine may lose about a second, a failover what was not replicated yet.
    `booked`: the payload that the ledger has under a key, for keys whose entries were acknowledged; where it has none
    a Duplicate's payload is empty. `books`: the id of these books, kept beside the hot state; where that of others
    stands it is refused (WrongSettings), at opening and whenever a server is connected to again. "": nothing is asked
    or kept. `binding`: the books themselves, which keep this store's own id; another store, or an empty one, is refused
    in the same way, as `bind` says (`owner.Bind`). A server that was emptied since it was opened gets both ids again,
    unless the books go with another one by then. `seen`: the store's id as this process has seen it before.
    `timeout_ms`: what one call may take, tries included (a batch of more than 128 items is several calls).
    `retention_ms`: how long a key is known after its commit.

    A call whose answer was lost is sent again once: what it had done answers Duplicate then, never Committed, so an
    engine tells it as the answer of then; denials may be counted twice. Denials are kept for 31 days, the last 10,000
    of an account. In a Cluster one server that does not answer fails its own accounts only (Unanswered, or
    PartUnavailable), and is not waited for again until it answers (`doubts`). While a slot is moved key by key commits
    on it fail, the first after the time limit (`trying`).
    Used by one thread at a time; after an error the next call starts afresh. Raises WrongSettings, StoreUnavailable;
    InvalidInput for the URL.
    """

    def __init__(
        self,
        url: str,
        durability: Durability = "strict",
        *,
        booked: Booked,
        books: str = "",
        binding: Binding | None = None,
        bind: Bind = "bind",
        seen: str = "",
        timeout_ms: int = 2_000,
        prefix: str = "spillover:",
        retention_ms: int = RETENTION_MS,
    ) -> None:
        address = parse(url)
        self._layout = layout = Layout(prefix, SHARDS)
        self._booked = booked
        self._owner = Owner(layout.ids(cluster=address.cluster), books, binding, bind, seen)
        self._servers = Servers(address, durability, SCRIPTS.values(), self._owner)
        self._exchange = Exchange(self._servers, timeout_ms)
        self._shards = Shards(self._exchange, layout)
        self._committing = Committing(self._shards, booked, retention_ms, by_shard=address.cluster)
        self._streams = Streams(self._shards)
        self._holdings = Holdings(self._shards)
        self._standings = Standings(self._shards, retention_ms)
        self._closed = False
        try:
            self._begin()
        except BaseException:
            self._servers.close()
            raise

    def _begin(self) -> None:
        # A read of each shard opens a connection to every server of theirs, which checks its settings.
        streams = zip(self._shards.slots, self._layout.streams, strict=True)
        calls = [Call(slot, (("EXISTS", stream),)) for slot, stream in streams]
        replies = self._exchange.each(calls, Deadline(min(self._exchange.timeout_ms, OPENING_MS)))
        for shard, reply in enumerate(replies):
            # One dead server of several keeps nobody from opening, but for that of shard 0: it has the ids.
            if isinstance(reply, Failed) and (not shard or not isinstance(reply.error, PartUnavailable)):
                raise reply.error

    @property
    def shards(self) -> int:
        """How many streams there are."""
        return SHARDS

    @property
    def id(self) -> str:
        """The store's own id, as it stood when it was last seen to be that of the books; "" if it was not."""
        return self._owner.seen

    def take(self, *, reason: str, actor: str) -> bool:
        """Bind the books to this store, whatever they were bound to before; whether they were not yet.

        Raises WrongSettings where it is that of other books, StoreUnavailable, StoreFull.
        """
        self._require_open()
        return self._owner.take(self._ask_owner, self._servers.place(), reason=reason, actor=actor)

    def require_own(self) -> None:
        """Raises WrongSettings where the books go with another store by now, and as a read does.

        Then each call raises it until they go with this one again, as each has to connect anew.
        """
        self._require_open()
        try:
            if self._owner.asks:
                self._owner.hold(self._ask_owner, self._servers.place())
        except WrongSettings:
            self._servers.close()
            raise

    def _ask_owner(self, command: Command) -> Reply:
        replies = self._exchange.run([Call(self._shards.slots[0], (command,), writes=command[0] == "SET")])[0]
        return replies[0] if replies else None

    @property
    def unchecked(self) -> tuple[str, ...]:
        """Settings that the servers' owner lets nobody read, so that they could not be checked; "NODE: NAME"."""
        found = (link.facts for link in self._servers.links)
        return tuple(f"{facts.node}: {name}" for facts in found if facts is not None for name in facts.unchecked)

    def facts(self) -> list[NodeFacts]:
        """Every primary as it is now. Raises StoreUnavailable, WrongSettings."""
        return self._looked(self._servers.facts)

    def clocks(self) -> dict[str, int]:
        """Primary -> how far (ms) its clock is ahead of this machine's, about. Raises StoreUnavailable."""
        return self._looked(lambda deadline: clocks_of(self._servers, deadline))

    def _looked(self, look: Callable[[Deadline], T]) -> T:
        self._require_open()
        try:
            return look(self._exchange.deadline())
        except (Broken, Later) as error:
            raise unavailable(str(self._servers.address), str(error), self._exchange.timeout_ms) from None

    async def load(self, account: int, names: Sequence[str]) -> State:
        self._require_open()
        if len(names) > NAMES_MAX:
            state = self._standings.whole(account)
            state.cells = {name: state.cells.get(name, 0) for name in names}
            return state
        of = self._layout.of
        fields = (*PLACE, *(field_of(name) for name in names))
        values, profile = self._shards.script("load", account, (of("a", account), of("p", account)), fields)
        epoch, sequence, _, shut = place_of(values[: len(PLACE)])
        cells = {name: int(value or 0) for name, value in zip(names, values[len(PLACE) :], strict=True)}
        return State(epoch, sequence, decode_profile(profile) if profile else None, cells, shut)

    async def commit(self, batch: Sequence[Commit], again: Again | None = None) -> list[Outcome | Unanswered]:
        self._require_open()
        return self._committing.commit(batch, again)

    async def find(self, account: int, key: str) -> Duplicate | None:
        self._require_open()
        value = self._shards.one(account, "GET", self._layout.key(account, key))
        if value is None:
            return None
        epoch, sequence, entry, _ = remembered(value)
        payload = self._streams.payload(account, epoch, sequence, entry) if entry != NO_ENTRY else None
        if payload is None and not is_booked(value):
            place = self._standings.places([account]).get(account)
            if place is not None and epoch < place.epoch:  # a rebuild has left it out: nobody has that event
                return None
        # An engine answers what it finds: it must be as safe as what it commits.
        self._streams.confirm((self._layout.shard(account),))
        return known_key(account, key, value, payload, self._booked)

    async def hold(self, account: int, id: str) -> OpenHold | None:
        self._require_open()
        return self._holdings.hold(account, id)

    async def holds(self, account: int) -> list[OpenHold]:
        self._require_open()
        return self._holdings.holds(account)

    async def due(
        self, until: int, limit: int, account: int | None = None, shards: Sequence[int] | None = None
    ) -> list[OpenHold]:
        self._require_open()
        return self._holdings.due(until, limit, account, shards)

    async def denials(self, account: int, since: int, until: int, limit: int) -> list[DenialCount]:
        self._require_open()
        return self._holdings.denials(account, since, until, limit)

    async def read(self, limit: int, shards: Sequence[int] | None = None) -> list[StreamEntry]:
        self._require_open()
        return self._streams.read(limit, shards)

    async def entries(self, account: int, limit: int) -> list[StreamEntry]:
        self._require_open()
        return self._streams.entries(account, limit)

    async def acknowledge(self, entries: Sequence[StreamEntry]) -> None:
        self._require_open()
        self._streams.acknowledge(entries)

    async def backlog(self, shards: Sequence[int] | None = None) -> Backlog:
        self._require_open()
        return self._streams.backlog(shards)

    async def places(self, accounts: Sequence[int]) -> dict[int, Place]:
        self._require_open()
        return self._standings.places(accounts)

    async def standing(self, account: int) -> Standing | None:
        self._require_open()
        return self._standings.standings([account]).get(account)

    async def standings(self, accounts: Sequence[int]) -> dict[int, Standing]:
        self._require_open()
        return self._standings.standings(accounts)

    async def shut(self, account: int) -> Place:
        self.require_own()  # a rebuild begins so: never here, where the books go with another hot state by now
        return self._standings.shut(account)

    async def shut_accounts(self, limit: int) -> list[int]:
        self._require_open()
        return self._standings.shut_accounts(limit)

    async def put_back(self, standing: Standing) -> bool:
        self._require_open()
        return self._standings.put_back(standing)

    async def close(self) -> None:
        self._closed = True
        self._servers.close()

    def _require_open(self) -> None:
        if self._closed:
            raise StoreUnavailable("valkey: found the store closed, expected an open one; connect again")

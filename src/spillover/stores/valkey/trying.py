"""Calls are tried until they are answered, as long as there is time, and wherever that cannot do harm.

A call is tried again where the server refused it without doing anything (moved, loading, busy, a slot on its way, a
script forgotten). A call whose answer was lost is tried again too, except one that is marked `once`: there its caller
decides.

In a Cluster each call fails alone, as each account lives on one server. All of them together take half of the time
limit, so that who waits behind them still has his turn within his own; and what failed is not waited for again
(`doubts`).

A slot that is moved key by key takes single keys by way of ASK. A commit names keys that are not there yet (that of a
new request, the mark of its call), and a server that is giving a slot away or taking it in answers TRYAGAIN where keys
of a call are missing, also behind ASKING: they may be still to come. So commits on it wait, the first up to the limit,
and those after it fail at once until it has moved. Slots that move whole (CLUSTER MIGRATESLOTS) never answer so.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from redis.exceptions import AskError, MovedError, ResponseError

from spillover.model.errors import PartUnavailable, StoreError, StoreUnavailable
from spillover.stores.valkey.address import Node
from spillover.stores.valkey.calls import Call, Failed, Replies
from spillover.stores.valkey.confirming import confirm, trailer
from spillover.stores.valkey.doubts import Doubts
from spillover.stores.valkey.faults import kind_of, shown, told
from spillover.stores.valkey.link import Broken, Command, Deadline, Later, Link, unavailable
from spillover.stores.valkey.servers import Servers, place_of

PAUSE_MAX = 0.1
TRY_MIN = 0.05
"""Seconds that must be left for another try to begin: one that is cut short leaves it unknown what became of it."""

Place = Node | int | None
"""A server or a slot; None: all of them."""
Sent = tuple[Link, list[int], tuple[Command, ...]]
"""A connection, the calls that are under way on it, and what was sent behind them."""


class Trying:
    """One run of calls: rounds of sending and receiving, until all are answered, have failed, or time is over."""

    def __init__(
        self, servers: Servers, doubts: Doubts, calls: Sequence[Call], deadline: Deadline, timeout_ms: float, *,
        whole: bool,
    ) -> None:  # fmt: skip
        """`whole`: the first failure ends it."""
        self._servers, self._doubts, self._calls = servers, doubts, calls
        self._several, self._whole, self._timeout_ms = servers.address.cluster, whole, timeout_ms
        self._strict = servers.durability == "strict"
        self._limit = deadline.part() if self._several else deadline
        self._replies: list[Replies | Failed] = [None] * len(calls)
        self._pending = list(range(len(calls)))
        self._again: dict[int, tuple[str, Place]] = {}  # what is to be tried again, why, and what was asked
        self._failed = False
        self._asks: dict[int, Node] = {}
        self._pause = 0.0

    def to_the_end(self) -> list[Replies | Failed]:
        """What became of each call. With `whole` there may be nothing yet of others, if one has failed."""
        tries = 0
        while self._pending and not (self._whole and self._failed):
            if tries:
                if self._limit.left() < self._pause + TRY_MIN:
                    self._give_up()
                    break
                time.sleep(self._pause)
            self._pause = min(PAUSE_MAX, 0.002 * 2**tries)
            tries += 1
            self._again = {}
            # Everything is sent before anything is waited for.
            for link, indexes, behind in self._send():
                self._receive(link, indexes, behind)
            self._pending = sorted(self._again)
        return self._replies

    def _send(self) -> list[Sent]:
        groups: dict[Node, list[int]] = {}
        for at, index in enumerate(self._pending):
            try:
                where = self._where(index)
            except Broken as error:  # nobody tells who serves what: the others would ask in vain too
                self._again.update(dict.fromkeys(self._pending[at:], (str(error), None)))
                break
            except Later as error:
                self._later(index, str(error), self._calls[index].slot)
                continue
            problem = self._doubts.resting(where, writes=self._calls[index].writes)
            if problem is None:
                groups.setdefault(where, []).append(index)
            else:
                self._fail([index], self._not_served(problem))
        # A connection that must be made first may take all the time that there is.
        usable = {link.node for link in self._servers.links if link.usable}
        sent = [self._send_to(node, groups[node]) for node in sorted(groups, key=lambda node: node not in usable)]
        return [one for one in sent if one is not None]

    def _where(self, index: int) -> Node:
        """Who is to be asked. Raises Broken, Later."""
        slot = self._calls[index].slot
        if index in self._asks:
            return self._asks[index]
        where = self._servers.node(slot, self._limit)
        if self._doubts.looks(where):
            self._servers.doubt(where)
            where = self._servers.node(slot, self._limit)
        return where

    def _send_to(self, node: Node, indexes: list[int]) -> Sent | None:
        try:
            writes = any(self._calls[index].writes for index in indexes)
            if limit := self._doubts.try_ms(node, writes=writes):
                self._probe(node, Deadline(limit))
            link = self._servers.link(node, self._limit)
            behind = trailer(link, Deadline(limit) if limit else self._limit) if writes and self._strict else ()
            link.send([*(command for index in indexes for command in self._commands(index)), *behind])
        except Later as error:
            for index in indexes:
                self._later(index, str(error), node)
        except Broken as error:
            self._lost(node, indexes, error)
        except StoreError as error:
            self._servers.doubt(node)
            self._fail(indexes, error)
        else:
            return link, indexes, behind
        return None

    def _probe(self, node: Node, limit: Deadline) -> None:
        """A server that was silent has a short time to say that it is there. Raises as `Servers.link`."""
        link = Link(self._servers.address, node)
        try:
            link.connect(limit)
            found = link.try_one(("PING",), limit)
        except Broken as error:
            raise Broken(str(error), sent=False, late=error.late) from None
        finally:
            link.close()
        if isinstance(found, ResponseError):
            raise Later(f"{link.name}: {shown(found)}")

    def _commands(self, index: int) -> list[Command]:
        commands = self._calls[index].commands
        if index not in self._asks:
            return list(commands)
        return [step for command in commands for step in (("ASKING",), command)]

    def _receive(self, link: Link, indexes: list[int], behind: tuple[Command, ...]) -> None:
        refused: list[tuple[int, ResponseError]] = []
        unknown = list(indexes)
        try:
            for index in indexes:
                found = [link.receive(self._limit) for _ in self._commands(index)]
                unknown.remove(index)
                found = found[1::2] if self._asks.pop(index, None) else found
                error = next((one for one in found if isinstance(one, ResponseError)), None)
                if error is None:
                    self._replies[index] = found
                    if not (behind and self._calls[index].writes):
                        self._doubts.answered(link.node, wrote=self._calls[index].writes)
                else:
                    refused.append((index, error))
            if behind:
                unknown = [index for index in indexes if self._calls[index].writes and self._replies[index] is not None]
                *waited, role = [link.receive(self._limit) for _ in behind]
                if unknown:
                    confirm(link, waited[0] if waited else None, role, self._limit)
                    self._doubts.answered(link.node, wrote=True)
        except Broken as error:
            self._lost(link.node, unknown, error)
        except StoreError as error:  # no replica has it, and who waits behind it must not wait for one as long again
            if self._several:
                problem = str(error).partition(";")[0]
                self._doubts.failed(link.node, problem, silent=True, writes=True)
            self._fail(unknown, error)
        for index, said in refused:
            self._refused(link, index, said)

    def _lost(self, node: Node, indexes: list[int], error: Broken) -> None:
        """No connection, or no answer on it. Where there was none before either, it is not waited for."""
        self._servers.doubt(node)
        before = self._doubts.has(node)
        if self._several and (error.late or not error.sent):
            self._doubts.failed(node, str(error), silent=error.late)
        for index in indexes:
            self._replies[index] = None
            if before and not error.sent:
                self._fail([index], self._not_served(str(error)))
            elif not (error.sent and self._calls[index].once):
                self._again[index] = str(error), node

    def _refused(self, link: Link, index: int, said: ResponseError) -> None:
        kind, slot = kind_of(said), self._calls[index].slot
        problem = f"{link.name}: {shown(said)}"
        self._again[index] = problem, None
        try:
            match kind:
                case "full" | "other":
                    raise told(link.name, said)
                case "script":
                    self._servers.load(link, self._limit)
                    self._pause = 0.0
                case "moved" if isinstance(said, MovedError):
                    self._servers.moved(slot, place_of(said.host, said.port, link.node))
                    self._pause = 0.0
                case "ask" if isinstance(said, AskError):
                    self._asks[index] = place_of(said.host, said.port, link.node)
                    self._pause = 0.0
                case _:
                    self._not_now(link, index, problem, elsewhere=kind == "elsewhere")
        except Broken as error:  # it went away since; the next try meets that
            self._again[index] = str(error), None
        except StoreError as error:
            del self._again[index]
            self._fail([index], error)

    def _not_now(self, link: Link, index: int, problem: str, *, elsewhere: bool) -> None:
        down = "CLUSTERDOWN" in problem
        if down or elsewhere:
            self._servers.doubt(None if down else link.node)
        place: Place = None if down else self._calls[index].slot if "TRYAGAIN" in problem else link.node
        self._later(index, problem, place)

    def _later(self, index: int, problem: str, place: Place) -> None:
        """To be tried again, but not where it was waited for before."""
        if place is not None and self._several and self._doubts.has(place):
            self._again.pop(index, None)
            self._fail([index], self._not_served(problem))
        else:
            self._again[index] = problem, place

    def _give_up(self) -> None:
        """Time is over. What all of this time was not enough for is not waited for again."""
        for index in self._pending:
            problem, place = self._again[index]
            if place is None or not self._several:
                self._failed, what = True, str(self._servers.address)
                self._replies[index] = Failed(unavailable(what, problem, self._timeout_ms))
                continue
            if isinstance(place, int):
                self._doubts.waited(place)
            else:
                self._doubts.failed(place, problem, silent=False, writes=self._calls[index].writes)
            self._fail([index], self._not_served(problem))

    def _not_served(self, problem: str) -> PartUnavailable:
        return PartUnavailable(
            f"{self._servers.address}: found one of its servers not serving ({problem}), expected an answer; those of"
            " others are served: do the same again in a moment, a request's key decides"
        )

    def _fail(self, indexes: Sequence[int], error: StoreError) -> None:
        """These were not served, by one server: where there are several, that concerns no others."""
        alone = self._several and type(error) is StoreUnavailable
        for index in indexes:
            self._replies[index] = Failed(PartUnavailable(str(error)) if alone else error)
        self._failed = self._failed or bool(indexes)

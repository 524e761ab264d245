"""The servers behind an address: one, or the primaries of a cluster, with a connection to each that was needed."""

from __future__ import annotations

from collections.abc import Iterable

from spillover.model.errors import StoreUnavailable, WrongSettings
from spillover.ports import Durability
from spillover.stores.valkey.address import Address, Node, shown_node
from spillover.stores.valkey.checks import NodeFacts
from spillover.stores.valkey.link import Broken, Deadline, Later, Link
from spillover.stores.valkey.owner import Owner

Slots = tuple[int, int, Node]
"""From the first to the last slot, and who serves them."""


class Servers:
    """Finds the server of a slot. Each new connection has its server's settings checked, and whose hot state it has,
    and the scripts loaded: so a server that was restarted is checked again."""

    def __init__(self, address: Address, durability: Durability, scripts: Iterable[str], owner: Owner) -> None:
        self.address, self.durability, self._owner = address, durability, owner
        self._scripts = tuple(scripts)
        self._links: dict[Node, Link] = {}
        self._slots: list[Slots] = []
        self._moved: dict[int, Node] = {}
        self._stale = True

    def node(self, slot: int, deadline: Deadline) -> Node:
        """Who serves the slot. Raises Broken, Later."""
        if not self.address.cluster:
            return self.address.nodes[0]
        if self._stale:
            self._refresh(deadline)
        if slot in self._moved:
            return self._moved[slot]
        for first, last, node in self._slots:
            if first <= slot <= last:
                return node
        self._stale = True
        raise Later(f"slot {slot} is served by nobody")

    def primaries(self, deadline: Deadline) -> list[Node]:
        """All of them. Raises Broken, Later."""
        if not self.address.cluster:
            return [self.address.nodes[0]]
        if self._stale:
            self._refresh(deadline)
        return list(dict.fromkeys(node for _, _, node in self._slots))

    def link(self, node: Node, deadline: Deadline) -> Link:
        """A connection to it, with nothing under way. Raises Broken, Later, WrongSettings, StoreUnavailable."""
        link = self._links.get(node)
        if link is None:
            self._links[node] = link = Link(self.address, node)
        if not link.usable:
            try:
                link.connect(deadline)
                link.check(self.durability, self.address.cluster, self._scripts, deadline)
                self._owner.require(link, self.place(link), deadline)
            except Broken as error:  # whatever was sent, it was none of the caller's
                raise Broken(str(error), sent=False, late=error.late) from None
            except BaseException:
                link.close()
                raise
        return link

    def place(self, link: Link | None = None) -> str:
        """A server as messages name it, with its database; without one, all that the address names."""
        if self.address.cluster:
            return str(self.address) if link is None else link.name
        return f"{shown_node(self.address.nodes[0])}/{self.address.db}"

    def load(self, link: Link, deadline: Deadline) -> None:
        """Load the scripts again, into a server that has lost them."""
        for script in self._scripts:
            link.ask(("SCRIPT", "LOAD", script), deadline)

    def moved(self, slot: int, where: Node) -> None:
        """The slot is served there now; the others are asked for at the next chance."""
        self._stale = True
        self._moved[slot] = where

    def doubt(self, node: Node | None = None) -> None:
        """Who serves what may have changed; `node`'s connection is given up."""
        self._stale = True
        self._moved.clear()
        if node is not None and node in self._links:
            self._links.pop(node).close()

    @property
    def links(self) -> tuple[Link, ...]:
        """Those that were needed so far."""
        return tuple(self._links.values())

    @property
    def replicated(self) -> bool:
        """Whether a server that was spoken to has replicas."""
        return any(link.replicas for link in self._links.values())

    def facts(self, deadline: Deadline) -> list[NodeFacts]:
        """Every primary as it is now. Raises as `link`."""
        found = []
        for node in self.primaries(deadline):
            link = self.link(node, deadline)
            link.check(self.durability, self.address.cluster, (), deadline)
            if link.facts is not None:
                found.append(link.facts)
        return found

    def _refresh(self, deadline: Deadline) -> None:
        nodes = [*self._moved.values(), *(node for node, link in self._links.items() if link.usable)]
        nodes += [node for _, _, node in self._slots]
        problem = Broken("no node of the cluster could be asked", sent=False)
        for node in dict.fromkeys((*nodes, *self.address.nodes)):
            try:
                self._slots = self._asked(node, deadline.part())  # one that is silent leaves time for the others
            except Broken as error:
                problem = Broken(str(error), sent=False)
                continue
            except Later:
                continue
            self._stale = False
            self._moved.clear()
            return
        raise problem

    def _asked(self, node: Node, deadline: Deadline) -> list[Slots]:
        # A connection of its own: a node that is a replica, or is set wrongly, can say who serves what.
        link = Link(self.address, node)
        link.connect(deadline)
        try:
            rows = link.ask(("CLUSTER", "SLOTS"), deadline)
        except StoreUnavailable as error:
            if "cluster support disabled" in str(error):
                raise WrongSettings(
                    f"{link.name}: found one server, expected a node of a cluster; write the address as valkey://..."
                ) from None
            raise
        finally:
            link.close()
        return [(row[0], row[1], place_of(row[2][0], row[2][1], node)) for row in rows]

    def close(self) -> None:
        """Give back every connection. Safe to repeat."""
        for link in self._links.values():
            link.close()
        self._links.clear()


def place_of(host: bytes | str | None, port: int, asked: Node) -> Node:
    """Where a node is that another one names: without a host it is that one's."""
    name = host.decode() if isinstance(host, bytes) else host
    return (asked[0] if name in (None, "", "?") else str(name)), int(port)

"""Commands and scripts for an account or a shard, wherever it lives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files

from redis.crc import key_slot

from spillover.stores.valkey.exchange import Call, Exchange
from spillover.stores.valkey.layout import Layout
from spillover.stores.valkey.link import Command, Reply

SCRIPTS = {
    name: files("spillover.stores.valkey").joinpath(f"{name}.lua").read_text("utf-8")
    for name in ("commit", "load", "standing", "shut", "put_back")
}
SHAS = {name: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for name, script in SCRIPTS.items()}


class Shards:
    """Used by one thread at a time. All methods raise as `Exchange.run`."""

    def __init__(self, exchange: Exchange, layout: Layout) -> None:
        self.exchange, self.layout = exchange, layout
        self.slots = [key_slot(tag.encode()) for tag in layout.tags]

    def slot(self, account: int) -> int:
        """Where an account's keys are."""
        return self.slots[self.layout.shard(account)]

    def wanted(self, shards: Sequence[int] | None) -> Sequence[int]:
        """These shards, or all, each once and in order."""
        return range(self.layout.shards) if shards is None else sorted(set(shards))

    def call(self, account: int, *command: str | int | bytes) -> Call:
        """A read, to be run with others."""
        return Call(self.slot(account), (command,))

    def run(self, calls: Sequence[Call]) -> list[Reply]:
        """The reply to the first command of each."""
        return [reply[0] if reply else None for reply in self.exchange.run(calls)] if calls else []

    def one(self, account: int, *command: str | int | bytes) -> Reply:
        """The reply to one read."""
        return self.run([self.call(account, *command)])[0]

    def write(self, account: int, *commands: Command) -> None:
        """Some writes that may be repeated."""
        self.exchange.run([Call(self.slot(account), commands, writes=True)])

    def script(
        self, name: str, account: int, keys: Sequence[str], values: Command = (), *, writes: bool = False
    ) -> Reply:
        """A script that may be repeated."""
        return self.run([Call(self.slot(account), (script(name, keys, values),), writes)])[0]


def script(name: str, keys: Sequence[str], values: Command = ()) -> Command:
    """The command that runs a script."""
    return ("EVALSHA", SHAS[name], len(keys), *keys, *values)

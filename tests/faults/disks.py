"""Disks that fail on command: file systems for SQLite that pass everything on until they are told to break.

`FailingDisk` answers writes or syncs with an error. `ForgetfulDisk` keeps what was not synced in memory, as a machine's
page cache does, and loses it when the power goes.
"""
# ruff: noqa: N802  (SQLite names these methods)

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path
from typing import Any

import apsw

_names = (f"disk-{n}" for n in itertools.count())


class FailingDisk(apsw.VFS):
    """Set `fails` to "write", "sync", "read" or "open" and `error` to what SQLite shall be told; None: all works again.

    The first `after` calls of that kind still succeed.
    """

    def __init__(self) -> None:
        self.name = next(_names)
        self.fails: str | None = None
        self.error: type[apsw.Error] = apsw.IOError
        self.after = 0
        self.calls: dict[str, int] = {}
        super().__init__(self.name, "", maxpathname=0)

    def fail(self, kind: str | None, error: type[apsw.Error] = apsw.IOError, after: int = 0) -> None:
        self.fails, self.error, self.after, self.calls = kind, error, after, {}

    def check(self, kind: str) -> None:
        self.calls[kind] = self.calls.get(kind, 0) + 1
        if kind == self.fails and self.calls[kind] > self.after:
            raise self.error(f"planted: {kind}")

    def xOpen(self, name: Any, flags: list[int]) -> FailingFile:
        self.check("open")
        return FailingFile(self, name, flags)


class FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.check("write")
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self.disk.check("sync")
        super().xSync(flags)

    def xRead(self, amount: int, offset: int) -> bytes:
        self.disk.check("read")
        return super().xRead(amount, offset)


class ForgetfulDisk(apsw.VFS):
    """The real files are what the program sees; `durable` is what would be found after the power went."""

    def __init__(self) -> None:
        self.name = next(_names)
        self.durable: dict[str, bytes] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}  # (offset, data), or (size, None) to cut
        super().__init__(self.name, "", maxpathname=0)

    def xOpen(self, name: Any, flags: list[int]) -> ForgetfulFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.durable.setdefault(path, Path(path).read_bytes() if os.path.exists(path) else b"")
        return ForgetfulFile(self, path, name, flags)

    def xDelete(self, path: str, sync: bool) -> None:
        self.durable.pop(path, None)
        self.pending.pop(path, None)
        super().xDelete(path, sync)

    def sync(self, path: str) -> None:
        self.durable[path] = replay(self.durable[path], self.pending.pop(path, []))

    def after_power_loss(self, chance: random.Random) -> dict[str, bytes]:
        """Each file as the disk may have it: what was synced, and any of the other writes, in any order or torn."""
        return {
            path: replay(data, survivors(self.pending.get(path, []), chance)) for path, data in self.durable.items()
        }


class ForgetfulFile(apsw.VFSFile):
    def __init__(self, disk: ForgetfulDisk, path: str, name: Any, flags: list[int]) -> None:
        self.disk, self.path = disk, path
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self.disk.pending.setdefault(self.path, []).append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        self.disk.pending.setdefault(self.path, []).append((size, None))
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        self.disk.sync(self.path)
        super().xSync(flags)


def survivors(writes: list[tuple[int, bytes | None]], chance: random.Random) -> list[tuple[int, bytes | None]]:
    """Some of the writes, as a disk that reorders and tears them by sectors may have kept them."""
    share = chance.choice([0.0, 0.2, 0.5, 0.9, 1.0])
    kept = []
    for offset, data in writes:
        if chance.random() < share:
            torn = (
                data
                if data is None or chance.random() < 0.8
                else data[: chance.randrange(0, len(data), 512) if len(data) > 512 else 0]
            )
            kept.append((offset, torn))
    return kept


def replay(data: bytes, writes: list[tuple[int, bytes | None]]) -> bytes:
    """The content after these writes."""
    content = bytearray(data)
    for offset, written in writes:
        if written is None:
            del content[offset:]
            continue
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(written)] = written
    return bytes(content)

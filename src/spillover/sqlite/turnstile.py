"""Fair turns to write, between processes and threads: a door and a room, each a lock file that the kernel queues at.

With one lock, who releases it takes it again at once and the others starve (40,070/s against 30/s). Here a writer takes
the door, then the room, then opens the door: whoever waits at the door is next in the room. Locks vanish with a
killed process. Fairness only: that two writers never mix is SQLite's own lock, so losing these files costs only turns.
"""

from __future__ import annotations

import fcntl
import os
import threading
import weakref
from types import TracebackType

from spillover.model.errors import StoreUnavailable
from spillover.sqlite.faults import unusable


class Turnstile:
    """One writer's place in the queue of a file: `with turnstile:` is one turn. Not reentrant; one thread at a time."""

    def __init__(self, path: str, wait_s: float = 10.0) -> None:
        self._path, self._wait_s = path, wait_s
        self._door, self._room = _Lock(f"{path}-door"), _Lock(f"{path}-room")

    def __enter__(self) -> None:
        try:
            if not (self._door.take(self._wait_s) and self._room.take(self._wait_s)):
                raise self._stuck()
            self._door.release()
        except BaseException:
            # Also Ctrl-C and what a signal's handler raises: nothing stays taken while this process does other things.
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._room.release()
        except BaseException:
            self._leave()
            raise

    def _leave(self) -> None:
        for lock in (self._room, self._door):
            lock.release()
            lock.close()

    def close(self) -> None:
        """Give back the descriptors. Safe to repeat."""
        self._door.close()
        self._room.close()

    def _stuck(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self._path}: found other writers ahead for more than {self._wait_s:g} s, expected a turn to write;"
            " look for a stopped process that uses this file (continue or kill it), then send the same keys again"
        )


class _Lock:
    """An exclusive lock on a file of its own. `flock` belongs to the descriptor, so threads queue like processes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        _open_locks.add(self)

    def take(self, wait_s: float) -> bool:
        """Wait in the kernel, not by polling; False if the time is over."""
        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return self._queue(wait_s)
        except OSError as error:
            raise unusable(error, self._path) from error
        return True

    def _queue(self, wait_s: float) -> bool:
        # flock knows no time limit, so a thread waits for us; if we give up, it keeps the descriptor and closes it.
        waiter = _Waiter(self._fd)
        try:
            taken = waiter.wait(wait_s)
        except BaseException:
            waiter.give_up()
            self._fd = -1
            raise
        if not taken:
            self._fd = -1
        return taken

    def release(self) -> None:
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class _Waiter:
    """One blocking wait for a descriptor's lock that can be given up, before it ends or after."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._guard = threading.Lock()
        self._taken = threading.Event()
        self._given_up = False

    def wait(self, wait_s: float) -> bool:
        """Whether the lock is ours; if the time is over, the wait is given up. Once only."""
        threading.Thread(target=self._run, name="spillover-turn", daemon=True).start()
        if self._taken.wait(wait_s):
            return True
        with self._guard:
            self._given_up = not self._taken.is_set()
        return not self._given_up

    def give_up(self) -> None:
        """Nobody wants the lock any more: it is let go of, now or as soon as it comes, and the descriptor closed."""
        with self._guard:
            if self._taken.is_set():
                self._let_go()
            self._given_up = True

    def _run(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        with self._guard:
            if self._given_up:
                self._let_go()
            else:
                self._taken.set()

    def _let_go(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)  # closing alone would leave it to a child forked meanwhile
        os.close(self._fd)


_open_locks: weakref.WeakSet[_Lock] = weakref.WeakSet()


def _forget_in_child() -> None:
    # A forked child shares the descriptors: left open, they would hold the lock when the parent is killed.
    for lock in list(_open_locks):
        lock.close()


os.register_at_fork(after_in_child=_forget_in_child)

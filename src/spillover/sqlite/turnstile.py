"""Fair turns to write, between processes and threads: a door and a room, each a lock file that the kernel queues at.

With one lock, who releases it takes it again at once and the others starve (40,070/s against 30/s). Here a writer takes
the door, then the room, then opens the door: whoever waits at the door is next in the room. Locks vanish with a
killed process. Fairness only: that two writers never mix is SQLite's own lock, so losing these files costs only turns.
"""

from __future__ import annotations

import _thread
import fcntl
import os
import threading
import weakref
from collections.abc import Callable
from types import TracebackType

from spillover.model.errors import StoreUnavailable
from spillover.sqlite.faults import unusable


class Turnstile:
    """One writer's place in the queue of a file: `with turnstile:` is one turn. Not reentrant; one thread at a time."""

    def __init__(
        self, path: str, wait_s: float = 10.0, before_waiting: Callable[[Turnstile], object] | None = None
    ) -> None:
        self.path, self._wait_s = path, wait_s
        self._before_waiting = before_waiting
        self._door, self._room = _Lock(f"{path}-door"), _Lock(f"{path}-room")

    def __enter__(self) -> None:
        try:
            if not (self._door.take() and self._room.take()):
                self._wait()
            self._door.release()
        except BaseException:
            # Also Ctrl-C and what a signal's handler raises: nothing stays taken while this process does other things.
            self.close()
            raise

    def _wait(self) -> None:
        if self._before_waiting is not None:
            self._before_waiting(self)
        for lock in (self._door, self._room):
            if not lock.take() and not lock.queue(self._wait_s):
                raise self._stuck()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._room.release()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give back the turn, if it is ours, and the descriptors. Safe to repeat, and to enter again after."""
        for lock in (self._room, self._door):
            lock.release()
            lock.close()

    def _stuck(self) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.path}: found other writers ahead for more than {self._wait_s:g} s, expected a turn to write;"
            " look for a stopped process that uses this file (continue or kill it), then send the same keys again"
        )


class _Lock:
    """An exclusive lock on a file of its own. `flock` belongs to the descriptor, so threads queue like processes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._waiter: _Waiter | None = None
        _open_locks.add(self)

    def take(self) -> bool:
        """Whether it is ours, now or since before. Never waits."""
        self._give_up()
        try:
            if self._fd < 0:
                self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise unusable(error, self._path) from error
        return True

    def queue(self, wait_s: float) -> bool:
        """Wait in the kernel, not by polling; False if the time is over."""
        # flock knows no time limit, so a thread waits for us; if we give up, it keeps the descriptor and closes it.
        self._waiter = _Waiter(self._fd)
        if not self._waiter.wait(wait_s):
            self._give_up()
            return False
        self._waiter = None
        return True

    def _give_up(self) -> None:
        # The waiter is forgotten last: if this is interrupted, whatever comes next does it again.
        if self._waiter is not None:
            self._waiter.give_up()
            self._fd = -1
            self._waiter = None

    def release(self) -> None:
        self._give_up()
        if self._fd >= 0:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the descriptor; in a forked child that leaves the parent's lock alone."""
        self._waiter = None
        if self._fd >= 0:
            fd, self._fd = self._fd, -1  # before it is closed: afterwards the number may be another file's
            os.close(fd)


class _Waiter:
    """One blocking wait for a descriptor's lock that can be given up, before it ends or after.

    Only locks made in C: an exception of a signal's handler in the midst of a `threading.Event` or of a thread's start
    leaves their inner lock taken, and then the thread that has the turn could never say so.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._guard = threading.Lock()
        self._ended = threading.Lock()
        self._ended.acquire()
        self._taken = self._given_up = False

    def wait(self, wait_s: float) -> bool:
        """Whether the lock was given within the time. Once only."""
        _thread.start_new_thread(self._run, ())
        return self._ended.acquire(timeout=wait_s)

    def give_up(self) -> None:
        """Nobody wants the lock any more: it is let go of, now or as soon as it comes. Safe to repeat."""
        with self._guard:
            self._given_up = True
            if self._taken:
                self._let_go()

    def _run(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        with self._guard:
            self._taken = True
            if self._given_up:
                self._let_go()
        self._ended.release()

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            fcntl.flock(fd, fcntl.LOCK_UN)  # closing alone would leave it to a child forked meanwhile
            os.close(fd)


_open_locks: weakref.WeakSet[_Lock] = weakref.WeakSet()


def _forget_in_child() -> None:
    # A forked child shares the descriptors: left open, they would hold the lock when the parent is killed.
    for lock in list(_open_locks):
        lock.close()


os.register_at_fork(after_in_child=_forget_in_child)

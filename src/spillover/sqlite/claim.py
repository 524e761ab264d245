"""A task that one process does at a time: a lock file that is taken or left, and vanishes with a killed process."""

from __future__ import annotations

import fcntl
import os
import weakref

from spillover.sqlite.faults import unusable


class Claim:
    """The claim on a task of a file, such as settling it. A forked child has none of its parent's."""

    def __init__(self, path: str, task: str) -> None:
        self._path = f"{path}-{task}"
        self._fd = -1
        self._held = False
        _claims.add(self)

    def take(self) -> bool:
        """Whether the task is this holder's now; it stays so until `release`. Never waits."""
        if self._held:
            return True
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._held = True
        except BlockingIOError:
            return False
        except OSError as error:
            raise unusable(error, self._path) from error
        finally:
            if not self._held:
                self._close()
        return True

    def release(self) -> None:
        """Leave the task to others. Safe to repeat."""
        if self._held:
            self._held = False
            fcntl.flock(self._fd, fcntl.LOCK_UN)  # closing alone would leave it to any copy of the descriptor
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def forget(self) -> None:
        """In a forked child: close the copy of the descriptor, which would keep the claim when the parent is dead."""
        self._held = False
        self._close()


_claims: weakref.WeakSet[Claim] = weakref.WeakSet()


def _forget_in_child() -> None:
    for claim in list(_claims):
        claim.forget()


os.register_at_fork(after_in_child=_forget_in_child)

"""A task that one process does at a time: a lock file that is taken or left, and vanishes with a killed process."""

from __future__ import annotations

import fcntl
import os

from spillover.sqlite.faults import unusable


class Claim:
    """The claim on a task of a file, such as settling it."""

    def __init__(self, path: str, task: str) -> None:
        self._path = f"{path}-{task}"
        self._fd = -1

    def take(self) -> bool:
        """Whether the task is this holder's now; it stays so until `release`. Never waits."""
        if self._fd >= 0:
            return True
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise unusable(error, self._path) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Leave the task to others. Safe to repeat."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

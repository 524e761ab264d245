"""Where the files of tests lie: in memory where the machine has room for them, so that no test waits for its disk.

Programs and settings are as on a disk, and whoever is killed loses what he would lose there: what was written lives on
in memory as it does in a disk's cache. A disk that fails, is full, or loses its power is tests/faults/disks.py, which
counts on no real one. Long runs (`-m soak`) stay on the disk, with the pauses that it makes. So does everything where
somebody has said so: TMPDIR=/tmp, or --basetemp.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
ROOM = 4 << 30
"""Bytes that must be free: several times what a run keeps at once."""


def choose(marks: str) -> str:
    """Move to memory, for this process and those that it starts, where that is wanted and can be. What was chosen.

    `marks`: the expression of -m that tests are selected by.
    """
    if "TMPDIR" not in os.environ and not re.search(r"(?<!not )\bsoak\b", marks) and _fits(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    return tempfile.gettempdir()


def _fits(folder: Path) -> bool:
    """Whether programs can be written there and run, and their data have room, also beside what others need."""
    try:
        if not os.access(folder, os.W_OK) or os.statvfs(folder).f_flag & os.ST_NOEXEC:
            return False
        return min(shutil.disk_usage(folder).free, _available()) >= ROOM
    except (OSError, AttributeError):  # no such folder, or no such flag: not Linux
        return False


def _available() -> int:
    """Bytes of memory that programs can have without others being pushed out. Raises OSError where none can say."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise OSError("found no MemAvailable")

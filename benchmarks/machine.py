"""The machine, in a few lines, as every figure depends on it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from time import perf_counter

import apsw

from benchmarks.figures import percentile

SYNCS = 100


def describe(directory: Path) -> dict[str, str]:
    """What the figures depend on, by name."""
    usual, slow = _sync_times(directory)
    return {
        "processor": f"{_processor()}, {_usable_cores()} cores for this process",
        "system": f"{platform.system()} {platform.release()}",
        "busy before the run": _load(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": f"{apsw.sqlite_lib_version()} (apsw {apsw.apsw_version()})",
        "file system": f"{_file_system(directory)} under the databases",
        "write and sync, 4 KiB": f"p50 {usual:,.0f}, p99 {slow:,.0f} microseconds",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _load() -> str:
    if not hasattr(os, "getloadavg"):
        return "unknown"
    load = os.getloadavg()[0]
    verdict = "quiet" if load < 0.3 else "other work was running, and figures suffer"
    return f"load {load:.2f} in the last minute ({verdict})"


def _file_system(directory: Path) -> str:
    """The type of the mount that holds the directory."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    except OSError:
        return "unknown"
    real = directory.resolve()
    holding = [(len(mount[1]), mount[2]) for mount in mounts if real.is_relative_to(mount[1])]
    return max(holding)[1] if holding else "unknown"


def _sync_times(directory: Path) -> tuple[float, float]:
    """p50 and p99, in microseconds, of writing one page and syncing it as SQLite does."""
    sync = getattr(os, "fdatasync", os.fsync)
    path = directory / "sync"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            begun = perf_counter()
            file.write(b"x" * 4096)
            sync(file.fileno())
            took.append((perf_counter() - begun) * 1e6)
    path.unlink()
    return percentile(took, 50), percentile(took, 99)

"""Nothing outlives the tests: a small process that ends the servers and removes their folder once the tests are gone.

`python keeper.py FOLDER PID`: reads "+PID" and "-PID" lines, a server that began and one that ended. When its input
ends, or process PID is gone (killed, say), it kills what is left, whatever state that is in, and removes FOLDER.
"""

import atexit
import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

LOOK = 1.0
"""How often (s) the keeper looks whether its owner lives: a forked child may hold the pipe open for longer."""


def children(pid: int) -> list[int]:
    """The processes that this one started; none where the system cannot say."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


def signalled(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_all(pid: int) -> list[int]:
    """End the process and those that it started, at once, as a crash of the machine would; all of their ids."""
    signalled(pid, signal.SIGSTOP)  # it starts no more of them meanwhile
    family = [pid, *children(pid)]
    for one in family:
        signalled(one, signal.SIGKILL)
    return family


def give_back_memory(data: Path) -> None:
    """Remove the few bytes of shared memory that a killed PostgreSQL leaves; its lock file names them."""
    lock = data / "postmaster.pid"
    lines = lock.read_text().splitlines() if lock.exists() else []
    if len(lines) > 6 and len(words := lines[6].split()) == 2:
        ctypes.CDLL(None).shmctl(int(words[1]), 0, None)  # 0: IPC_RMID


class Keeping:
    """This process's folder for servers, and the keeper that watches over both; begun with the first server."""

    def __init__(self) -> None:
        self.owner = os.getpid()
        self.folder = Path(tempfile.mkdtemp(prefix="spillover-servers-"))
        self.folder.chmod(0o711)  # a server that runs as another user must reach its own folder
        command = [sys.executable, "-I", "-S", __file__, str(self.folder), str(self.owner)]
        self._keeper = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/", start_new_session=True
        )
        atexit.register(self.close)

    def began(self, pid: int) -> None:
        self._say(f"+{pid}\n")

    def ended(self, pid: int) -> None:
        self._say(f"-{pid}\n")

    def _say(self, line: str) -> None:
        pipe = self._keeper.stdin
        if pipe is not None and not pipe.closed:
            pipe.write(line.encode())
            pipe.flush()

    def close(self) -> None:
        """End what is left. The keeper does it, here as when this process is killed."""
        if os.getpid() == self.owner and self._keeper.stdin is not None:  # never in a forked child
            self._keeper.stdin.close()
            self._keeper.wait()


_keeping: Keeping | None = None


def keeping() -> Keeping:
    """The keeping of this process: a forked child that asks for a server gets one of its own."""
    global _keeping  # noqa: PLW0603
    if _keeping is None or _keeping.owner != os.getpid():
        _keeping = Keeping()
    return _keeping


def main() -> None:
    folder, owner = Path(sys.argv[1]), int(sys.argv[2])
    alive, text = set[int](), b""
    while os.getppid() == owner:
        if not select.select([0], [], [], LOOK)[0]:
            continue
        if not (read := os.read(0, 4096)):
            break
        *lines, text = (text + read).split(b"\n")
        for line in lines:
            (alive.add if line[:1] == b"+" else alive.discard)(int(line[1:]))
    for pid in alive:
        kill_all(pid)
    for data in folder.iterdir():
        give_back_memory(data)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

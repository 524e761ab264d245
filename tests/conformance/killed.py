"""Processes that die inside a commit: `python -m tests.conformance.killed PATH` says after each death what it left.

Child after child opens the file and commits the same group; child N is killed (SIGKILL) before its Nth statement, until
one lives. For each a line: "killed" or "done", then the holds as "ID DUE RECORD", then the number of events.
"""

import os
import signal
import sys

from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, add, grant

BEFORE = [grant(add("a", 1), hold=("old", 10, b"1"), key="1"), grant(hold=("kept", 20, b"1"), key="2")]
GROUP = [
    grant(add("a", -1), ended="old", key="3"),
    grant(add("b", 1), hold=("kept", 15, b"2"), key="4"),
    grant(add("c", 1), hold=("new", 30, b"2"), key="5"),
]


def commit_and_die(path: str, at: int) -> None:
    hot = Hot(SQLiteHotStore(path))
    left = iter(range(at, -1, -1))

    def trace(*_: object) -> bool:
        if not next(left):
            os.kill(os.getpid(), signal.SIGKILL)
        return True

    hot.store._db.connection.exec_trace = trace
    hot.commit(*GROUP)
    os._exit(0)


def main() -> None:
    path = sys.argv[1]
    hot = Hot(SQLiteHotStore(path))
    hot.commit(*BEFORE)
    hot.close()
    said = ""
    for at in range(100):
        child = os.fork()
        if not child:
            commit_and_die(path, at)
        _, status = os.waitpid(child, 0)
        said = "done" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        hot = Hot(SQLiteHotStore(path))
        print(said, *(f"{hold.id} {hold.due} {hold.record.decode()}" for hold in hot.due()), len(hot.read()), sep="; ")
        hot.close()
        if said == "done":
            break


if __name__ == "__main__":
    main()

"""A process that writes until it is stopped: `python -m tests.faults.writer PATH DURABILITY NAME BATCH`.

It says "ready", waits for a line, then commits batches in a closed loop and says after each how many items were
answered. Every item adds 1 to the cells `total` and `late` of account 1, and to one that only this writer touches.
"""

import sys
from collections.abc import Iterator

from spillover.model.commit import Commit
from spillover.stores.sqlite import SQLiteHotStore
from tests.conformance.support import Hot, add, grant


def items(name: str, start: int, count: int) -> list[Commit]:
    return [
        grant(add("total", 1), add(name, 1), add("late", 1), key=f"{name}-{n}", payload=f"{name} {n}".encode())
        for n in range(start, start + count)
    ]


def work(hot: Hot, name: str, batch: int) -> Iterator[int]:
    """After each batch, how many items were answered in all."""
    done = hot.load(1, name).cells[name]
    while True:
        hot.commit(*items(name, done, batch))
        done += batch
        yield done


def main() -> None:
    path, durability, name, batch = sys.argv[1:]
    hot = Hot(SQLiteHotStore(path, durability))  # type: ignore[arg-type]
    print("ready", flush=True)
    sys.stdin.readline()
    for done in work(hot, name, int(batch)):
        print(done, flush=True)


if __name__ == "__main__":
    main()

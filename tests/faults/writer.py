"""A process that writes until it is stopped: `python -m tests.faults.writer PATH DURABILITY NAME BATCH AHEAD`.

It says "ready", waits for a line, then commits batches in a closed loop and says after each how many items were
answered. AHEAD batches are prepared beforehand, so that nothing but the store takes time between them. Every item adds
1 to the cells `total` and `late` of account 1, and to one that only this writer touches.
"""

import itertools
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


def batches(name: str, done: int, size: int, ahead: int) -> Iterator[list[Commit]]:
    """Without end; the first ones are made at once."""
    starts = itertools.count(done, size)
    prepared = [items(name, next(starts), size) for _ in range(ahead)]
    return itertools.chain(prepared, (items(name, start, size) for start in starts))


def main() -> None:
    path, durability, name = sys.argv[1:4]
    size, ahead = (int(word) for word in sys.argv[4:])
    hot = Hot(SQLiteHotStore(path, durability))
    done = hot.load(1, name).cells[name]
    work = batches(name, done, size, ahead)
    print("ready", flush=True)
    sys.stdin.readline()
    for batch in work:
        hot.commit(*batch)
        done += size
        print(done, flush=True)


if __name__ == "__main__":
    main()

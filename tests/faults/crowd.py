"""One of several programs that share an account: `python -m tests.faults.crowd URL NAME BATCHES SIZE LIMIT`.

Asks for single units under keys of its own, in batches; one that failed is sent again as it was. Prints a line for each
key that was answered: the key, then its event's sequence or "denied".
"""

import sys
import time

from spillover.engine.drive import drive
from spillover.model.commit import Commit, Committed, Outcome, State
from spillover.model.errors import StoreUnavailable
from spillover.ports import HotStore
from spillover.stores.postgres import PostgresHotStore

ACCOUNT, PATIENCE_S = 7, 60.0
MOST = 2**53 - 1
UNKNOWN = State(1, 0, None, {})


def decide(key: str, limit: int, state: State) -> Commit:
    """One unit where the limit has room, else a denial; true in as wide a box as a real decision's."""
    if state.cells.get("used", 0) < limit:
        box = (("used", 0, limit - 1, None, 1), (f"used by {key.partition('-')[0]}", 0, MOST, None, 1))
        return Commit(ACCOUNT, 1, 0, box, key, "f", key.encode())
    box = (("used", limit, MOST, None, 0),)
    return Commit(ACCOUNT, 1, 0, box, key, "f", denied=("f", "limit", int(time.time() // 60)))


def answers(store: HotStore, keys: list[str], limit: int) -> list[Outcome]:
    items, until = [decide(key, limit, UNKNOWN) for key in keys], time.monotonic() + PATIENCE_S
    while True:
        try:
            return drive(store.commit(items, lambda index, state: decide(keys[index], limit, state)))
        except StoreUnavailable:
            if time.monotonic() > until:
                raise


def main() -> None:
    url, name, batches, size, limit = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
    store = PostgresHotStore(url, booked=lambda account, key, epoch, sequence: key.encode())
    for batch in range(batches):
        keys = [f"{name}-{batch}-{n}" for n in range(size)]
        for key, outcome in zip(keys, answers(store, keys, limit), strict=True):
            denied = isinstance(outcome, Committed) and f"used by {name}" not in outcome.cells
            print(key, "denied" if denied else outcome.sequence, flush=True)
    drive(store.close())


if __name__ == "__main__":
    main()

"""Processes that commit the same group and may be killed: `python -m tests.conformance.dying KIND URL PREFIX`.

For each account on a line of its input it forks a child, says its id, and when it has ended, how.
"""

import os
import sys

from spillover.model.commit import Commit, OpenHold, Standing
from spillover.stores.postgres import PostgresHotStore
from spillover.stores.valkey import ValkeyHotStore
from tests.conformance.support import Hot, add, grant


def before(account: int) -> list[Commit]:
    more = {"account": account}
    return [
        grant(add("a", 1), hold=("old", 10, b"1"), key="1", **more),
        grant(hold=("kept", 20, b"1"), key="2", **more),
    ]


def group(account: int) -> list[Commit]:
    more = {"account": account}
    return [
        grant(add("a", -1), ended="old", key="3", **more),
        grant(add("b", 1), hold=("kept", 15, b"2"), key="4", **more),
        grant(add("c", 1), hold=("new", 30, b"2"), key="5", **more),
    ]


def without(account: int) -> Standing:
    """The account before the group."""
    holds = OpenHold(account, "kept", 20, b"1"), OpenHold(account, "old", 10, b"1")
    return Standing(account, 1, 2, None, {"a": 1}, holds)


def whole(account: int) -> Standing:
    """The account after it."""
    holds = OpenHold(account, "kept", 15, b"2"), OpenHold(account, "new", 30, b"2")
    return Standing(account, 1, 5, None, {"b": 1, "c": 1}, holds)


def commit(kind: str, url: str, prefix: str, account: int) -> None:
    none = lambda *_: None  # noqa: E731
    store = (
        PostgresHotStore(url, booked=none) if kind == "postgres" else ValkeyHotStore(url, booked=none, prefix=prefix)
    )
    Hot(store).commit(*group(account))
    os._exit(0)


def main() -> None:
    kind, url, prefix = sys.argv[1:]
    for line in sys.stdin:
        child = os.fork()
        if not child:
            commit(kind, url, prefix, int(line))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

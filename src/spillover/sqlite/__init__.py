"""What every adapter in a SQLite file shares: opening, identity, fair write turns, errors, schema upgrades.

Imports `model` and `sql` only. An adapter keeps its schema and statements as `.sql` beside its code and says:

    HOT = Component.of("hot", "spillover.stores.sqlite")            # reads upgrades/0001_*.sql, 0002_*.sql, ...
    SQL = statements("spillover.stores.sqlite", "hot.sql")          # {"load_account": "SELECT ...", ...}

    db = open_database(path, HOT, durability="strict", writes={"hot_accounts", "cells"})
    with db.read() as c:                            # one snapshot; errors come translated
        row = c.execute(SQL["load_account"], (7,)).fetchone()
    with db.write() as c:                           # fair turn, BEGIN IMMEDIATE, COMMIT; any exception rolls back
        c.executemany(SQL["put_cell"], rows)
    db.close()

`c` is an `apsw.Connection`. `writes` names the only tables that this connection may change (None: any); everything else
is refused when a statement is prepared. An upgrade script holds plain statements, without BEGIN or COMMIT.
A `.sql` file of statements holds sections: a line `-- name: load_account`, then comments, then one statement.
A forked child can use neither a connection of before the fork nor a new one to a file that was open then.
Never call another connection's `write()` inside a `write()`: the turn is one per file, so the outer one ends.
"""

from spillover.sqlite.connection import Database, open_database
from spillover.sqlite.faults import translated
from spillover.sqlite.turnstile import Turnstile

__all__ = ["Database", "Turnstile", "open_database", "translated"]

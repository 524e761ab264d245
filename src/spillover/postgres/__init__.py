"""What every adapter in a PostgreSQL database shares: opening, server checks, transactions, errors, schema upgrades.

Imports nothing of the adapters, nor of the rules. An adapter keeps its schema and statements as `.sql` beside its code
and says:

    HOT = Component.of("hot", "spillover.stores.postgres")          # reads upgrades/0001_*.sql, 0002_*.sql, ...
    SQL = statements("spillover.stores.postgres", "hot.sql")        # {"load_account": "SELECT ... $1", ...}

    db = open_database(url, HOT, role="spillover_hot", rules=RULES, durability="strict")
    row = db.read(lambda c: c.execute(SQL["load_account"], (7,)).fetchone())      # one snapshot
    db.write(lambda c: c.execute(SQL["put_cells"], (ints(accounts), texts(names), ints(values))))   # one transaction
    db.close()

`c` is a `psycopg.Connection` with raw cursors, in pipeline mode: statements are sent and not waited for, so that a
transaction costs one round trip for each fetch and one for the commit. An error therefore may come up at a later
statement, and `rowcount` is known only after a fetch: say RETURNING. Work is run again after a deadlock, a lost
connection or a key that somebody else was first with, so it does nothing outside the transaction and its keys decide.
`int` and `bool` go as bigint, `str` as text, `bytes` as bytea; `ints`, `texts` and `blobs` make arrays of a column,
quickly. PostgreSQL refuses a text with a NUL in it.

A Spillover database shares a PostgreSQL database with whatever else is in it: all of its schemas begin with
`spillover` (`layout.py`), nothing outside of them is touched, and one of them that is not ours is refused. So a
PostgreSQL database holds one Spillover. `search_path` finds the tables; upgrade scripts name schemas in full.
Statements are prepared in the session, with plans that keep to the indexes: behind a pooler use its session mode.
A forked child can use no connection of before the fork; it opens its own.
"""

from spillover.postgres.arrays import blobs, ints, texts
from spillover.postgres.connection import Connection
from spillover.postgres.database import Database, open_database

__all__ = ["Connection", "Database", "blobs", "ints", "open_database", "texts"]

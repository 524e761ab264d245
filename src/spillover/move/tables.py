"""The tables of the books, in the order in which they are carried, with the keys by which they are read in pages.

Databases have the same names and columns; which columns there are is asked of them. What is left out belongs to the
database, not to the books: who works on which shard, which hot state goes with it, pages that an erasure has still to
clear, schema versions.
"""

from __future__ import annotations

KEYS: dict[str, tuple[str, ...]] = {
    "policies": ("hash",),
    "publications": ("number",),
    # Before the accounts: an engine that comes too early finds that they live elsewhere.
    "epochs": ("account", "epoch"),
    "accounts": ("id",),
    "profiles": ("account", "version"),
    "names": ("account", "token"),
    "orders": ("account", "key"),
    "lots": ("account", "lot"),
    "account_balances": ("account", "measure"),
    "usage_events": ("account", "epoch", "sequence"),
    "monetization_events": ("account", "epoch", "sequence"),
    "balance_updates": ("account", "number"),
    "refunded": ("account", "epoch", "sequence"),
    "quarantine": ("account", "epoch", "sequence", "key"),
    "settled_cells": ("account", "name"),
    "settled_holds": ("account", "id"),
    "outbox": ("number",),
    "pushed": ("account", "version"),
}
"""Table -> its key, in the order of its columns."""
OFFICE: dict[str, tuple[str, ...]] = {
    "office_keys": ("id",),
    "office_bindings": ("key", "place"),
    "office_acts": ("number",),
    "office_words": ("number",),
    "office_signing": ("number",),
    "office_alerts": ("name",),
    "office_watched": ("account",),
    "office_messages": ("number",),
    "office_endpoints": ("id",),
    "office_sendings": ("message", "endpoint"),
    "office_tries": ("message", "endpoint", "try"),
    "office_customers": ("account", "provider"),
    "office_payments": ("provider", "reference"),
    "office_topup_rules": ("account",),
    "office_topups": ("account", "period", "number"),
    "office_exports": ("account", "number"),
}
"""The same of what a service remembers beside the books: carried where the source has them."""
DENIALS = ("account", "minute", "feature", "reason")
"""The key of `denials`, which lies with the hot state: carried where both databases have the table."""
LEFT = frozenset({"claims", "erasures", "hot_stores", "settlers", "spillover_schema", "sqlite_sequence", "moving"})
"""Tables of the books' database that are not carried."""

Row = tuple[object, ...]

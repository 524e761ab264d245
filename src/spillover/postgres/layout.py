"""Which schemas and roles there are: a schema for each data set and purpose, a role for each kind of work.

Roles belong to the server, so the Spillovers of several databases of one server share them; what a role may do stands
in each database (the upgrade scripts grant it). They have no login: an application's own login is a member of them,
and each connection becomes the one that its work needs (SET ROLE).
"""

from __future__ import annotations

COMMON = "spillover"
"""The schema of the table that says how far each component has come."""

SCHEMAS = {
    "ledger": (
        "spillover_usage",  # data set 1: what was done
        "spillover_monetization",  # data set 2: what is charged
        "spillover_balances",  # data set 3: how balances changed
        "spillover_ledger",  # the rest of the books
        "spillover_names",  # erasable
    ),
    "hot": ("spillover_hot",),
    "office": ("spillover_office",),  # what a service remembers that is not books
}
"""Component -> the schemas that it owns."""

SEARCH_PATH = ", ".join((*(name for names in SCHEMAS.values() for name in names), "pg_temp"))
"""Without `public`: nobody else's table or function is ever found by a plain name. Temporary tables come last."""

OWNER = "spillover_owner"
"""Owns all schemas and tables; upgrades and erasure run as it, nothing else does."""

ROLES = {
    OWNER: "owns the tables; upgrades and erases",
    "spillover_books": "settles and orders; appends to the three data sets",
    "spillover_terms": "changes accounts, names and policies",
    "spillover_claims": "shares out work among settlers",
    "spillover_reads": "reads everything and changes nothing",
    "spillover_hot": "decides: the hot state and its stream",
    "spillover_office": "keeps API keys and the log of administrators",
    "spillover_usage_reads": "for people and exports: reads the usage events and nothing else",
    "spillover_monetization_reads": "for people and exports: reads the charges and nothing else",
    "spillover_balances_reads": "for people and exports: reads the balance updates and nothing else",
}
"""Role -> what it is for."""

USED = tuple(role for role in ROLES if role not in (
    "spillover_usage_reads", "spillover_monetization_reads", "spillover_balances_reads",
))  # fmt: skip
"""Those that a program's login must be a member of."""

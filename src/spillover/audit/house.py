"""What concerns no single account: the columns of tables, policies, names; and how accounts are cut into ranges."""

from __future__ import annotations

from collections.abc import Mapping

from spillover.audit.books import Books
from spillover.audit.policies import Policies
from spillover.audit.report import Findings
from spillover.audit.tables import BOOKS, HOT, HOUSE, Row


def readable(books: Books, findings: Findings) -> bool:
    """Whether every table has its columns; without them nothing can be audited."""
    tables = BOOKS | (HOT if books.has_hot else {})
    whole = True
    for name, columns in ({name: table.columns for name, table in tables.items()} | HOUSE).items():
        known = {str(row[0]) for row in books.rows("columns", name)}
        if name in HOUSE and not known:
            findings.add("schema", name, 0, "", "no table", "the tables of docs/LEDGER.md")
            whole = False
            continue
        for column in columns.split():
            if column not in known:
                findings.add("schema", name, 0, "", f"no column {column}", "the columns of docs/LEDGER.md")
                whole = False
    return whole


def check_schema(books: Books, findings: Findings) -> None:
    """Tables are as described. Where nothing keeps an event from being settled twice, it is looked for."""
    if "usage_events" in books.check_schema(findings):
        for account, key, count in books.rows("double_keys"):
            found = f"{count} events"
            findings.add("once", "usage_events", int(account or 0), f"key {key!r}", found, "one for each key")


def check_policies(books: Books, policies: Policies, findings: Findings) -> None:
    """Each document hashes to its name and can be read; publications say from when which one is in force.

    One that withdraws another repeats its policy and instant, and comes before that instant.
    """
    for name, mistake in sorted(policies.mistakes.items()):
        findings.add("policies", "policies", 0, f"hash {name}", mistake, "the document that was published")
    rows: list[Row] = list(books.rows("publications"))
    if not rows and (policies.known or policies.mistakes):
        findings.add("policies", "publications", 0, "", "no publication", "one, from when a policy is in force")
    before: dict[int, tuple[str, int]] = {}
    for place, (number, policy, since, at, published, withdraws) in enumerate(rows, 1):
        row = f"number {number}"
        if number != place:
            findings.add("policies", "publications", 0, row, f"number {number}", f"{place}, without a gap")
        if published is None:
            findings.add("policies", "publications", 0, row, f"policy {policy!r}", "a policy that is stored")
        elif at < published or since < 0:
            found = f"published at {at}, in force from {since}"
            findings.add("policies", "publications", 0, row, found, f"no sooner than its document, at {published}")
        if not withdraws:
            before[number] = (policy, since)
        elif before.pop(withdraws, None) != (policy, since) or at >= since:
            found = f"withdraws number {withdraws} at {at}, in force from {since}"
            findings.add("policies", "publications", 0, row, found, "an earlier one that was still to come, taken once")


def check_names(books: Books, findings: Findings) -> None:
    """Names belong to accounts; an account's own stands under its id. Erased ones may be lacking."""
    for account, token in books.rows("odd_names"):
        findings.add("form", "names", int(account or 0), f"token {token}", "a name out of place", "one of an account")


def ranges(counts: Mapping[int, int], parts: int, least: int, low: int, high: int) -> list[tuple[int, int]]:
    """The ids from `low` to `high`, cut so that each range has about as many events; at least `least` of them."""
    size = max(least, sum(counts.values()) // parts + 1)
    cuts, count = [low], 0
    for account, events in counts.items():
        if count >= size and account > cuts[-1]:
            cuts.append(account)
            count = 0
        count += events + 1
    return [(start, (cuts[at + 1] - 1) if at + 1 < len(cuts) else high) for at, start in enumerate(cuts)]

"""The rows of a statement as people read them: what each was for, and the balance that it changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from spillover.core.instants import to_moment
from spillover.documents.statement import ENTRIES, limit_named
from spillover.model.policy import Policy
from spillover.model.reports import StatementPage, StatementRow
from spillover.pictures.wording import amount_text, credits_text, instant_text, number

if TYPE_CHECKING:
    from rich.console import RenderableType

OF_THE_ACCOUNT = {"receivable": "receivable", "owed": "owed", "overshoot": "overshoot"}
"""Books of rows without a lot, whose amount after the row is no balance of lots."""


def policy_lines(page: StatementPage) -> list[str]:
    """Changes of policy, each in a line: they concern all accounts, so they stand below the account's own rows."""
    said = []
    for one in page.policies:
        why = "".join(f", {text}" for text in (one.reason, one.actor and f"by {one.actor}") if text)
        said.append(f"{instant_text(one.at)}: policy {one.before[:12]} -> {one.after[:12]}{why}")
    return said


def statement_table(policy: Policy, page: StatementPage, names: Mapping[str, str]) -> RenderableType:
    """The rows with what each was for. A measure that all amounts share is said once."""
    from spillover.pictures.tables import table

    times, caption = _times([row.at for row in page.rows])
    measures = {row.measure for row in page.rows if row.kind not in ENTRIES}
    rows = []
    for row, time in zip(page.rows, times, strict=True):
        entry = row.kind in ENTRIES
        rows.append(
            (
                str(row.number), time, "" if entry or len(measures) == 1 else row.measure, str(row.lot or ""),
                *(("", "") if entry else _amounts(policy, row)), what_for(policy, row, names),
                row.actor_name or row.actor, row.key, row.cause,
            )
        )  # fmt: skip
    if len(measures) == 1:
        caption += f" Amounts are of {measures.pop()}."
    return table(
        (">no", "time", "measure", ">lot", ">change", ">balance", "~for", "~actor", "~key", "~cause"),
        rows,
        caption=caption,
    )


def _times(instants: Sequence[int]) -> tuple[list[str], str]:
    """Instants in UTC to the second, so that a row can be told from the next; a year that they share is said once."""
    moments = [to_moment(instant) for instant in instants]
    years = {moment.year for moment in moments}
    form = "%m-%d %H:%M:%S" if len(years) == 1 else "%Y-%m-%d %H:%M:%S"
    return [format(moment, form) for moment in moments], f"Times are UTC{f', {min(years)}' if len(years) == 1 else ''}."


def _amounts(policy: Policy, row: StatementRow) -> tuple[str, str]:
    """What changed by how much. Of a row without a lot the amount after it names its book."""
    change, after = (amount_text(policy, row.measure, amount) for amount in (row.delta, row.account_after))
    books = {row.source.partition("/")[0], row.target.partition("/")[0]}
    book = next((name for name in OF_THE_ACCOUNT if name in books), "") if not row.lot else ""
    return change if row.delta < 0 else f"+{change}", f"{after} {book}".rstrip()


def what_for(policy: Policy, row: StatementRow, names: Mapping[str, str]) -> str:
    """What a row was for, in words."""
    feature = next((book[8:] for book in (row.target, row.source) if book.startswith("revenue/")), "")
    match row.kind:
        case "debit" | "overage":
            beyond = {"overage": "overage: ", "debit": "beyond what was there: "}[row.kind] if not row.lot else ""
            return f"{beyond}{feature}"
        case "overshoot_refund":
            return "forgiven of that"
        case "owed":
            return "paid of what was owed" if row.lot else "left to be paid"
        case "refund":
            return _said(f"refund of {feature}" if feature else "refund", row.reason)
        case "rollover":
            other = (row.target if row.delta < 0 else row.source).partition("/")[2]
            return _said("rolled over", f"to lot {other}" if row.delta < 0 and other else row.reason)
        case "expire" | "revoke" | "adjust":
            return _said({"expire": "expired", "revoke": "revoked", "adjust": "adjusted"}[row.kind], row.reason)
        case "grant":
            return row.reason
        case _:
            return _said(_entry(policy, row, names), row.reason)


def _said(what: str, reason: str) -> str:
    return what if reason in ("", what) else f"{what} ({reason})"


def _entry(policy: Policy, row: StatementRow, names: Mapping[str, str]) -> str:
    """A change that moves no amount: before -> after."""
    title = limit_named(row.measure, names)
    if row.kind == "override":
        before, after = (_maximum(policy, row.measure, said) for said in (row.source, row.target))
        return f"limit {title}: {before or 'as in the plan'} -> {after}"
    if row.kind == "window_reset":
        return f"reset {title}: {limit_count(policy, row.measure, row.source)} -> 0 used"
    before, after = row.source or "none", row.target or "none"
    if row.measure == "billing_day":
        before, after = (instant_text(int(text)) if text.isdigit() else text for text in (before, after))
    return f"{row.measure}: {before} -> {after}"


def _maximum(policy: Policy, title: str, said: str) -> str:
    """A maximum, and until when: "10 until 2026-03-01 00:00:00 UTC"."""
    count, _, until = said.partition(" until ")
    return (
        f"{limit_count(policy, title, count)} until {instant_text(int(until))}"
        if until
        else limit_count(policy, title, count)
    )


def limit_count(policy: Policy, title: str, text: str) -> str:
    """What a limit counts, as people read it: credits or a number."""
    if not re.fullmatch(r"[0-9]{1,16}", text):
        return text
    return credits_text(int(text)) if counts_credits(policy, title.partition("@")[0]) else number(int(text))


def counts_credits(policy: Policy, title: str) -> bool:
    """Whether a limit, known by its title OWNER/NAME, counts credits."""
    for plan in policy.plans.values():
        for rule in plan.rules:
            for limit in rule.limits():
                if limit.title == title:
                    by_cost = policy.features[rule.features[0]].count == "cost"
                    return limit.of == "credits" or (limit.of == "units" and by_cost)
    return False

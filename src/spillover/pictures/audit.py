"""What an audit found, for the terminal: the verdict first, then findings, then what was looked at."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from spillover.audit import AuditReport, Finding
from spillover.pictures.tables import table
from spillover.pictures.wording import counted, credits_text, number

SHOWN_MAX = 20
"""Findings that are listed; all are counted."""
ABREAST = 3
"""Checks in a row where there is nothing to say about any."""


def audit_lines(report: AuditReport) -> list[RenderableType]:
    """The report, one part under the other."""
    total = sum(report.found.values())
    style = "bold green" if report.ok else "bold red"
    verdict = "The books are whole." if report.ok else f"{counted(total, 'finding')}:"
    parts: list[RenderableType] = [Text(verdict, style)]
    parts += [Text(f"  {finding}") for finding in report.findings[:SHOWN_MAX]]
    if total > SHOWN_MAX and len(report.findings) > SHOWN_MAX:
        parts.append(Text(f"  ... and {number(total - SHOWN_MAX)} more; --json lists the first of each check"))
    if report.accepted:
        parts.append(Text(f"{counted(len(report.accepted), 'event')} in quarantine, seen and accepted:"))
        parts += [Text(f"  {_accepted(one)}") for one in report.accepted[:SHOWN_MAX]]
    parts += [Text(), checks_table(report), Text(), books_table(report), Text(), Text(_extent(report))]
    parts += [Text(f"note: {note}") for note in report.notes]
    parts.append(Text(f"digest {report.digest}"))
    return parts


def checks_table(report: AuditReport) -> RenderableType:
    """Every check with what it promises, how much it looked at, and how much it found; shorter if all is well."""
    from spillover.audit.report import CHECKS

    if report.ok:
        return _all_is_well([(name, number(report.checked.get(name, 0))) for name in CHECKS])

    rows = []
    for name, check in CHECKS.items():
        looked = report.checked.get(name, 0)
        found = report.found.get(name, 0)
        rows.append((name, check.promise, number(looked) if looked else "", number(found) if found else ""))
    return table(("check", "~promise", ">looked at", ">found"), rows)


def _all_is_well(checks: list[tuple[str, str]]) -> RenderableType:
    """The checks side by side, read down; what each promises stands in the documentation."""
    height = -(-len(checks) // ABREAST)
    rows = [
        sum((checks[at] if at < len(checks) else ("", "") for at in range(row, height * ABREAST, height)), ())
        for row in range(height)
    ]
    return table(("check", ">looked at") * ABREAST, rows)


def books_table(report: AuditReport) -> RenderableType:
    """What the books hold, by measure; each measure sums to zero."""
    rows = []
    for measure in dict.fromkeys(book.measure for book in report.books):
        amounts = [(book.book, book.amount) for book in report.books if book.measure == measure]
        amounts.append(("all together", sum(amount for _, amount in amounts)))
        # The measure stands once; below it stand its books.
        names = [measure, *[""] * (len(amounts) - 1)]
        shown = credits_text if measure == "credits" else number
        rows += [(name, book, shown(amount)) for name, (book, amount) in zip(names, amounts, strict=True)]
    return table(("measure", "book", ">amount"), rows)


def _accepted(one: Finding) -> str:
    whose = f" of account {one.name or '(erased)'} [{one.account}]"
    return f"{one.row}{whose}: {one.found}; {one.expected}"


def _extent(report: AuditReport) -> str:
    looked = ", ".join(
        (
            counted(report.accounts, "account"),
            counted(report.events, "event"),
            counted(report.charges, "charge"),
            counted(report.updates, "balance update"),
        )
    )
    waiting = f"; {counted(report.unsettled, 'event')} not settled yet" if report.unsettled else ""
    workers = "1 process" if report.processes == 1 else f"{report.processes} processes"
    return f"{looked}{waiting}; {workers} in {report.seconds:.1f} s"

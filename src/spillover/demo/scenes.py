"""The tables of the demonstration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from rich.console import RenderableType

from spillover.audit import AuditReport
from spillover.demo.day import Use
from spillover.pictures.tables import table
from spillover.pictures.wording import credits_text, number
from spillover.replay import Summary


def day_table(uses: Iterable[Use]) -> RenderableType:
    """Who asks for what."""
    asked: Counter[tuple[str, str]] = Counter()
    accounts: dict[tuple[str, str], set[str]] = {}
    for use in uses:
        asked[use.feature, use.plan] += 1
        accounts.setdefault((use.feature, use.plan), set()).add(use.account)
    rows = [(*place, number(len(accounts[place])), number(count)) for place, count in sorted(asked.items())]
    return table(("feature", "plan", ">accounts", ">requests"), rows)


def payers_table(summary: Summary) -> RenderableType:
    """Which layer gave what, then what was denied and why."""
    rows = []
    for use in summary.layers:
        given = credits_text(use.units) if use.unit == "micro-credit" else number(use.units)
        charged = credits_text(use.charged.micro_credits) if use.charged.micro_credits else ""
        rows.append((use.feature, use.layer, number(use.requests), given, charged))
    for denied in summary.denied:
        what = denied.kind if denied.kind == denied.name else f"{denied.kind} {denied.name}"
        rows.append(("denied", what, number(denied.requests), "", ""))
    return table(("feature", "who paid", ">requests", ">units", ">credits charged"), rows)


def facts_table(summary: Summary, report: AuditReport, proved: Mapping[str, bool]) -> RenderableType:
    """What was counted, and what was proved."""
    rows = [
        ("requests", number(summary.requests)),
        ("granted", number(summary.granted)),
        ("  of these split between layers", number(summary.split)),
        ("denied, with reason and ways out", number(summary.denials)),
        ("decisions a second, each durable", number(round(summary.speed.decisions_per_s))),
        ("usage events, charges, balance updates", _three(report)),
        *((fact, "yes" if holds else "NO") for fact, holds in proved.items()),
    ]
    return table(("what was counted", ">"), rows)


def _three(report: AuditReport) -> str:
    return f"{number(report.events)}, {number(report.charges)}, {number(report.updates)}"

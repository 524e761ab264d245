"""A comparison as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spillover.backtest.wording import NAMES, headline, moment_text, money_text, shares, signed, summary_lines
from spillover.compare.report import Change, Comparison

ACCOUNTS_SHOWN = 8
"""Accounts of each list; the JSON and the page have more."""


def render(comparison: Comparison) -> RenderableType:
    """The comparison for a terminal."""
    parts: list[RenderableType] = [Text(headline(comparison), style="bold"), Text()]
    parts += _spaced(
        _table("", ("", ">present", ">proposed", ">difference"), (line[:4] for line in summary_lines(comparison))),
        _table(
            "who pays",
            ("feature", "layer", ">units", ">share", ">credits", ">units then", ">share then", ">credits then"),
            (
                (one.feature, NAMES[one.layer], one.units[0], one.shares[0], one.credits[0], one.units[1],
                 one.shares[1], one.credits[1])
                for one in shares(comparison)
            ),
        ),
        _table(
            "by plan and feature",
            ("plan", "feature", ">requests", ">granted", ">then", ">credits charged", ">then"),
            (
                (group.plan or "(none)", group.feature, f"{group.present.requests:,}", f"{group.present.granted:,}",
                 f"{group.proposed.granted:,}", money_text(group.present.charged.micro_credits),
                 money_text(group.proposed.charged.micro_credits))
                for group in comparison.groups
            ),
        ),
    )  # fmt: skip
    parts += _changed("newly denied", comparison.newly_denied)
    parts += _changed("newly served", comparison.newly_served)
    names = (comparison.present_policy, comparison.proposed_policy)
    parts += [
        Text(f"{what}: {name.name}", style="dim") for what, name in zip(("present", "proposed"), names, strict=True)
    ]
    if comparison.bad:
        parts.append(Text(f"{comparison.bad:,} bad rows skipped, the first of them:", style="yellow"))
        parts += [Text(f"  {bad}", style="yellow") for bad in comparison.first_bad]
    parts += [Text(note, style="dim") for note in comparison.notes]
    return Group(*parts)


def _changed(title: str, change: Change) -> list[RenderableType]:
    if not change.requests:
        return []
    where = _table(
        title,
        ("plan", "feature", ">requests", ">accounts"),
        ((group.plan, group.feature, f"{group.requests:,}", f"{group.accounts:,}") for group in change.by_group),
    )
    listed = change.by_account[:ACCOUNTS_SHOWN]
    who = _table(
        f"{title}: the first {len(listed)} of {change.accounts:,} accounts" if change.accounts > len(listed) else "",
        ("account", "plan", ">requests", ">credits", "first, in UTC", "why"),
        (
            (one.account, one.plan, f"{one.requests:,}", _spent(one.present.micro_credits, one.proposed.micro_credits),
             moment_text(one.first.at), one.first.sentence)
            for one in listed
        ),
    )  # fmt: skip
    return _spaced(where, who)


def _spent(before: int, after: int) -> str:
    return signed(after - before, money_text(after - before))


def _spaced(*tables: Table) -> list[RenderableType]:
    return [part for table in tables for part in (table, Text())]


def _table(title: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title or None, title_justify="left")
    for name in names:
        right = name.startswith(">")
        shown.add_column(name.removeprefix(">"), justify="right" if right else "left", overflow="fold", no_wrap=right)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))  # text, not markup: a name may hold square brackets
    return shown

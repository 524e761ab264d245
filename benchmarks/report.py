"""The report: a table for each group on the terminal, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.figures import Aim, Figure, Group, Unit

UNITS = {"": "", "/s": "/s", "us": " \N{MICRO SIGN}s", "ms": " ms", "B": " B"}


def show_machine(console: Console, machine: Mapping[str, str]) -> None:
    """The header."""
    for name, value in machine.items():
        console.print(Text.assemble((f"{name + ':':<24}", "dim"), value))


def show(console: Console, group: Group) -> None:
    """One group: its figures, then what was done."""
    table = Table(title=f"\n{group.title}", title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("figure", "median (min - max)", "beside it", "median (min - max)", "ratio by pairs", "aim", "result"):
        table.add_column(name, justify="right" if "median" in name else "left")
    for figure in group.figures:
        aims = [(aim_of(aim, figure.unit), *result(figure, aim)) for aim in figure.aims] or [("", "", "")]
        for line, (aim, said, style) in enumerate(aims):
            left = ("",) * 5 if line else (
                figure.name, spread(figure.samples, figure.unit), figure.beside, spread(figure.others, figure.unit),
                spread([round(ratio, 2) for ratio in figure.ratios]),
            )  # fmt: skip
            table.add_row(*left, aim, Text(said, style))
    console.print(table)
    console.print(Text(group.about, "dim"))


def as_json(machine: Mapping[str, str], groups: Sequence[Group]) -> dict[str, object]:
    """Everything that was measured, every sample."""
    shown = [
        {"title": group.title, "about": group.about, "figures": [_as_json(figure) for figure in group.figures]}
        for group in groups
    ]
    return {"machine": machine, "groups": shown}


def _as_json(figure: Figure) -> dict[str, object]:
    aims = [
        {
            "of": aim.of,
            "sense": aim.sense,
            "bound": aim.bound,
            "met": figure.missed(aim) <= 0,
            "missed by": max(0, figure.missed(aim)),
        }
        for aim in figure.aims
    ]
    return {
        "name": figure.name, "unit": figure.unit, "samples": figure.samples, "median": median(figure.samples),
        "beside": figure.beside, "others": figure.others, "ratios": figure.ratios, "aims": aims,
    }  # fmt: skip


def spread(values: Sequence[float], unit: Unit | Literal[""] = "") -> str:
    """The median, between which bounds the values lie, and the unit."""
    if not values:
        return ""
    bounds = f" ({number(min(values))} - {number(max(values))})" if len(values) > 1 else ""
    return f"{number(median(values))}{bounds}{UNITS[unit]}"


def number(value: float) -> str:
    """In three digits, or as many as stand before the point, but no more than hundredths."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def aim_of(aim: Aim, unit: Unit) -> str:
    """An aim in words."""
    return f"{aim.sense} {f'{aim.bound:,g}{UNITS[unit]}' if aim.of == 'value' else f'{aim.bound:.0%} of it'}"


def result(figure: Figure, aim: Aim) -> tuple[str, str]:
    """Whether the aim is met, and in which colour to say so."""
    missed = figure.missed(aim)
    return ("met", "green") if missed <= 0 else (f"missed by {missed:.0%}", "yellow")

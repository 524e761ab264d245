"""Plots as plain SVG, drawn by hand: no dependency, no script, nothing fetched. Colours are the page's classes.

Each plot has a title and a description as its text alternative; every text goes through `text`, so names cannot break
out of it.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 720
"""Units of a plot's own width; the page scales it."""
LEFT, RIGHT = 150, 90
"""Room for labels and for values beside the bars."""
ROW, GAP = 22, 8
HEIGHT = 220
"""Of a plot with an axis of numbers."""


class Part(NamedTuple):
    """A piece of a bar: how long, of which class, what it is."""

    value: int
    style: str
    title: str


class Bar(NamedTuple):
    """A bar: its label, its pieces, and the text at its end. `first`: a group begins here, under that heading."""

    label: str
    parts: Sequence[Part]
    value: str
    first: str = ""


class Line(NamedTuple):
    """A line through as many points as the plot has places, and what a point says."""

    style: str
    values: Sequence[int]
    titles: Sequence[str]


def text(value: object) -> str:
    """Text for a page: signs of HTML escaped, and signs that cannot be seen replaced."""
    shown = "".join(sign if sign.isprintable() else "�" for sign in str(value))
    return html.escape(shown, quote=True)


def bars(title: str, description: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars one under the other, all on one scale; pieces of a bar stand side by side."""
    most = max((sum(part.value for part in row.parts) for row in rows), default=0) or 1
    room = WIDTH - LEFT - RIGHT
    drawn: list[str] = []
    top = 0
    for row in rows:
        if row.first:
            top += GAP if drawn else 0
            drawn.append(f'<text class="head" x="0" y="{top + 14}">{text(_short(row.first, 90))}</text>')
            top += ROW
        middle = top + ROW // 2 + 4
        drawn.append(f'<text class="label" x="{LEFT - 10}" y="{middle}">{text(_short(row.label, 22))}</text>')
        at = 0
        for part in row.parts:
            if part.value:
                begin, end = LEFT + room * at / most, LEFT + room * (at + part.value) / most
                drawn.append(_box(begin, top + 2, max(end - begin, 0.5), ROW - 4, part.style, part.title))
            at += part.value
        end = LEFT + room * at / most + 8
        drawn.append(f'<text class="value" x="{end:.1f}" y="{middle}">{text(row.value)}</text>')
        top += ROW
    return _plot(title, description, max(top, ROW), drawn)


def columns(title: str, description: str, labels: Sequence[str], pairs: Sequence[tuple[Part, Part]]) -> str:
    """Pairs of columns side by side, each with its number above."""
    most = max((part.value for pair in pairs for part in pair), default=0) or 1
    floor, room = HEIGHT - 40, HEIGHT - 64
    step = WIDTH / max(len(pairs), 1)
    drawn = [f'<line class="axis" x1="0" y1="{floor}" x2="{WIDTH}" y2="{floor}"/>']
    for place, (label, pair) in enumerate(zip(labels, pairs, strict=True)):
        wide = min(step * 0.4, 44)
        for side, part in enumerate(pair):
            high = room * part.value / most
            begin = step * (place + 0.5) + (side - 1) * wide
            drawn.append(_box(begin, floor - high, max(wide - 2, 1), high, part.style, part.title))
            if part.value and wide > 14:
                place_of = f'x="{begin + wide / 2 - 1:.1f}" y="{floor - high - 4:.1f}"'
                drawn.append(f'<text class="count" {place_of}>{part.value:,}</text>')
        drawn.append(f'<text class="tick" x="{step * (place + 0.5):.1f}" y="{floor + 16}">{text(label)}</text>')
    return _plot(title, description, HEIGHT, drawn)


def lines(
    title: str, description: str, ticks: Sequence[str], marks: Sequence[tuple[int, str]], drawn_lines: Sequence[Line]
) -> str:
    """Lines over time. `ticks`: a label for each place or ""; `marks`: values with their labels, as lines across."""
    most = max((value for line in drawn_lines for value in line.values), default=0)
    most = max(most, *(value for value, _ in marks), 1)
    floor, room, left = HEIGHT - 30, HEIGHT - 50, 64
    count = max(len(ticks), 1)
    step = (WIDTH - left - 14) / max(count - 1, 1)
    drawn = []
    for value, label in marks:
        y = floor - room * value / most
        drawn.append(f'<line class="axis" x1="{left}" y1="{y:.1f}" x2="{WIDTH}" y2="{y:.1f}"/>')
        drawn.append(f'<text class="label" x="{left - 8}" y="{y + 4:.1f}">{text(label)}</text>')
    for place, tick in enumerate(ticks):
        if tick:
            drawn.append(f'<text class="tick" x="{left + step * place:.1f}" y="{HEIGHT - 10}">{text(tick)}</text>')
    for line in drawn_lines:
        points = [(left + step * place, floor - room * value / most) for place, value in enumerate(line.values)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(f'<polyline class="line {line.style}" points="{path}"/>')
        for (x, y), said in zip(points, line.titles, strict=True):
            drawn.append(
                f'<circle class="dot {line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{text(said)}</title></circle>'
            )
    return _plot(title, description, HEIGHT, drawn)


def _plot(title: str, description: str, height: int, drawn: Sequence[str]) -> str:
    inside = "\n".join(drawn)
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {height}"><title>{text(title)}</title>'
        f"<desc>{text(description)}</desc>\n{inside}\n</svg>"
    )


def _box(x: float, y: float, width: float, height: float, style: str, title: str) -> str:
    size = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f'<rect class="{style}" {size} rx="2"><title>{text(title)}</title></rect>'


def _short(label: str, most: int) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"

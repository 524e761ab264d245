"""One picture explains a decision: the request as a bar poured down a staircase of layers (design, section 9).

Each layer stands with its room before and after, unreached steps are grey, what a hold keeps is hatched, a denial stops
at a red lip, with both ways out, and overshoot is a lip beyond the last step. It holds without colour and in ASCII:
every look has a sign and a word of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from spillover.core.staircase import Staircase
from spillover.core.words import amount_of
from spillover.engine.answers import Decision, Denial
from spillover.pictures.steps import Row, ceiling_text, rows_of, steps_of, stopped_by
from spillover.pictures.tables import table
from spillover.pictures.wording import credits_text, instant_text, span_text, units_text

LABEL_MAX = 12
BAR_MAX, BAR_MIN = 36, 12
TAIL = 3
"""Cells behind the bar, for room that is left and for steps that were not reached."""
SAID = 30
"""Columns kept for what is said beside the bar."""

_COLOURS = {"allowance": "green", "units": "cyan", "credits": "yellow", "overage": "magenta"}


class Signs(Struct, frozen=True):
    """The characters of a picture."""

    asked: str
    drawn: str
    held: str
    would: str
    over: str
    unpaid: str
    falls: str
    passes: str
    lip: str
    left: str
    grey: str
    ceiling: str
    arrow: str
    cut: str


FULL = Signs("█", "█", "▓", "▒", "▚", "╌", "┐", "│", "┃", "░", "·", "─", "→", "…")
ASCII = Signs("=", "#", "%", "o", "!", "x", "+", "|", "|", ":", ".", "-", "->", "~")


class StepsPicture:
    """What was asked as a bar, and rows below it, for a terminal of 50 columns or more."""

    def __init__(self, asked: str, rows: Callable[[int, str], list[Row]]) -> None:
        """`rows` lays them out over so many cells, with this arrow."""
        self._asked, self._rows = asked, rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        signs = ASCII if options.ascii_only else FULL
        cells = min(max(options.max_width - LABEL_MAX - TAIL - SAID - 2, BAR_MIN), BAR_MAX)
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, min_width=cells + TAIL)
        grid.add_column(overflow="fold")
        grid.add_row("asked", Text(signs.asked * cells, "bold"), Text(self._asked, "bold"))
        for row in self._rows(cells, signs.arrow):
            colour = _colour(row)
            label = row.label if len(row.label) <= LABEL_MAX else row.label[: LABEL_MAX - 1] + signs.cut
            grid.add_row(Text(label, colour), _bar(row, cells, signs, colour), Text(row.text, _muted(row)))
        yield grid


class StaircasePicture:
    """The picture of a decision and of the waterfall behind it, with the ways out of a denial."""

    def __init__(self, staircase: Staircase, decision: Decision) -> None:
        self._staircase, self._decision = staircase, decision

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        decision = self._decision
        asked = amount_of(decision.counted, decision.units)
        yield StepsPicture(asked, lambda cells, arrow: rows_of(self._staircase, decision, cells, arrow))
        if decision.denial:
            yield _ways_out(decision.denial, decision.at)


def staircase_table(staircase: Staircase, decision: Decision) -> RenderableType:
    """The same as a table: every ceiling and step, with its exact room before and after, its part and its price."""
    feature = decision.counted
    rows: list[tuple[str, ...]] = []
    for ceiling in staircase.ceilings:
        room = ceiling_text(ceiling, feature, ceiling.room)
        rows.append((f"ceiling {ceiling.name}", room, "", "", "", "" if ceiling.passed else f"ceiling {ceiling.name}"))
    for step in steps_of(staircase, decision):
        room = "no bound" if step.room is None else units_text(feature, step.room)
        after = step.room_after if decision.allowed else step.room
        left = "no bound" if after is None else units_text(feature, after)
        part = units_text(feature, step.given) if step.reached else "not reached"
        cost = credits_text(step.amount) if step.amount else ""
        rows.append((step.layer, room, part, left, cost, stopped_by(step.blocker)))
    if decision.overshoot:
        owed = credits_text(decision.overshoot.owed) if decision.overshoot.owed else ""
        rows.append(("overshoot", "", units_text(feature, decision.overshoot.units), "", owed, ""))
    elif decision.allowed and decision.granted < decision.units:
        short = units_text(feature, decision.units - decision.granted)
        rows.append(
            ("not granted", "", short, "", "", stopped_by(decision.blockers[-1] if decision.blockers else None))
        )
    gives = "gives" if decision.allowed else "would give"
    return table(("step", ">room before", f">{gives}", ">after", ">credits", "stopped by"), rows)


def _bar(row: Row, cells: int, signs: Signs, colour: str) -> Text:
    bar, width = Text(" " * row.start), row.end - row.start
    match row.look:
        case "open":
            return Text(signs.ceiling * cells, "dim")
        case "closed":
            return Text(signs.lip + signs.unpaid * (cells - 1), colour)
        case "grey":
            return bar.append(signs.grey * TAIL, colour)
        case "drawn" | "held" | "would":
            sign = {"drawn": signs.drawn, "held": signs.held}.get(row.look, signs.would)
            bar.append(sign * (width - row.back), colour).append(signs.left * row.back, "dim")
            if row.end < cells:
                bar.append(signs.falls if width else signs.passes, colour if width else "dim")
            elif row.left_over:
                bar.append(signs.left * TAIL, colour)
        case "over" | "short":
            sign = signs.over if row.look == "over" else signs.unpaid
            bar.append(signs.lip + sign * (width - 1), colour)
        case "halt":
            bar.append(signs.would * width, _COLOURS.get(row.label, ""))
            bar.append(signs.lip + signs.unpaid * (cells - row.end - 1), colour)
    return bar


def _colour(row: Row) -> str:
    if row.look in ("halt", "closed", "over", "short"):
        return "bold red"
    return _muted(row) or _COLOURS.get(row.label, "")


def _muted(row: Row) -> str:
    return "bright_black" if row.look == "grey" else ""


def _ways_out(denial: Denial, at: int) -> RenderableType:
    """Both ways out of a denial; a way that there is not is said as well."""
    opens = denial.opens_at
    when = "never by itself" if opens is None else f"in {span_text(opens - at)} ({instant_text(opens)})"
    lines = Table.grid(padding=(0, 1))
    lines.add_column(no_wrap=True, style="bold red")
    lines.add_column(overflow="fold")
    lines.add_row("opens", when)
    if opens is not None:
        closes = denial.closes_at
        again = "never by itself" if closes is None else f"in {span_text(closes - at)} ({instant_text(closes)})"
        lines.add_row("closes", again)
    lines.add_row("unlock", denial.unlock or "nothing that could be added now")
    return Padding(lines, (1, 0, 0, 0))

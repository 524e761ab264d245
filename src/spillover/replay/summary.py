"""What a replay came to, as data (`msgspec` makes it JSON as it stands) and as tables for people.

Credits come twice, as in every document: `credits`, a decimal as text, and `micro_credits`, a whole number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from spillover.compare.sums import MICRO_CREDIT, Credits, Denied, LayerUse, Refused
from spillover.model.amounts import format_credits

AMOUNTS = ("given", "spent", "left", "held", "gone", "advanced", "owed")
"""What is told of each measure."""


class Holding(Struct, frozen=True):
    """What the accounts of the trace have in one measure, by the books: "credits", or a feature (its gifted units).

    Amounts are in `unit`, which is "micro-credit" for credits. `given` = `spent` + `left` + `held` (by open holds) +
    `gone` (expired or revoked). `advanced` by the overage line; `owed` for what no layer could pay.
    """

    measure: str
    unit: str
    given: int
    spent: int
    left: int
    held: int
    gone: int
    advanced: int
    owed: int


class HoldUse(Struct, frozen=True):
    """What became of the holds, where the map says that rows last.

    `opened` = `committed` + `released` + `expired` + `open`. `late` of the expired were committed afterwards all the
    same. `overshoot`: commits of more than layers could pay, and of what that cost, what was forgiven and what is owed.
    `open_most` were open at once, and kept `held_most` credits at once (perhaps at another instant).
    """

    opened: int
    committed: int
    released: int
    expired: int
    late: int
    open: int
    overshoot: int
    forgiven: Credits
    owed: Credits
    open_most: int
    held_most: Credits


class Settling(Struct, frozen=True):
    """How far settlement was behind: events not settled when feeding ended (at most 100,000 are counted), and the
    seconds until these were."""

    unsettled: int
    seconds: float


class Speed(Struct, frozen=True):
    """How fast it went. A group is decided and made durable in one round trip; percentiles are of these.

    `feeding_s` is the time in the engine, `accounts_s` for putting accounts, `wall_s` all of it.
    """

    decisions_per_s: float
    group: int
    groups: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    feeding_s: float
    accounts_s: float
    wall_s: float


class Summary(Struct, frozen=True):
    """What a replay came to.

    `requests` = `granted` + `granted_before` (answered as before, under the same key) + `denied` + `refused`. `split`
    requests were paid by more than one layer. Denied as late: older than what the account has seen, as when a replay is
    repeated. `skipped` rows are no requests by the map, `bad` ones could not be used.
    `assumptions` say what the map made up because the trace does not tell it. Where rows are holds, `layers` are what
    their ends came to, and `refused` counts an end that was refused as well.
    """

    trace: str
    database: str
    durability: str
    policy: str
    part: str
    rows: int
    skipped: int
    bad: int
    first_bad: tuple[str, ...]
    requests: int
    granted: int
    granted_before: int
    denied: tuple[Denied, ...]
    refused: tuple[Refused, ...]
    split: int
    layers: tuple[LayerUse, ...]
    accounts: int
    holdings: tuple[Holding, ...]
    settling: Settling
    speed: Speed
    assumptions: tuple[str, ...]
    holds: HoldUse | None = None

    @property
    def denials(self) -> int:
        """All requests that were denied."""
        return sum(denied.requests for denied in self.denied)

    @property
    def refusals(self) -> int:
        """All requests that were refused with an error."""
        return sum(refused.requests for refused in self.refused)


def render(summary: Summary) -> RenderableType:
    """The summary for a terminal."""
    tables: list[RenderableType] = [
        _table("requests", ("", ">requests", ">share"), _outcomes(summary)),
        _table("who paid", ("feature", "layer", ">requests", ">units", ">credits"), _layers(summary)),
    ]
    if summary.holds:
        tables.append(_table("holds", ("", ">holds", ">share"), _holds(summary.holds)))
    if summary.holdings:
        shown = ("", *(f">{name}" for name in AMOUNTS))
        tables.append(_table("held by the accounts", shown, _holdings(summary)))
    spaced = [part for each in tables for part in (each, Text())]
    return Group(*spaced, *(Text(line, style=style) for line, style in _lines(summary)))


def _outcomes(summary: Summary) -> Iterator[tuple[str, ...]]:
    def row(name: str, count: int) -> tuple[str, ...]:
        return name, f"{count:,}", f"{count / summary.requests:.1%}" if summary.requests else ""

    yield row("asked", summary.requests)
    yield row("granted", summary.granted)
    if summary.granted_before:
        yield row("granted, as answered before", summary.granted_before)
    yield row("  of these split between layers", summary.split)
    for denied in summary.denied:
        name = denied.kind if denied.kind == denied.name else f"{denied.kind} {denied.name}"
        yield row(f"denied: {name}", denied.requests)
    for refused in summary.refused:
        yield row(f"refused: {refused.error}", refused.requests)


def _layers(summary: Summary) -> Iterator[tuple[str, ...]]:
    for use in summary.layers:
        units = _amount(use.units, use.unit)
        yield use.feature, use.layer, f"{use.requests:,}", units, _credits(use.charged.micro_credits)


def _holdings(summary: Summary) -> Iterator[tuple[str, ...]]:
    for held in summary.holdings:
        name = "credits" if held.measure == "credits" else f"gifted: {held.measure}"
        yield (name, *(_amount(getattr(held, amount), held.unit) for amount in AMOUNTS))


def _holds(use: HoldUse) -> Iterator[tuple[str, ...]]:
    counts = {
        "opened": use.opened, "committed": use.committed, "released": use.released, "expired": use.expired,
        "  of these committed late": use.late, "open": use.open, "committed beyond what layers pay": use.overshoot,
    }  # fmt: skip
    for name, count in counts.items():
        yield name, f"{count:,}", f"{count / use.opened:.1%}" if use.opened else ""
    yield "open at once, at most", f"{use.open_most:,}", ""
    for name, credits in (("kept at once", use.held_most), ("forgiven", use.forgiven), ("owed", use.owed)):
        yield f"credits {name}", _credits(credits.micro_credits), ""


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    speed, settling = summary.speed, summary.settling
    part = f", part {summary.part}" if summary.part else ""
    are = "is no request" if summary.skipped == 1 else "are no requests"
    skipped = f"; {_counted(summary.skipped, 'row')} {are}" if summary.skipped else ""
    yield f"{_counted(summary.accounts, 'account')}, {_counted(summary.rows, 'row')}{part}{skipped}", ""
    if summary.bad:
        yield f"{_counted(summary.bad, 'bad row')} skipped, the first of them:", "yellow"
        yield from ((f"  {bad}", "yellow") for bad in summary.first_bad)
    for refused in summary.refused:
        yield from ((f"  {example}", "yellow") for example in refused.examples)
    yield (
        f"{speed.decisions_per_s:,.0f} decisions a second ({summary.durability}); groups of {speed.group}:"
        f" p50 {speed.p50_ms:.1f} ms, p95 {speed.p95_ms:.1f} ms, p99 {speed.p99_ms:.1f} ms, most {speed.max_ms:.1f} ms",
        "",
    )
    yield (
        f"settlement was {_counted(settling.unsettled, 'event')} behind when feeding ended, and done"
        f" {settling.seconds:.2f} s later; {speed.wall_s:.1f} s in all ({speed.accounts_s:.1f} s to put accounts)",
        "",
    )
    yield from ((f"assumed: {assumption}", "dim") for assumption in summary.assumptions)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _amount(amount: int, unit: str) -> str:
    return _credits(amount) if unit == MICRO_CREDIT else f"{amount:,}"


def _credits(micro: int) -> str:
    whole, _, rest = format_credits(micro).partition(".")
    return f"{int(whole):,}{'.' + rest if rest else ''}"


def _table(title: str, columns: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title, title_justify="left")
    for name in columns:
        shown.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))  # text, not markup: a name may hold square brackets
    return shown

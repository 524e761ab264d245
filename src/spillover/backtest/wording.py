"""What a comparison says in words: the headline, and figures as people read them. Terminal and page share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from spillover.compare.report import Comparison, Figures
from spillover.compare.sums import MICRO_CREDIT
from spillover.core.instants import to_moment
from spillover.model.amounts import MICRO, format_credits

MINUS = "\N{MINUS SIGN}"
NAMES = {
    "allowance": "included", "units": "gifted units", "credits": "credits", "overage": "overage",
    "overshoot": "overshoot",
}  # fmt: skip


class Line(NamedTuple):
    """One figure of both policies, and the difference, as text. `change` is below, at or above 0."""

    name: str
    present: str
    proposed: str
    difference: str
    change: int


def headline(comparison: Comparison) -> str:
    """What the proposal would change, in a sentence or two."""
    if not comparison.requests:
        return "There are no requests to compare."
    if comparison.same:
        return f"Nothing would change: both policies answer all {comparison.requests:,} requests alike."
    denied, served = comparison.newly_denied, comparison.newly_served
    parts = []
    if denied.requests:
        parts.append(
            f"{counted(denied.requests, 'request')} of {counted(denied.accounts, 'account')} would be newly denied"
        )
    if served.requests:
        parts.append(f"{counted(served.requests, 'request')} of {counted(served.accounts, 'account')} newly served")
    if not parts:
        parts.append("everybody would be served as now")
    elif not denied.requests:
        parts[0] = parts[0].replace(" newly served", " would be newly served")
    change = comparison.difference.charged.micro_credits
    money = "as much would be charged"
    if change:
        credits = f"{money_text(abs(change))} credit{'' if abs(change) == MICRO else 's'}"
        money = f"{credits} {'more' if change > 0 else 'less'} would be charged"
        before = comparison.present.charged.micro_credits
        money += f" ({change / before:+.1%})".replace("-", MINUS) if before else ""
    return f"Of {counted(comparison.requests, 'request')}, {' and '.join(parts)}; {money}."


def summary_lines(comparison: Comparison) -> Iterator[Line]:
    """The figures side by side."""
    before, after = comparison.present, comparison.proposed
    yield _numbers("requests", before.requests, after.requests)
    yield _numbers("granted", before.granted, after.granted)
    if before.repeated or after.repeated:
        yield _numbers("answered as before", before.repeated, after.repeated)
    yield _numbers("denied", before.denials, after.denials)
    if before.refusals or after.refusals:
        yield _numbers("refused with an error", before.refusals, after.refusals)
    yield _numbers("split between layers", before.split, after.split)
    for name in ("charged", "credits", "overage", "overshoot", "forgiven"):
        one, two = getattr(before, name).micro_credits, getattr(after, name).micro_credits
        if one or two or name == "charged":
            yield _amounts("credits charged" if name == "charged" else f"  {NAMES.get(name, name)}", one, two)


class Share(NamedTuple):
    """What one layer gives of one feature under both policies: units, their shares of what was granted, credits."""

    feature: str
    layer: str
    units: tuple[str, str]
    shares: tuple[str, str]
    credits: tuple[str, str]


def shares(comparison: Comparison) -> Iterator[Share]:
    """Who pays, by feature and layer."""
    sides = (comparison.present, comparison.proposed)
    uses = [{(use.feature, use.layer): use for use in side.layers} for side in sides]
    granted = [{served.feature: served.granted for served in side.served} for side in sides]
    for feature, layer in sorted(uses[0].keys() | uses[1].keys(), key=lambda at: (at[0], list(NAMES).index(at[1]))):
        found = [side.get((feature, layer)) for side in uses]
        units = [use.units if use else 0 for use in found]
        unit = next(use.unit for use in found if use)
        share = [count / (total.get(feature) or 1) for count, total in zip(units, granted, strict=True)]
        money = [use.charged.micro_credits if use else 0 for use in found]
        yield Share(
            feature, layer, (units_text(units[0], unit), units_text(units[1], unit)),
            (f"{share[0]:.1%}", f"{share[1]:.1%}"), (money_text(money[0]), money_text(money[1])),
        )  # fmt: skip


def outcome(figures: Figures) -> str:
    """Granted of all requests, as a share."""
    served = figures.granted + figures.repeated
    return f"{served / figures.requests:.1%}" if figures.requests else ""


def units_text(units: int, unit: str) -> str:
    """Units as a bare number; credits for a feature that is counted by its cost."""
    return money_text(units) if unit == MICRO_CREDIT else f"{units:,}"


def money_text(micro: int) -> str:
    """Micro-credits as credits, thousands set apart."""
    whole, _, rest = format_credits(micro).partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{'.' + rest if rest else ''}"


def moment_text(at: int) -> str:
    """An instant in UTC, to the second."""
    return f"{to_moment(at):%Y-%m-%d %H:%M:%S}"


def signed(change: int, shown: str) -> str:
    """A difference with its sign; 0 as it is."""
    return f"+{shown}" if change > 0 else shown.replace("-", MINUS)


def _numbers(name: str, before: int, after: int) -> Line:
    return Line(name, f"{before:,}", f"{after:,}", signed(after - before, f"{after - before:,}"), after - before)


def _amounts(name: str, before: int, after: int) -> Line:
    change = after - before
    return Line(name, money_text(before), money_text(after), signed(change, money_text(change)), change)


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 request", "2,000 requests"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"

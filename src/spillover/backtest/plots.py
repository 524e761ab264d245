"""The plots of a comparison: who pays, credits over time, who is newly denied, how spending spreads over accounts."""

from __future__ import annotations

from collections.abc import Sequence

from spillover.backtest.drawing import Bar, Line, Part, bars, columns, lines
from spillover.backtest.wording import NAMES, counted, money_text, units_text
from spillover.compare.report import LAYERS, Band, Comparison, Figures, Served
from spillover.core.instants import to_moment
from spillover.model.amounts import MICRO

SIDES = ("present", "proposed")
TICKS = 8
"""Labels along the axis of time, about."""
DAY = 86_400_000


def who_pays(comparison: Comparison) -> str:
    """Stacked bars for each feature: units by layer under both policies, and what was not served."""
    rows: list[Bar] = []
    said: list[str] = []
    # Units of different features have no common scale: each bar is drawn in parts of what was asked for.
    for feature in _features(comparison):
        for name, figures in zip(SIDES, (comparison.present, comparison.proposed), strict=True):
            served = next((one for one in figures.served if one.feature == feature), None)
            if served is None:
                continue
            parts = _parts(figures, served)
            granted = f"{served.granted / served.asked:.1%}" if served.asked else ""
            rows.append(Bar(name, parts, granted, feature if name == SIDES[0] else ""))
            said.append(f"{feature}, {name}: " + ", ".join(part.title for part in parts if part.value))
    return bars("Who pays", "; ".join(said), rows)


def _parts(figures: Figures, served: Served) -> list[Part]:
    """What each layer gave, and the rest, in thousandths of a percent of what was asked."""
    asked = served.asked or 1
    found = []
    for layer in LAYERS:
        use = next((use for use in figures.layers if (use.feature, use.layer) == (served.feature, layer)), None)
        if use:
            found.append(
                Part(
                    use.units * 100_000 // asked, layer,
                    f"{NAMES[layer]} {units_text(use.units, served.unit)} ({use.units / asked:.1%})",
                )
            )  # fmt: skip
    rest = served.asked - served.granted
    title = f"not served {units_text(rest, served.unit)} ({rest / asked:.1%})"
    return [*found, Part(max(rest, 0) * 100_000 // asked, "unserved", title)]


def over_time(comparison: Comparison) -> str:
    """Two lines: what is charged in each stretch of time."""
    moments = comparison.timeline
    labels = [_moment(moment.at, comparison.width) for moment in moments]
    every = max(1, -(-len(moments) // TICKS))
    ticks = [label if place % every == 0 else "" for place, label in enumerate(labels)]
    series = [[moment.present for moment in moments], [moment.proposed for moment in moments]]
    most = max((value for values in series for value in values), default=0)
    marks = [(value, money_text(value)) for value in _round_marks(most)]
    peaks = (
        f"{name} in all {money_text(sum(values))} credits, at most {money_text(max(values, default=0))} at a time"
        for name, values in zip(SIDES, series, strict=True)
    )
    drawn = [
        Line(
            name, values, [f"{label}: {money_text(value)} credits" for label, value in zip(labels, values, strict=True)]
        )
        for name, values in zip(SIDES, series, strict=True)
    ]
    return lines("Credits charged over time", "; ".join(peaks), ticks, marks, drawn)


def changes_by_plan(comparison: Comparison) -> str:
    """For each plan and feature how many requests are newly denied and newly served."""
    both = (("denied", comparison.newly_denied), ("served", comparison.newly_served))
    found = {(group.plan, group.feature) for _, change in both for group in change.by_group}
    many = len({feature for _, feature in found}) > 1
    rows, said = [], []
    for where in sorted(found):
        plan = where[0] or "(no plan)"
        head = f"{plan}, {where[1]}" if many else plan
        for style, change in both:
            group = next((one for one in change.by_group if (one.plan, one.feature) == where), None)
            if group:
                requests = f"{counted(group.requests, 'request')} of {counted(group.accounts, 'account')}"
                title = f"{head}: {requests} newly {style}"
                value = f"{group.requests:,}"
                rows.append(Bar(f"newly {style}", [Part(group.requests, style, title)], value, head))
                said.append(title)
                head = ""
    return bars("Newly denied and newly served requests by plan", "; ".join(said) or "None.", rows)


def spread(comparison: Comparison) -> str:
    """Columns: how many accounts spend how much."""
    labels = [band_label(band) for band in comparison.bands]
    pairs = [
        (
            Part(band.present, SIDES[0], f"{label} credits, present: {counted(band.present, 'account')}"),
            Part(band.proposed, SIDES[1], f"{label} credits, proposed: {counted(band.proposed, 'account')}"),
        )
        for label, band in zip(labels, comparison.bands, strict=True)
        if label != "0"
    ]
    said = "; ".join(part.title for pair in pairs for part in pair)
    shown = [label for label in labels if label != "0"]
    return columns("Accounts by what they spend", said or "No account spends anything.", shown, pairs)


def band_label(band: Band) -> str:
    """A band in credits: "0", "2 to 5", "over 500,000"."""
    if band.until == 0:
        return "0"
    above = f"{band.above // MICRO:,}"
    return f"over {above}" if band.until is None else f"{above} to {band.until // MICRO:,}"


def _features(comparison: Comparison) -> Sequence[str]:
    return [served.feature for served in comparison.present.served]


def _moment(at: int, width: int) -> str:
    moment = to_moment(at)
    return f"{moment:%Y-%m-%d}" if width >= DAY else f"{moment:%m-%d %H:%M}"


def _round_marks(most: int) -> list[int]:
    """Some round values up to the largest one, 0 among them."""
    steps = (base * 10**power for power in range(16) for base in (1, 2, 5))
    step = next(step for step in steps if most <= 5 * step)
    return [step * place for place in range(most // step + 1)]

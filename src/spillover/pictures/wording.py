"""Amounts, instants and spans of time as people read them; every table and picture uses these."""

from __future__ import annotations

from collections.abc import Sequence

from spillover.core.instants import to_moment
from spillover.model.account import NEVER
from spillover.model.amounts import MICRO, format_credits
from spillover.model.policy import Feature, Policy

_SPANS = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))


def number(value: int) -> str:
    """A count with its thousands set apart: 1234567 -> "1,234,567"."""
    return f"{value:,}"


def counted(count: int, noun: str) -> str:
    """A count with its noun: "1 event", "2,000 events"."""
    return f"{number(count)} {noun}{'' if count == 1 else 's'}"


def credits_text(micro: int) -> str:
    """Micro-credits as credits, thousands set apart: 1234500000 -> "1,234.5"."""
    whole, _, rest = format_credits(micro).partition(".")
    sign, digits = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}{'.' + rest if rest else ''}"


def units_text(feature: Feature, units: int) -> str:
    """Units of a feature as a bare number: credits for a feature that is counted by its cost."""
    return credits_text(units) if feature.count == "cost" else number(units)


def counted_text(of: str, feature: Feature, count: int) -> str:
    """What a limit counts (`of`) as a bare number: units of the feature, credits, or a number of something."""
    if of == "units":
        return units_text(feature, count)
    return credits_text(count) if of == "credits" else number(count)


def unit_name(feature: Feature, units: int) -> str:
    """What units of a feature are called: "seconds", "credits"."""
    name = "credit" if feature.count == "cost" else feature.unit
    one = MICRO if feature.count == "cost" else 1
    return name if units == one or name.endswith("s") else name + "s"


def instant_text(instant: int) -> str:
    """An instant in UTC, to the second; "never" for none."""
    return "never" if instant >= NEVER else f"{to_moment(instant):%Y-%m-%d %H:%M:%S} UTC"


def short_times(instants: Sequence[int]) -> tuple[list[str], str]:
    """Instants in UTC to the minute, and what to say of all of them: a year that they share is said once.

    0 and never are no instants: "" and "never".
    """
    moments = [to_moment(instant) if 0 < instant < NEVER else None for instant in instants]
    years = {moment.year for moment in moments if moment}
    form = "%m-%d %H:%M" if len(years) == 1 else "%Y-%m-%d %H:%M"
    texts = [
        format(moment, form) if moment else "never" if instant else ""
        for instant, moment in zip(instants, moments, strict=True)
    ]
    return texts, "" if not years else f"Times are UTC, {min(years)}." if len(years) == 1 else "Times are UTC."


def span_text(milliseconds: int) -> str:
    """A span of time in its two largest parts: 11520000 -> "3 h 12 min"; under a second it is "less than 1 s"."""
    parts: list[str] = []
    left = milliseconds
    for name, length in _SPANS:
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count} {name}" if count else "")
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part) or "less than 1 s"


def amount_text(policy: Policy, measure: str, amount: int) -> str:
    """An amount in a measure as a bare number: credits, or units of a feature."""
    feature = policy.features.get(measure)
    return units_text(feature, amount) if feature else credits_text(amount) if measure == "credits" else number(amount)


def measure_text(policy: Policy, measure: str, amount: int) -> str:
    """An amount in a measure with its name: "50 credits", "30 seconds of video.seconds"."""
    feature = policy.features.get(measure)
    if feature is None:
        return f"{amount_text(policy, measure, amount)} {measure}"
    return f"{units_text(feature, amount)} {unit_name(feature, amount)} of {measure}"

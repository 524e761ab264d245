"""A comparison as one HTML page that stands alone: no script, nothing fetched, styles and plots inside.

It is well-formed XML too, so that any tool can read it. Whatever comes from outside goes through `text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import resources

from spillover.backtest import plots
from spillover.backtest.drawing import text
from spillover.backtest.wording import NAMES, counted, headline, moment_text, money_text, outcome, shares, summary_lines
from spillover.compare.report import LAYERS, Change, Comparison

NOTHING_FETCHED = "default-src 'none'; style-src 'unsafe-inline'"
SPANS = ((86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"))

Cells = Sequence[str]
"""Of a row, ready for the page."""


def page(comparison: Comparison) -> str:
    """The whole page."""
    style = (resources.files("spillover.backtest") / "page.css").read_text(encoding="utf-8")
    return "\n".join((
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>',
        f'<meta http-equiv="Content-Security-Policy" content="{text(NOTHING_FETCHED)}"/>',
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
        f"<title>{text('Backtest of ' + comparison.proposed_policy.name)}</title>",
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>",
        *_sections(comparison),
        "</main>\n</body>\n</html>\n",
    ))  # fmt: skip


def _sections(comparison: Comparison) -> Iterator[str]:
    yield _header(comparison)
    lines = (
        (f'<span class="sub">{text(line.name.strip())}</span>' if line.name.startswith(" ") else text(line.name),
         line.present, line.proposed, text(line.difference))
        for line in summary_lines(comparison)
    )  # fmt: skip
    served = f"{outcome(comparison.present)} of all requests are granted now, {outcome(comparison.proposed)} then."
    yield _section("Side by side", served, _table(("", "!present", "!proposed", "!difference"), lines))
    yield _section(
        "Who pays", "Units of each feature, in parts of what was asked for; at the end the share that is granted.",
        _legend(_paying(comparison)) + plots.who_pays(comparison), _paid(comparison),
    )  # fmt: skip
    length = _span(comparison.width)
    yield _section(
        "Credits charged over time", f"Credits, overage and overshoot together, for each {length}. Times are UTC.",
        _legend((side, side) for side in plots.SIDES) + plots.over_time(comparison), _times(comparison),
    )  # fmt: skip
    yield _section("Who is newly denied or served, by plan", _changed(comparison), _by_plan(comparison))
    yield _section(
        "Accounts by what they spend", "How many accounts spend how many credits in all, of those that spend any.",
        _legend((side, side) for side in plots.SIDES) + plots.spread(comparison), _spread(comparison),
    )  # fmt: skip
    yield _section("By plan and feature", "", _groups(comparison))
    yield from _accounts("Newly denied accounts", "denied", comparison.newly_denied)
    yield from _accounts("Newly served accounts", "served", comparison.newly_served)
    yield _footer(comparison)


def _header(comparison: Comparison) -> str:
    when = f", {moment_text(comparison.since)} to {moment_text(comparison.until)} UTC" if comparison.requests else ""
    policies = "".join(
        f'<span><i class="key {side}"></i>{side} <b><bdi>{text(name.name)}</bdi></b> ({text(name.hash[:12])})</span>'
        for side, name in zip(plots.SIDES, (comparison.present_policy, comparison.proposed_policy), strict=True)
    )
    accounts = counted(comparison.accounts, "account")
    return (
        f'<header><p class="kind">Policy backtest</p><h1>{text(headline(comparison))}</h1>'
        f'<p class="policies">{policies}</p><p><bdi>{text(comparison.source)}</bdi>, {accounts}{when}</p>'
        "</header>"
    )


def _paid(comparison: Comparison) -> str:
    rows = (
        (_name(one.feature), text(NAMES[one.layer]), one.units[0], one.shares[0], one.credits[0], one.units[1],
         one.shares[1], one.credits[1])
        for one in shares(comparison)
    )  # fmt: skip
    names = ("feature", "layer", "!units", "!share", "!credits", "!units then", "!share then", "!credits then")
    return _figures(_table(names, rows))


def _times(comparison: Comparison) -> str:
    rows = (
        (moment_text(moment.at), money_text(moment.present), money_text(moment.proposed))
        for moment in comparison.timeline
    )
    return _figures(_table(("from", "!present", "!proposed"), rows))


def _spread(comparison: Comparison) -> str:
    rows = ((plots.band_label(band), f"{band.present:,}", f"{band.proposed:,}") for band in comparison.bands)
    return _figures(_table(("credits", "!accounts now", "!accounts then"), rows))


def _changed(comparison: Comparison) -> str:
    denied, served = comparison.newly_denied, comparison.newly_served
    return (
        f"{counted(denied.requests, 'request')} of {counted(denied.accounts, 'account')} would be newly denied,"
        f" {counted(served.requests, 'request')} of {counted(served.accounts, 'account')} newly served."
    )


def _by_plan(comparison: Comparison) -> str:
    if not comparison.newly_denied.requests and not comparison.newly_served.requests:
        return '<p class="note">None.</p>'
    legend = _legend((("denied", "newly denied"), ("served", "newly served")))
    return legend + plots.changes_by_plan(comparison)


def _groups(comparison: Comparison) -> str:
    rows = (
        (_name(group.plan or "(none)"), _name(group.feature), f"{group.present.requests:,}",
         f"{group.present.granted:,}", f"{group.proposed.granted:,}", money_text(group.present.credits.micro_credits),
         money_text(group.proposed.credits.micro_credits), money_text(group.present.overage.micro_credits),
         money_text(group.proposed.overage.micro_credits), money_text(group.present.overshoot.micro_credits),
         money_text(group.proposed.overshoot.micro_credits))
        for group in comparison.groups
    )  # fmt: skip
    return _table(
        ("plan", "feature", "!requests", "!granted", "!then", "!credits", "!then", "!overage", "!then", "!overshoot",
         "!then"),
        rows,
    )  # fmt: skip


def _accounts(title: str, way: str, change: Change) -> Iterator[str]:
    if not change.requests:
        return
    listed = len(change.by_account)
    note = (
        counted(change.accounts, "account")
        if listed == change.accounts
        else f"The first {listed} of {change.accounts:,}"
    )
    why = "why it would be denied" if way == "denied" else "why it is denied now"
    accounts = _table(
        ("account", "plan", "!requests", "!credits now", "!credits then", "first, in UTC", why),
        (
            (_name(one.account), _name(one.plan), f"{one.requests:,}", money_text(one.present.micro_credits),
             money_text(one.proposed.micro_credits), moment_text(one.first.at), _why(one.first.sentence))
            for one in change.by_account
        ),
    )  # fmt: skip
    examples = _table(
        ("plan", "feature", "account", "time, in UTC", "key", why),
        (
            (_name(group.plan), _name(group.feature), _name(one.account), moment_text(one.at), _name(one.key),
             _why(one.sentence))
            for group in change.by_group
            for one in group.examples
        ),
    )  # fmt: skip
    more = f"<h3>First examples</h3>{examples}"
    yield _section(title, f"{note}, those with the most such requests first.", accounts, more)


def _footer(comparison: Comparison) -> str:
    notes = list(comparison.notes)
    if comparison.skipped:
        notes.append(f"{comparison.skipped:,} rows are no requests, as the map says.")
    if comparison.bad:
        notes.append(f"{comparison.bad:,} rows could not be used; the first: {'; '.join(comparison.first_bad)}")
    for side, figures in zip(plots.SIDES, (comparison.present, comparison.proposed), strict=True):
        notes += (
            f"Refused with an error by the {side} policy: {one.requests:,} requests ({one.examples[0]})"
            for one in figures.refused
        )
    if comparison.forgotten:
        notes.append(f"{comparison.forgotten:,} accounts made room in memory; sums have them, lists do not.")
    items = "".join(f"<li>{text(note)}</li>" for note in notes)
    return f"<footer><h2>How this was computed, and what it cannot know</h2><ul>{items}</ul></footer>"


def _section(title: str, note: str, *parts: str) -> str:
    said = f'<p class="note">{text(note)}</p>' if note else ""
    return f"<section><h2>{text(title)}</h2>{said}{''.join(parts)}</section>"


def _figures(table: str) -> str:
    """The plot's numbers, for who cannot see it."""
    return f"<details><summary>The figures</summary>{table}</details>"


def _paying(comparison: Comparison) -> Iterator[tuple[str, str]]:
    """The layers that pay anything, and the rest."""
    found = {use.layer for side in (comparison.present, comparison.proposed) for use in side.layers}
    yield from ((layer, NAMES[layer]) for layer in LAYERS if layer in found)
    yield "unserved", "not served"


def _legend(entries: Iterable[tuple[str, str]]) -> str:
    shown = (f'<span><i class="key {style}"></i>{text(name)}</span>' for style, name in entries)
    return f'<p class="legend">{"".join(shown)}</p>'


def _table(names: Sequence[str], rows: Iterable[Cells]) -> str:
    """A table; columns whose name begins with "!" hold numbers. The first cell of a row is its heading."""
    right = [name.startswith("!") for name in names]
    head = "".join(
        f'<th scope="col"{_style(number)}>{text(name.removeprefix("!"))}</th>'
        for name, number in zip(names, right, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(_cell(place, cell, right[place]) for place, cell in enumerate(row)) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'


def _cell(place: int, cell: str, number: bool) -> str:
    if not place:
        return f'<th scope="row"{_style(number)}>{cell}</th>'
    return f"<td{_style(number)}>{cell}</td>"


def _style(number: bool) -> str:
    return ' class="n"' if number else ""


def _name(name: str) -> str:
    """A name from outside: whatever direction it is written in, it does not turn what stands around it."""
    return f"<bdi>{text(name)}</bdi>"


def _why(sentence: str) -> str:
    return f'<span class="why">{text(sentence)}</span>'


def _span(width: int) -> str:
    length, name = next((pair for pair in SPANS if width >= pair[0]), SPANS[-1])
    count = width // length
    return name if count == 1 else f"{count} {name}s"

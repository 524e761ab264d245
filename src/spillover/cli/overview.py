"""`spillover account overview`: everything that a customer's page needs, on one screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import Command, as_json, attributes, database, example, pairs, subject

if TYPE_CHECKING:
    from rich.console import RenderableType

    from spillover.engine.limits import LimitStanding
    from spillover.engine.overview import Overview
    from spillover.model.policy import Policy


@example("spillover account overview acme", "spillover account overview acme --subject ada --attribute team=blue")
@click.command(cls=Command, short_help="Everything on one screen: sums, limits, holds, today.")
@click.argument("name", metavar="ACCOUNT")
@subject
@attributes
@database
@as_json
def overview(name: str, subject: str | None, attributes: tuple[str, ...], db: str, as_json: bool) -> None:
    """Show all that a customer's page needs of ACCOUNT: sums, limits with room and reset, holds, today, what is next.

    With --subject also the limits of that person, with --attribute those of that value.
    """
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.overview import Overview as OverviewDocument

    labels = pairs("attribute", attributes, "team=blue")
    with open_there(db) as access:
        told, policy = access.overview(name, subject=subject, attributes=labels), access.policy
    if as_json:
        write_json(OverviewDocument.of(policy, told))
        return
    consents = "" if told.consent else ", without consent to pay with credits"
    write(f"{name}: plan {told.plan}, {told.state}{consents}, zone {told.zone}")
    for part in (
        _sums(policy, told),
        _limits(policy, told),
        _holds(policy, told),
        _today(policy, told),
        _next(policy, told),
    ):
        if part is not None:
            write("", part)


def _sums(policy: Policy, told: Overview) -> RenderableType | None:
    from spillover.cli.reports import SUMS
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text

    rows = [
        (one.measure, *(amount_text(policy, one.measure, getattr(one, sum_)) for sum_ in SUMS)) for one in told.measures
    ]
    return table(("measure", *(f">{sum_}" for sum_ in SUMS)), rows, title="It has") if rows else None


def _limits(policy: Policy, told: Overview) -> RenderableType | None:
    """Limits that several features share are told once, for the first of them."""
    from spillover.pictures.tables import table
    from spillover.pictures.wording import counted_text, short_times

    found, seen = [], set()
    for one in told.features:
        for limit in one.limits:
            if (shared := (id(one.limits), limit.kind, limit.name)) not in seen:
                seen.add(shared)
                found.append((one.feature, limit))
    if not found:
        return None
    times, caption = short_times([limit.resets_at or 0 for _, limit in found])
    rows = []
    for (feature, limit), resets in zip(found, times, strict=True):
        counts = (
            counted_text(limit.of, policy.features[feature], count) for count in (limit.used, limit.max, limit.room)
        )
        what = limit.kind if limit.kind == limit.name else f"{limit.kind} {limit.name}"
        rows.append(
            (feature, what, _whom(limit), *counts, "" if limit.of == "units" else limit.counts or limit.of, resets)
        )
    columns = ("feature", "limit", "for", ">used", ">of", ">room", "~counts", "resets")
    return table(columns, rows, title="Limits", caption=caption)


def _whom(limit: LimitStanding) -> str:
    return limit.scope if limit.per in ("", "subject") else f"{limit.per} {limit.scope}"


def _holds(policy: Policy, told: Overview) -> RenderableType | None:
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, credits_text, short_times

    times, caption = short_times([hold.due for hold in told.holds])
    rows = [
        (
            hold.key, hold.feature, hold.subject, amount_text(policy, hold.feature, hold.units),
            credits_text(hold.amount) if hold.amount else "", due,
        )
        for hold, due in zip(told.holds, times, strict=True)
    ]  # fmt: skip
    columns = ("~key", "feature", "~subject", ">held", ">credits", "due")
    return table(columns, rows, title="Open holds", caption=caption) if rows else None


def _today(policy: Policy, told: Overview) -> RenderableType | None:
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, credits_text, number

    rows = []
    for row in told.today.features:
        (feature,) = row.group
        given = {layer.layer: amount_text(policy, feature, layer.units) for layer in row.layers}
        paid = (given.get(layer, "") for layer in ("allowance", "units", "credits", "overage"))
        charged = credits_text(row.charged) if row.charged else ""
        rows.append(("feature", feature, number(row.requests), *paid, charged))
    for name, values in told.today.attributes:
        for row in values:
            if value := row.group[0]:
                charged = credits_text(row.charged) if row.charged else ""
                rows.append((name, value, number(row.requests), "", "", "", "", charged))
    columns = ("by", "", ">requests", ">included", ">gifted", ">credits", ">overage", ">charged")
    return table(columns, rows, title="Today, as booked so far") if rows else None


def _next(policy: Policy, told: Overview) -> RenderableType | None:
    from spillover.pictures.tables import table
    from spillover.pictures.wording import measure_text, short_times

    times, caption = short_times([one.at for one in told.next])
    rows = [
        (time, one.kind, one.name, measure_text(policy, one.measure, one.amount) if one.measure else "")
        for one, time in zip(told.next, times, strict=True)
    ]
    return table(("time", "what", "~name", "amount"), rows, title="Next", caption=caption) if rows else None

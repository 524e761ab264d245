"""`spillover limits set` and `spillover windows reset`: one account's own maximum; what was counted, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import (
    COMING,
    Command,
    Group,
    actor,
    as_json,
    database,
    example,
    generated_key,
    key_of,
    reason,
)

if TYPE_CHECKING:
    from spillover.access.plain import Access

scope = click.option("--scope", metavar="VALUE", help="For this subject or attribute value, where it counts per one.")


@example("spillover limits set acme video.seconds daily 30 --until 7d")
@click.group(cls=Group, short_help="Another maximum for one account.")
def limits() -> None:
    """Give one account another maximum than its plan does."""


@example(
    'spillover limits set acme video.seconds daily 30 --until 7d --reason "launch week"',
    "spillover limits set acme chat.messages burst 5 --key ticket-82",
)
@limits.command("set", cls=Command, short_help="Another maximum for one limit.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("feature")
@click.argument("limit")
@click.argument("most", metavar="MAX")
@scope
@click.option("--until", type=COMING, metavar="TIME", help="In force up to this time; for good by default.")
@generated_key
@reason
@actor
@database
@as_json
def set_limit(
    name: str, feature: str, limit: str, most: str, scope: str | None, until: int | None, key: str | None, reason: str,
    actor: str, db: str, as_json: bool,
) -> None:  # fmt: skip
    """Let ACCOUNT have at most MAX of what LIMIT of FEATURE counts; credits, where it counts these."""
    import msgspec

    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.orders import Ordered
    from spillover.pictures.wording import instant_text

    key = key_of(key)
    with open_there(db) as access:
        maximum = _maximum(access, name, feature, limit, most)
        done = access.limits.set(
            name, feature, limit, maximum, key=key, scope=scope, until=until, reason=reason, actor=actor
        )
        policy = access.policy
    if as_json:
        document = msgspec.to_builtins(Ordered.of(policy, done, account=name, key=key, measures={}))
        write_json({"limit": limit, "feature": feature, "max": most, **document})
        return
    whom = f" for {scope}" if scope is not None else ""
    ends = "" if until is None else f" until {instant_text(until)}"
    write(f"{name}: limit {limit} of {feature} is {most}{whom}{ends} (version {done.version} of its terms, key {key})")


def _maximum(access: Access, name: str, feature: str, limit: str, written: str) -> str | int:
    """A whole number, but for a limit that counts credits: those are decimals. What fits neither the engine refuses."""
    from spillover.cli.options import count_of
    from spillover.cli.statement_rows import counts_credits

    plan = access.policy.plans.get(access.balance(name).plan)
    rule = plan.by_feature.get(feature) if plan else None
    titles = [one.title for one in rule.limits() if one.name == limit] if rule else []
    return written if titles and counts_credits(access.policy, titles[0]) else count_of(written)


@example("spillover windows reset acme chat.messages")
@click.group(cls=Group, short_help="Forget what windows have counted.")
def windows() -> None:
    """Forget what the windows and ceilings of one account have counted."""


@example(
    'spillover windows reset acme chat.messages --reason "outage of March 2"',
    "spillover windows reset acme video.seconds daily --key ticket-83",
)
@windows.command("reset", cls=Command, short_help="Forget what a window has counted.")
@click.argument("name", metavar="ACCOUNT")
@click.argument("feature")
@click.argument("window", required=False)
@scope
@generated_key
@reason
@actor
@database
@as_json
def reset(
    name: str, feature: str, window: str | None, scope: str | None, key: str | None, reason: str, actor: str, db: str,
    as_json: bool,
) -> None:  # fmt: skip
    """Forget what WINDOW of FEATURE has counted so far; left out, all windows of its allowance.

    The window ends when it would have ended. Nothing that was paid is given back: see `spillover refund`.
    """
    import msgspec

    from spillover.cli.database import names_of, open_there
    from spillover.cli.output import write, write_json
    from spillover.cli.statement_rows import limit_count
    from spillover.documents.orders import Ordered
    from spillover.documents.statement import limit_named

    key = key_of(key)
    with open_there(db) as access:
        done = access.windows.reset(name, feature, window, key=key, scope=scope, reason=reason, actor=actor)
        policy, names = access.policy, names_of(access, name)
    if as_json:
        document = msgspec.to_builtins(Ordered.of(policy, done, account=name, key=key, measures={}))
        write_json({"feature": feature, **document})
        return
    forgotten = [
        f"{limit_count(policy, one.what, one.before)} used of {limit_named(one.what, names)}" for one in done.entries
    ]
    what = f"forgot {', '.join(forgotten)}" if forgotten else "nothing was counted"
    write(f"{name}: {what} (version {done.version} of its terms, key {key})")

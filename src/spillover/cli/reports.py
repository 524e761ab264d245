"""`spillover account show | usage | list`: reading what accounts have and did, changing nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from spillover.cli.options import INSTANT, Command, as_json, database, example
from spillover.model.account import NEVER

if TYPE_CHECKING:
    from spillover.access.plain import Access
    from spillover.engine.reading import Balance
    from spillover.model.account import Profile
    from spillover.model.policy import Policy
    from spillover.model.reports import AccountPage, AccountRow, UsagePage

ROWS_MAX = 100_000

since = click.option("--since", type=INSTANT, default=0, metavar="TIME", help="From this instant on.")
until = click.option(
    "--until", type=INSTANT, default=NEVER, metavar="TIME", help="Up to this instant, itself left out."
)
limit = click.option(
    "--limit", type=click.IntRange(1, ROWS_MAX), default=1000, show_default=True, help="Rows, at most."
)


@example("spillover account show acme")
@click.command(cls=Command, short_help="What it has: available, held, settled.")
@click.argument("name", metavar="ACCOUNT")
@database
@as_json
def show(name: str, db: str, as_json: bool) -> None:
    """Show what ACCOUNT has: available, held and settled, its lots in the order in which they burn, its own limits."""
    import msgspec

    from spillover.cli.database import names_of, open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.accounts import Override
    from spillover.documents.accounts import Profile as ProfileDocument
    from spillover.documents.balances import Balance as BalanceDocument

    with open_there(db) as access:
        balance, policy, names = access.balance(name), access.policy, names_of(access, name)
        profile = access.look(access.desk.ledger.profile(access.run(access.desk.account(name))))
    if as_json:
        terms = ProfileDocument.of(policy, profile, account=name)
        limits = [Override.of(one, names) for one in profile.overrides]
        document = msgspec.to_builtins(BalanceDocument.of(policy, balance))
        write_json({**document, "terms": terms, "limits": limits})
        return
    from spillover.cli.terms import following
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text

    rows = [
        (
            at.measure,
            *(amount_text(policy, at.measure, getattr(at, sum_)) for sum_ in SUMS),
        )
        for at in balance.measures
    ]
    next_plan = following(profile) if profile.next_plan != balance.plan else ""
    consents = "" if profile.consent else ", without consent to pay with credits"
    write(f"{name}: plan {balance.plan}, {balance.state}{consents}", *([next_plan] if next_plan else []))
    if rows:
        columns = ("measure", *(f">{sum_}" for sum_ in SUMS))
        empty = [at for at, name in enumerate(columns) if name[1:] in RARE and _zero(rows, at)]
        rows = [tuple("" if at in empty else cell for at, cell in enumerate(row)) for row in rows]
        owes = any(at.owed or at.receivable for at in balance.measures)
        write("", table(columns, rows, caption=f"{STANDING}\n{OWING}" if owes else STANDING))
    else:
        write("It has no credits and no gifted units.")
    _write_lots(policy, balance)
    _write_limits(policy, profile, names, balance.at)


SUMS = ("available", "held", "settled", "owed", "receivable")
RARE = ("held", "owed", "receivable")
OWING = "owed: new credits pay it first; receivable: advanced by the overage line"
STANDING = "available: can be spent now; held: kept by open holds; settled: in the books"


def _zero(rows: list[tuple[str, ...]], at: int) -> bool:
    return all(row[at] == "0" for row in rows)


def _write_lots(policy: Policy, balance: Balance) -> None:
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, short_times

    lots = [(measure.measure, at) for measure in balance.measures for at in measure.lots]
    if not lots:
        return
    times, caption = short_times([at.lot.effective for _, at in lots] + [at.lot.expires for _, at in lots])
    one_priority = len({at.lot.priority for _, at in lots}) == 1
    rows = []
    for (measure, at), begins, ends in zip(lots, times, times[len(lots) :], strict=False):
        amounts = (amount_text(policy, measure, amount) for amount in (at.available, at.settled, at.granted))
        paid = "promotional" if at.lot.promotional else f"{at.paid} {at.currency}".strip() or "paid"
        priority = "" if one_priority else str(at.lot.priority)
        rows.append((str(at.lot.id), measure, *amounts, priority, begins, ends, paid))
    columns = (">lot", "measure", ">available", ">settled", ">granted", ">priority", "begins", "expires", "~paid")
    write("", table(columns, rows, title="Lots, in the order in which they burn", caption=caption))


def _write_limits(policy: Policy, profile: Profile, names: dict[str, str], now: int) -> None:
    """The limits that this account has other maxima for."""
    from spillover.cli.output import write
    from spillover.cli.statement_rows import limit_count
    from spillover.pictures.tables import table
    from spillover.pictures.wording import instant_text

    rows = [
        (
            one.limit, "" if one.scope is None else names.get(one.scope, one.scope),
            limit_count(policy, one.limit, str(one.max)), instant_text(one.until),
        )
        for one in profile.overrides
        if one.until > now
    ]  # fmt: skip
    if rows:
        write("", table(("limit", "~for", ">max", "until"), rows, title="Limits of its own"))


@example("spillover account usage acme --by feature,day", "spillover account usage acme --by subject,model")
@click.command(cls=Command, short_help="What it used, and which layers paid.")
@click.argument("name", metavar="ACCOUNT")
@click.option(
    "--by", default="feature", show_default=True, metavar="NAMES",
    help="Groups: feature, subject, day (of the account's zone), or attributes, with commas between.",
)  # fmt: skip
@since
@until
@limit
@database
@as_json
def usage(name: str, by: str, since: int, until: int, limit: int, db: str, as_json: bool) -> None:
    """Show what ACCOUNT used and which layers paid for it, as booked so far."""
    from spillover.cli.database import open_there, waiting_of
    from spillover.cli.output import write, write_json
    from spillover.documents.usage import UsagePage as UsageDocument

    groups = tuple(part.strip() for part in by.split(",") if part.strip())
    with open_there(db) as access:
        page, policy = access.usage(name, by=groups, since=since, until=until, limit=limit), access.policy
        waiting = 0 if as_json else waiting_of(access, name)
    if as_json:
        write_json(UsageDocument.of(policy, page, account=name, by=groups))
    else:
        _write_usage(policy, name, groups, page)
        write(*page_hints(page.after is not None, waiting))


def _write_usage(policy: Policy, name: str, by: tuple[str, ...], page: UsagePage) -> None:
    from spillover.cli.output import write
    from spillover.pictures.tables import table
    from spillover.pictures.wording import amount_text, credits_text, number

    rows = []
    for row in page.rows:
        feature = row.group[by.index("feature")] if "feature" in by else ""
        given = {layer.layer: layer.units for layer in row.layers}
        units = (given.get(layer, 0) for layer in ("allowance", "units", "credits", "overage"))
        counts = (amount_text(policy, feature, count) if count else "" for count in (row.units, *units))
        charged = credits_text(row.charged) if row.charged else ""
        rows.append((*row.group, number(row.requests), *counts, charged))
    if not rows:
        write(f"{name}: nothing is booked for this time.")
        return
    columns = (*by, ">requests", ">units", ">included", ">gifted", ">credits", ">overage", ">charged")
    caption = "units: all of them, then how many each layer gave; charged: credits"
    write(table(columns, rows, caption=caption))


@example("spillover account list --owing", "spillover account list --json")
@click.command("list", cls=Command, short_help="All accounts, and who owes.")
@click.option("--owing", is_flag=True, help="Only those that owe, or that the overage line advanced something.")
@limit
@database
@as_json
def listing(owing: bool, limit: int, db: str, as_json: bool) -> None:
    """List all accounts with their credits as booked so far; one that was erased has no name."""
    from spillover.cli.database import open_there
    from spillover.cli.output import write, write_json
    from spillover.documents.accounts import AccountPage as PageDocument

    with open_there(db) as access:
        page = _owing(access, limit) if owing else access.accounts.list(limit=limit)
        policy = access.policy
    if as_json:
        write_json(PageDocument.of(policy, page))
        return
    from spillover.pictures.tables import table
    from spillover.pictures.wording import credits_text

    if not page.rows:
        nobody = "There are no accounts yet. `spillover account put NAME --plan PLAN` makes one."
        write("Nobody owes anything." if owing else nobody)
        return
    rows = []
    for row in page.rows:
        amounts = (credits_text(amount) if amount else "" for amount in (row.settled, row.owed, row.receivable))
        place = (str(row.settled_sequence), str(row.account))
        rows.append((row.name or "(erased)", row.plan, row.state, *amounts, *place))
    columns = ("account", "plan", "state", ">settled", ">owed", ">receivable", ">settled sequence", ">id")
    caption = f"settled: credits in the books; {OWING}"
    write(table(columns, rows, caption=caption), *_more(page.after is not None))


def _owing(access: Access, limit: int) -> AccountPage:
    """The accounts that owe or were advanced something, at most `limit`."""
    from spillover.model.reports import AccountPage

    found: list[AccountRow] = []
    after: int | None = 0
    while after is not None and len(found) <= limit:
        page = access.accounts.list(after=after)
        found += [row for row in page.rows if row.owed or row.receivable]
        after = page.after
    return AccountPage(tuple(found[:limit]), found[limit - 1].account if len(found) > limit else None)


def page_hints(more: bool, waiting: int) -> tuple[str, ...]:
    """What a reader should know about a page: that it ends before its end, and what it cannot hold yet."""
    from spillover.pictures.wording import counted

    if not waiting:
        return _more(more)
    verb = "is" if waiting == 1 else "are"
    return (*_more(more), f"{counted(waiting, 'event')} {verb} not booked yet; `spillover settle` books what waits.")


def _more(there_is: bool) -> tuple[str, ...]:
    return ("There is more; give a larger --limit, or a shorter time.",) if there_is else ()

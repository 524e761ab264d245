"""A month that was full is over: accounts that are at their threshold or below still are ordered for again.

Such an account may have nothing left to spend, so nothing happens in its books that a watcher would look at.
"""

from __future__ import annotations

from functools import partial

from spillover.model.policy import Pack
from spillover.office.topup_records import open_of, order, ordered_in, rule_of, topup_message
from spillover.policy import policy_from_document
from spillover.ports import Ledger
from spillover.ports.notices import Message, Notices, Writer
from spillover.ports.sales import Sales, TopUp, TopUpRule
from spillover.selling.topups import month

PAGE = 200
"""Accounts that are looked at in one call."""
EAST = "Pacific/Kiritimati"
"""Where each month begins first."""


async def order_again(sales: Sales, notices: Notices, ledger: Ledger, now: int, after: int = 0) -> int:
    """Order for accounts whose last order was the last of a month that is over; with what to go on, 0 at the end.

    `sales` and `notices` are one office. `now`: ms since 1970. Raises StoreError.
    """
    found = await sales.full_topups(month(now, EAST), after=after, limit=PAGE)
    packs: dict[str, Pack] | None = None
    for rule, last in found:
        period = month(now, (await ledger.profile(rule.account)).zone)
        if last >= period or await _credits(ledger, rule.account) > rule.below:
            continue
        if await ledger.account_name(rule.account) is None:
            continue
        if packs is None:
            document = await ledger.policy_document(at=now)
            packs = {} if document is None else policy_from_document(document).packs
        if rule.pack in packs:  # else the watcher says so, when the account falls there again
            topup = TopUp(rule.account, period, 1, packs[rule.pack], at=now, due=now)
            await notices.put_messages([], now, also=[partial(_write, rule, topup)])
    return found[-1][0].account if len(found) == PAGE else 0


def _write(rule: TopUpRule, topup: TopUp, tables: Writer) -> list[Message]:
    """The order, unless somebody was first, or a watcher has still to look at what happened since."""
    account = topup.account
    tables.alone("office watched")
    if rule_of(tables, account) != rule or open_of(tables, account) or ordered_in(tables, account, topup.period):
        return []
    if tables.one("topups.seen", account) is None:
        return []
    order(tables, topup)
    return [topup_message("topup.wanted", topup, topup.at)]


async def _credits(ledger: Ledger, account: int) -> int:
    return sum(one.balance for one in await ledger.balances(account) if one.measure == "credits")

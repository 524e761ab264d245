"""Automatic top-ups as operators set and read them: by names, and as documents.

The command line and the service use it alike. Its coroutines never suspend.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from spillover.access.packs import known_pack
from spillover.core.intake import check_name
from spillover.documents.topups import TopUpOrder, TopUpRule, TopUpRules, TopUps
from spillover.engine.accounts import check_text
from spillover.model.amounts import parse_credits
from spillover.model.errors import InvalidInput, UnknownName, shown
from spillover.model.policy import Policy
from spillover.ports import Ledger
from spillover.ports.sales import TOPUP_KEY, Sales, TopUp
from spillover.ports.sales import TopUpRule as Rule
from spillover.selling.topups import MOST

_key = re.compile(re.escape(TOPUP_KEY) + r"([0-9]{1,16}):([0-9]{4}-[0-9]{2}):([0-9]{1,9})").fullmatch


class TopUpDesk(Struct, frozen=True):
    """See the head of this file. `clock`: ms since 1970. Raises InvalidInput, UnknownName, StoreError."""

    sales: Sales
    ledger: Ledger
    policy: Callable[[], Policy]
    clock: Callable[[], int]

    async def set(self, account: object, below: object, pack: object, most: object) -> TopUpRule:
        """The account's rule, in place of what stands there. It orders at the next crossing."""
        id_, name = await self._account(account)
        found = known_pack(self.policy().packs, pack)
        if found.measure != "credits":
            raise InvalidInput(
                "pack", f"{found.name}, of units", "a pack of credits, as the threshold is one of credits"
            )
        if type(most) is not int or not 0 < most <= MOST:
            raise InvalidInput("most", shown(most), f"orders in a month, from 1 to {MOST:,}")
        if not isinstance(below, str | int | Decimal):
            raise InvalidInput("below", shown(below), 'credits as text, such as "12.50"')
        rule = Rule(id_, parse_credits(below, field="below"), found.name, most, self.clock())
        await self.sales.put_topup_rule(rule)
        return TopUpRule.of(rule, name)

    async def get(self, account: object) -> TopUps:
        """The account's rule, and what was ordered."""
        id_, name = await self._account(account)
        rule = await self.sales.topup_rule(id_)
        orders = [await self._as_paid(order) for order in await self.sales.topups(id_)]
        told = None if rule is None else TopUpRule.of(rule, name)
        return TopUps(name, told, tuple(TopUpOrder.of(order) for order in orders))

    async def remove(self, account: object) -> TopUps:
        """No more orders; what was ordered stays ordered."""
        id_, name = await self._account(account)
        if not await self.sales.remove_topup_rule(id_):
            raise UnknownName("account", shown(name), "one that has a rule (topups.set)")
        return await self.get(name)

    async def list(self, limit: int = 1000, after: int = 0) -> TopUpRules:
        """All rules, in pages."""
        if type(after) is not int or not 0 <= after < 1 << 63:
            raise InvalidInput("after", shown(after), "what the page before gave to go on with, or 0")
        found = await self.sales.topup_rules(limit=limit, after=after)
        rules = [TopUpRule.of(rule, await self.ledger.account_name(rule.account)) for rule in found]
        return TopUpRules(tuple(rules), found[-1].account if len(found) == limit else None)

    async def fail(self, account: object, key: object, reason: object) -> TopUpOrder:
        """An order that cannot be charged: it counts, and the next crossing orders anew. Told as `topup.failed`."""
        id_, _ = await self._account(account)
        why = check_text("reason", reason)
        if not why:
            raise InvalidInput("reason", "nothing", "why it cannot be charged, such as: card declined")
        order = await self._order(id_, key)
        if await self.ledger.ordered(id_, order.key):
            await self.sales.end_topup(order, "paid")
        else:
            await self.sales.end_topup(order, "failed", why, at=self.clock())
        ended = await self._as_paid(await self._order(id_, key))
        if ended.state == "paid":
            raise InvalidInput("key", f"{order.key}, which is paid", "an order that is not")
        return TopUpOrder.of(ended)

    async def _as_paid(self, order: TopUp) -> TopUp:
        """The order as the books know it: one that had failed, and was paid and granted later, is paid."""
        if order.state != "failed" or not await self.ledger.ordered(order.account, order.key):
            return order
        return replace(order, state="paid")

    async def _order(self, account: int, key: object) -> TopUp:
        parts = _key(key) if isinstance(key, str) else None
        if parts is not None and int(parts[1]) == account:
            order = await self.sales.topup(account, parts[2], int(parts[3]))
            if order is not None:
                return order
        raise UnknownName("key", shown(key), "the key of an order of this account (topups.get)")

    async def _account(self, account: object) -> tuple[int, str]:
        name = check_name("account", account)
        found = await self.ledger.find_account(name)
        if found is None:
            raise UnknownName("account", shown(account), "an account that was put before (accounts.put)")
        return found, name

"""A pack as a lot, with what was paid for it; and the lot of an automatic top-up, under the key of its order."""

from __future__ import annotations

import re

from msgspec.structs import replace

from spillover.access.packs import grant_pack, pack_grant
from spillover.access.plain import Access
from spillover.engine.accounts import check_text
from spillover.model.account import Lot
from spillover.model.errors import KeyReused, UnknownName, shown
from spillover.model.policy import Pack
from spillover.ports.sales import TOPUP_KEY
from spillover.ports.sales import TopUp as Order
from spillover.selling.records import PROVIDER, Ask
from spillover.selling.stripe_events import TopUp

ACTOR = "stripe"
_order = re.compile(re.escape(TOPUP_KEY) + r"([0-9]{1,19}):([0-9]{4}-[0-9]{2}):([0-9]{1,9})").fullmatch


def grant_paid(
    access: Access, name: str, pack: Pack, *, key: str, paid: str, tax: str, ref: str, reason: str
) -> Lot:  # fmt: skip
    """Grant what a pack holds; it can be spent when this returns. Once for each key. Raises KeyReused, UnknownName."""
    wanted = replace(pack_grant(pack, key, paid, ref, reason, ACTOR), tax=check_text("tax", tax))
    return access.run(grant_pack(access.desk, name, wanted))


def topped(ask: Ask, access: Access, key: str) -> tuple[int, str]:
    """The account of an order, its id and name. Raises UnknownName where there is no such order."""
    account = _of(ask, key).account
    name = access.look(access.desk.ledger.account_name(account))
    if name is None:
        raise UnknownName("account", f"{account}, which was erased", "one that was not")
    return account, name


def top_up(ask: Ask, access: Access, account: int, name: str, wanted: TopUp) -> str:
    """The payment of an order went through: grant its pack under its key; what was done, in words.

    Money that came is granted for, also where the order was taken for failed before.
    """
    order = _of(ask, wanted.key)
    ask(lambda records: records.keep_payment(PROVIDER, wanted.reference, account))
    try:
        lot = grant_paid(
            access, name, order.pack, key=order.key, paid=wanted.paid, tax="", ref=wanted.reference, reason="top-up"
        )  # fmt: skip
        outcome = f"granted pack {order.pack.name} as lot {lot.id}"
    except KeyReused:  # whoever charged was first
        outcome = "done before"
    ask(lambda records: records.end_topup(order, "paid"))
    return outcome


def _of(ask: Ask, key: str) -> Order:
    found = _order(key)
    if found is not None:
        account, period, number = int(found[1]), found[2], int(found[3])
        order = ask(lambda records: records.topup(account, period, number)) if account < 1 << 63 else None
        if order is not None:
            return order
    raise UnknownName("order", shown(key), "the key of a top-up that was ordered here")

"""`access.packs`: what the policy sells, and granting what was bought, once for each key."""

from __future__ import annotations

from msgspec.structs import replace

from spillover.access.desk import Desk
from spillover.access.verbs import Verbs
from spillover.core.intake import check_key, check_name
from spillover.engine.accounts import check_text, credit_grant
from spillover.model.account import NEVER, Lot
from spillover.model.errors import InvalidInput, KeyReused, UnknownName, shown
from spillover.model.policy import Pack
from spillover.ports import Grant


class PackVerbs(Verbs):
    """`access.packs`: what can be bought."""

    def list(self) -> tuple[Pack, ...]:
        """The packs of the policy in force, in the order of their names."""
        return tuple(pack for _, pack in sorted(self._access.policy.packs.items()))

    def grant(
        self, account: str, pack: str, *, key: str, paid: str | None = None, ref: str = "", reason: str = "",
        actor: str = "", at: int | None = None,
    ) -> Lot:  # fmt: skip
        """Give an account what it has bought: a lot as the policy describes the pack. Once for each key.

        `paid`: what was paid for it ("9.00 EUR"), the pack's price if left out. `ref`: of the payment, by which
        `lots.reverse` finds it. The same call again gives the lot of then, whenever it comes. Raises UnknownName,
        KeyReused.
        """
        wanted = pack_grant(known_pack(self._access.policy.packs, pack), key, paid, ref, reason, actor)
        return self._access.run(grant_pack(self._desk, check_name("account", account), wanted, at))


def known_pack(packs: dict[str, Pack], name: object) -> Pack:
    """The pack of that name. Raises UnknownName."""
    found = packs.get(name) if isinstance(name, str) else None
    if found is None:
        known = f"one of the policy's packs: {', '.join(sorted(packs))}" if packs else "a pack, and the policy has none"
        raise UnknownName("pack", shown(name), known)
    return found


def pack_grant(
    pack: Pack, key: str, paid: str | None = None, ref: str = "", reason: str = "", actor: str = ""
) -> Grant:  # fmt: skip
    """The grant of a pack. Its lot's `expires` is how long it lives (NEVER: for ever), until it is known from when."""
    money = credit_grant(1, key=key, paid=pack.paid if paid is None else paid)  # so what was paid is read as everywhere
    lot = Lot(0, pack.measure, pack.priority, expires=pack.lasts or NEVER, promotional=pack.promotional)
    why = check_text("reason", reason) or f"pack {pack.name}"
    return Grant(
        lot, pack.amount, check_key(key), why, check_text("actor", actor), money.paid, money.currency,
        reference=check_text("ref", ref),
    )  # fmt: skip


async def grant_pack(desk: Desk, account: str, wanted: Grant, at: int | None = None) -> Lot:
    """Book it, and bring it into force. It lives from the instant at which its key came first.

    So the same call again is the same grant only with the instant of the first one; that stands with the lots.
    """
    lives = wanted.lot.expires
    if lives == NEVER:
        return await desk.accounts.add_lot(account, wanted, at=at)
    begins = desk.accounts.instant(at)
    try:
        return await desk.accounts.add_lot(account, _until(wanted, begins + lives), at=at)
    except KeyReused:
        lots = await desk.ledger.lots(await desk.account(account))
        for ends in dict.fromkeys(one.lot.expires for one in lots if one.lot.expires == one.granted_at + lives):
            try:
                return await desk.accounts.add_lot(account, _until(wanted, ends), at=at)
            except KeyReused:
                continue
        raise


def _until(wanted: Grant, ends: int) -> Grant:
    if ends >= NEVER:
        raise InvalidInput("at", shown(ends), "an instant that is not in the future")
    return replace(wanted, lot=replace(wanted.lot, expires=ends))

"""What is sold, as calls: the packs of the policy, and granting one that was bought."""

from __future__ import annotations

from spillover.core.intake import check_key, check_name
from spillover.documents.lots import Lot as LotDocument
from spillover.documents.packs import Packs
from spillover.engine.accounts import check_instant, check_text, credit_grant
from spillover.http_client.calls import Call, asked, reader, told
from spillover.model.account import Lot
from spillover.model.errors import UnknownName, shown
from spillover.model.policy import Pack

LOT, PACKS = reader(LotDocument), reader(Packs)


def packs_list() -> Call[tuple[Pack, ...]]:
    """See `PackVerbs.list`."""
    return asked("packs/list", {}, PACKS)


def grant(
    account: str, pack: str, *, key: str, paid: str | None = None, ref: str = "", reason: str = "",
    actor: str = "", at: int | None = None,
) -> Call[Lot]:  # fmt: skip
    """See `PackVerbs.grant`."""
    named: object = pack
    if not isinstance(named, str):
        raise UnknownName("pack", shown(pack), "one of the policy's packs")
    if paid is not None:
        credit_grant(1, key=key, paid=paid)
    words: dict[str, object] = {"account": check_name("account", account), "pack": pack, "key": check_key(key)}
    words |= {"paid": paid, "at": None if at is None else check_instant("at", at)}
    words |= {name: check_text(name, said) for name, said in (("ref", ref), ("reason", reason), ("actor", actor))}
    return told("packs/grant", words, LOT, again=True, key=key)

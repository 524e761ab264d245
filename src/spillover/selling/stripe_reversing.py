"""What a payment that goes back takes with it: the whole lot, or the share of it that was refunded; and what a dispute
that was won gives back.

A share is of what was granted, rounded down, in the customer's favour: floor(granted * after / whole) less the same of
what was refunded before. So any parts of a refund, in any order, take together what the refund in one takes, and never
more than is left. Only the last part takes the rest as a whole, as `lots.reverse` does.

After a chargeback a lot has ended: what is refunded to it is nobody's. So what a won dispute gives back is a new lot of
the same reference, on the same terms, and lives longer by the time that it was away.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from spillover.access.plain import Access
from spillover.engine.settlement import settle_account
from spillover.model.account import NEVER, Lot
from spillover.model.amounts import format_credits
from spillover.model.errors import KeyReused
from spillover.model.reports import LotBalance
from spillover.ports import Grant
from spillover.selling import money
from spillover.selling.stripe_events import GiveBack, Reverse

ACTOR = "stripe"
SLACK = 86_400_000
"""By how much the clocks of Stripe and of the store may differ (ms), far more than they do."""
PAGE = 1_000
BEFORE = "done before"


class TooEarly(Exception):
    """What it is about has not come yet: it can be done once that has."""


def lots_of(access: Access, name: str, reference: str) -> list[LotBalance]:
    """The lots of a payment."""
    return [lot for lot in access.lots.list(name) if lot.reference == reference and reference]


def reverse(access: Access, name: str, wanted: Reverse) -> str:
    """Take back what a payment gave, as far as it goes; what was done, in words. Raises TooEarly."""
    lots = lots_of(access, name, wanted.reference)
    if not lots:
        raise TooEarly(f"nothing was granted for {wanted.reference} yet")
    part = _part(wanted, lots)
    try:
        if part is not None:
            return _take_share(access, name, wanted, lots, part)
        done = access.lots.reverse(name, wanted.reference, key=wanted.key, reason=wanted.why, actor=ACTOR)
    except KeyReused:  # a refund of usage has issued a lot of this payment anew since: then it was done
        return BEFORE
    measure = lots[0].lot.measure
    return f"took {_shown(measure, done.taken)} back, {_shown(measure, done.shortfall)} was spent"


def give_back(access: Access, name: str, account: int, wanted: GiveBack) -> str:
    """Give back what a dispute took; what was done, in words. Raises TooEarly before the dispute took it."""
    lots = {lot.lot.id: lot for lot in lots_of(access, name, wanted.reference)}
    desk = access.desk
    keys = (wanted.taken, *(f"{wanted.taken}:{lot}" for lot in lots))
    if not any(access.run(desk.ledger.ordered(account, key)) for key in keys):
        raise TooEarly("the beginning of this dispute has not been done")
    access.run(desk.accounts.bring_into_force(account))
    access.run(settle_account(desk.store, desk.ledger, account))
    given, now, away = [], desk.clock(), wanted.until - wanted.since
    for lot, amount in sorted(_taken(access, account, wanted).items()):
        terms = lots[lot].lot
        expires = terms.expires if terms.expires == NEVER else min(terms.expires + away, NEVER)
        if expires <= now:
            given.append(f"{_shown(terms.measure, amount)} had expired")
            continue
        again = Lot(0, terms.measure, terms.priority, terms.effective, expires, terms.promotional, terms.scope)
        grant = Grant(again, amount, f"{wanted.key}:{lot}", "dispute won", ACTOR, reference=wanted.reference)
        given.append(_given(access, account, grant))
    return ", ".join(given) or "nothing had been taken"


def _given(access: Access, account: int, grant: Grant) -> str:
    """Book a lot whose scope is in tokens already, and bring it into force."""
    desk = access.desk
    try:
        access.run(desk.ledger.grant(account, grant, at=desk.accounts.instant(None)))
    except KeyReused:  # another event said the same a moment before
        return BEFORE
    access.run(desk.accounts.bring_into_force(account))
    return f"gave {_shown(grant.lot.measure, grant.amount)} back"


def _part(wanted: Reverse, lots: Sequence[LotBalance]) -> tuple[int, int, int] | None:
    """From where to where, of how much, money went back; None for all of it."""
    if not wanted.after:
        return None
    whole = wanted.whole
    if not whole:
        paid = sum(
            (Fraction(lot.paid) for lot in lots if lot.paid and lot.currency == wanted.currency), start=Fraction(0)
        ) * 10 ** money.decimals(wanted.currency)  # fmt: skip
        whole = paid.numerator // paid.denominator
    return None if wanted.after >= whole else (wanted.before, wanted.after, whole)


def _take_share(
    access: Access, name: str, wanted: Reverse, lots: Sequence[LotBalance], part: tuple[int, int, int]
) -> str:  # fmt: skip
    before, after, whole = part
    bought = [lot for lot in lots if lot.paid] or lots
    wanting = {lot.lot.measure: 0 for lot in bought}
    for lot in bought:
        wanting[lot.lot.measure] += lot.granted * after // whole - lot.granted * before // whole
    words = []
    for measure, share in wanting.items():
        left = share
        for lot in lots:
            if not left or lot.lot.measure != measure:
                continue
            done = access.run(
                access.desk.orders.revoke(
                    name, lot.lot.id, amount=left, kind="revoke", key=f"{wanted.key}:{lot.lot.id}",
                    reason=wanted.why, actor=ACTOR,
                )
            )  # fmt: skip
            left -= sum(amount for _, amount in done.lowered)
        words.append(f"took {_shown(measure, share - left)} back, {_shown(measure, left)} was spent")
    return ", ".join(words)


def _taken(access: Access, account: int, wanted: GiveBack) -> dict[int, int]:
    """What the books say that the dispute took: lot -> amount. Its rows stand together, as one event booked them."""
    found: dict[int, int] = {}
    after: int | None = 0
    since = max(wanted.since - SLACK, 0)
    while after is not None:
        page = access.look(access.desk.ledger.statement(account, since=since, limit=PAGE, after=after))
        for row in page.rows:
            if row.kind == "revoke" and row.reason == wanted.why and row.delta < 0:
                found[row.lot] = found.get(row.lot, 0) - row.delta
        after = page.after
    return found


def _shown(measure: str, amount: int) -> str:
    return f"{format_credits(amount)} credits" if measure == "credits" else f"{amount} of {measure}"

"""Who pays, put and changed; lots raised. The ledger books first, the push brings it into force (design, section 7)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from spillover.core.intake import TIME_MAX, TIME_MIN, check_key, check_name
from spillover.engine.known import Known
from spillover.engine.pushing import push_terms
from spillover.engine.settlement import settle_all
from spillover.model.account import NEVER, Lot, Profile
from spillover.model.amounts import AMOUNT_MAX, parse_credits
from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.policy import Policy
from spillover.ports import Grant, HotStore, Ledger, Terms


class Accounts:
    """The use cases that change terms. Used by one thread at a time."""

    def __init__(self, policy: Policy, store: HotStore, ledger: Ledger, known: Known, clock: Callable[[], int]) -> None:
        self._policy, self._store, self._ledger, self._known, self._clock = policy, store, ledger, known, clock

    async def put(self, name: str, terms: Terms, *, reason: str, actor: str, at: int | None = None) -> Profile:
        """Create an account or change its terms; in force when this returns. Raises UnknownName for the plan."""
        name = check_name("account", name)
        _check_terms(self._policy, terms)
        at = self._clock() if at is None else check_instant("at", at)
        profile = await self._ledger.put_account(name, terms, at=at, reason=reason, actor=actor)
        if not profile.plan:
            raise InvalidInput("plan", "none", f"one of the policy's plans: {', '.join(sorted(self._policy.plans))}")
        await self._bring_into_force(profile.account)
        return profile

    async def add_lot(self, name: str, grant: Grant, *, at: int | None = None) -> Lot:
        """Raise a lot of credits or units; it can be spent when this returns. Idempotent by the grant's key."""
        account = await self._known.account(check_name("account", name))
        check_key(grant.key)
        if not 0 < grant.amount <= AMOUNT_MAX:
            raise InvalidInput("amount", str(grant.amount), "more than 0 and below 2^53")
        lot = await self._ledger.grant(account, grant, at=self._clock() if at is None else check_instant("at", at))
        await self._bring_into_force(account)
        return lot

    async def erase(self, name: str) -> None:
        """Forget the account's name, its subjects and unpriced attributes, for good. Books and chains stay whole."""
        name = check_name("account", name)
        account = await self._known.account(name)
        await self._bring_into_force(account)
        await settle_all(self._store, self._ledger)
        await self._ledger.erase_account(account)
        self._known.forget_name(name, account)

    async def _bring_into_force(self, account: int) -> None:
        await push_terms(self._store, self._ledger, now=self._clock(), account=account)
        self._known.forget(account)


def credit_grant(
    credits: str | int | Decimal, *, key: str, paid: str | None = None, tax: str = "", ref: str = "",
    reason: str = "", actor: str = "", priority: int = 100, effective: int = 0, expires: int | None = None,
) -> Grant:  # fmt: skip
    """A grant of credits. `paid` is money and its currency, "45.00 EUR"; without it the lot is promotional."""
    money, currency = _money(paid)
    lot = _lot("credits", priority, effective, expires, promotional=paid is None)
    amount = parse_credits(credits, field="credits")
    return Grant(lot, amount, key, reason or ("purchase" if paid else "gift"), actor, money, currency, tax, ref)


def unit_grant(
    policy: Policy, feature: str, units: int, *, key: str, reason: str = "", actor: str = "", priority: int = 100,
    effective: int = 0, expires: int | None = None,
) -> Grant:  # fmt: skip
    """A gift of a feature's own units (for a feature counted by its cost: micro-credits)."""
    if feature not in policy.features:
        raise UnknownName("feature", repr(feature), f"one of: {', '.join(sorted(policy.features))}")
    if type(units) is not int:
        raise InvalidInput("units", repr(units), "a whole number")
    return Grant(_lot(feature, priority, effective, expires, promotional=True), units, key, reason or "gift", actor)


def check_instant(field: str, value: object) -> int:
    """An instant that windows can count, in milliseconds since 1970."""
    if type(value) is not int or not TIME_MIN <= value < TIME_MAX:
        raise InvalidInput(field, repr(value), "milliseconds since 1970, from the years 2020 to 2035")
    return value


def _lot(measure: str, priority: int, effective: int, expires: int | None, *, promotional: bool) -> Lot:
    if type(priority) is not int or not 0 <= priority <= 1_000_000:
        raise InvalidInput("priority", repr(priority), "a whole number from 0 (burns first) to 1000000")
    if type(effective) is not int or effective < 0:
        raise InvalidInput("effective", repr(effective), "milliseconds since 1970, or 0 for at once")
    if expires is not None and (type(expires) is not int or not effective < expires < NEVER):
        raise InvalidInput("expires", repr(expires), "milliseconds since 1970, after the effective time, or none")
    return Lot(0, measure, priority, effective, NEVER if expires is None else expires, promotional)


def _money(paid: object) -> tuple[str, str]:
    if paid is None:
        return "", ""
    amount, _, currency = paid.partition(" ") if isinstance(paid, str) else ("", "", "")
    try:
        sound = Decimal(amount).is_finite() and Decimal(amount) >= 0
    except ArithmeticError:
        sound = False
    if not sound or not (len(currency) == 3 and currency.isascii() and currency.isupper()):
        raise InvalidInput("paid", repr(paid), 'an amount and a currency, such as "45.00 EUR"')
    return amount, currency


def _check_terms(policy: Policy, terms: Terms) -> None:
    if terms.plan is not None and terms.plan not in policy.plans:
        raise UnknownName("plan", repr(terms.plan), f"one of the policy's plans: {', '.join(sorted(policy.plans))}")
    if terms.anchor is not None:
        check_instant("billing_day", terms.anchor)
    if terms.zone is not None:
        check_zone(terms.zone)


def check_zone(name: object) -> str:
    """A time zone of the IANA list."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        if not isinstance(name, str):
            raise ValueError
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput("zone", repr(name), 'a time zone such as "Europe/Paris"') from None
    return name

"""Who pays, put and changed; lots raised. The ledger books first, the push brings it into force (design, section 7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import cast, get_args

import msgspec

from spillover.core.decide import TOLERANCE
from spillover.core.instants import is_zone
from spillover.core.intake import TIME_MAX, TIME_MIN, check_key, check_name, exact
from spillover.engine.known import Known
from spillover.engine.policies import Policies
from spillover.engine.pushing import push_terms
from spillover.engine.settlement import settle_account
from spillover.model.account import NEVER, AccountState, Lot, Profile
from spillover.model.amounts import AMOUNT_MAX, parse_credits
from spillover.model.errors import Contended, InvalidInput, StoreError, UnknownName, booked, shown
from spillover.model.policy import Policy
from spillover.ports import Grant, HotStore, Ledger, Terms

SCOPE_MAX = 16
"""Names in the scope of a lot, and values of each."""
TEXT_MAX = 500
"""Characters of a reason, an actor, a tax or a reference."""


class Accounts:
    """The use cases that change terms. Used by one thread at a time."""

    def __init__(
        self, policies: Policies, store: HotStore, ledger: Ledger, known: Known, clock: Callable[[], int]
    ) -> None:
        self._policies, self._store, self._ledger, self._known, self._clock = policies, store, ledger, known, clock

    async def put(
        self, name: str, terms: Terms, *, reason: str, actor: str, at: int | None = None, only_new: bool = False
    ) -> Profile:
        """Create an account or change its terms; in force when this returns. Raises UnknownName for the plan.

        With `only_new` an account that exists, whoever made it a moment ago, stays as it is.
        """
        name = check_name("account", name)
        at = self._instant(at)
        terms = _check_terms(self._policies.at(at), terms)
        reason, actor = check_text("reason", reason), check_text("actor", actor)
        terms = await self._with_end(name, terms, at)
        profile = await self._ledger.put_account(name, terms, at=at, reason=reason, actor=actor, only_new=only_new)
        if not profile.plan:
            raise InvalidInput("plan", "none", f"one of the policy's plans: {_plans(self._policies.at(at))}")
        if only_new:  # put for a request, which is not booked by that
            await self.push(profile.account)
        else:
            await self.bring_into_force(profile.account)
        return profile

    async def _with_end(self, name: str, terms: Terms, at: int) -> Terms:
        """The terms, with what follows a plan that lasts only for a time. The same plan again does not begin anew.

        `next_plan` "" drops a change that was scheduled, unless it is the end of a plan that lasts only for a time.
        """
        account = await self._ledger.find_account(name) if terms.plan else None
        if account is None or (await self._ledger.profile(account)).plan != terms.plan:
            return self.scheduled(terms, at)
        plan = self._policies.at(at).plans.get(terms.plan or "")
        if terms.next_plan is None or (not terms.next_plan and plan and plan.lasts):
            return msgspec.structs.replace(terms, plan=None, next_plan=None)
        return terms

    def scheduled(self, terms: Terms, at: int) -> Terms:
        """The terms that set a plan at that instant, with the plan that follows where it lasts only for a time."""
        plan = self._policies.at(at).plans.get(terms.plan or "")
        if plan is None or not plan.lasts or terms.next_plan:
            return terms
        return msgspec.structs.replace(terms, next_plan=plan.then, next_at=at + plan.lasts)

    async def add_lot(self, name: str, grant: Grant, *, at: int | None = None) -> Lot:
        """Raise a lot of credits or units; it can be spent when this returns. Idempotent by the grant's key."""
        name = check_name("account", name)
        at = self._instant(at)
        account = await self._known.account_now(name)
        try:
            lot = await self._ledger.grant(account, await self._scoped(account, grant, at), at=at)
        except UnknownName:  # erased by another engine, and perhaps put anew: who has this name now?
            self._known.forget_name(name, account)
            account = await self._known.account_now(name)
            lot = await self._ledger.grant(account, await self._scoped(account, grant, at), at=at)
        await self.bring_into_force(account)
        return lot

    async def _scoped(self, account: int, grant: Grant, at: int) -> Grant:
        """The grant with tokens in its scope for what may name people. Raises InvalidInput for an unknown name."""
        policy, scope = self._policies.at(at), []
        for name, values in grant.lot.scope:
            if name not in ("feature", "subject", *policy.attributes):
                known = ", ".join(("feature", "subject", *policy.attributes))
                raise InvalidInput("scope", shown(name), f"one of: {known}")
            if name == "feature" and (odd := [value for value in values if value not in policy.features]):
                raise UnknownName("scope.feature", shown(odd[0]), "one of the policy's features")
            tokens = {value: value for value in values}
            if name != "feature" and name not in policy.priced:
                tokens = await self._ledger.tokens(account, values)
            scope.append((name, tuple(tokens[value] for value in values)))
        return msgspec.structs.replace(grant, lot=msgspec.structs.replace(grant.lot, scope=tuple(scope)))

    async def erase(self, name: str) -> None:
        """Forget the account's name, its subjects and unpriced attributes, for good. Books and chains stay whole.

        The account is closed first: that tells engines which remember its name that it is not theirs to use any more.
        """
        name = check_name("account", name)
        account = await self._ledger.find_account(name)
        if account is None:
            if await self._ledger.finish_erasure():
                return  # its name had gone already, and now its last traces have
            raise UnknownName("account", shown(name), "an account that was put before (accounts.put)")
        await self.put(name, Terms(state="closed"), reason="erasure", actor="")
        await settle_account(self._store, self._ledger, account)
        try:
            await self._ledger.erase_account(account)
        finally:
            self._known.forget_name(name, account)

    def instant(self, at: int | None) -> int:
        """Now, or the instant that is given, which is not in the future."""
        return self._instant(at)

    def _instant(self, at: int | None) -> int:
        """Now, or the instant that is given, which is not in the future."""
        now = self._clock()
        if at is not None and check_instant("at", at) > now + TOLERANCE:
            raise InvalidInput("at", shown(at), f"an instant that is not in the future (it is {now})")
        return now if at is None else at

    async def bring_into_force(self, account: int) -> None:
        """Push what was just booked of the account. What keeps it waiting is raised, and says that it is booked."""
        try:
            await self.push(account)
        except (StoreError, Contended) as error:
            raise booked(error) from error

    async def push(self, account: int) -> None:
        """Push what the ledger has booked of the account. Raises as `push_terms`."""
        await push_terms(self._store, self._ledger, now=self._clock(), account=account)
        self._known.forget(account)


def credit_grant(
    credits: str | int | Decimal, *, key: str, paid: str | None = None, tax: str = "", ref: str = "",
    reason: str = "", actor: str = "", priority: int = 100, effective: int = 0, expires: int | None = None,
    scope: object = None,
) -> Grant:  # fmt: skip
    """A grant of credits. `paid` is money and its currency, "45.00 EUR"; without it the lot is promotional."""
    money, currency = _money(paid)
    lot = _lot("credits", priority, effective, expires, promotional=paid is None, scope=scope)
    amount = _amount("credits", parse_credits(credits, field="credits"))
    reason, actor = check_text("reason", reason) or ("gift" if paid is None else "purchase"), check_text("actor", actor)
    return Grant(
        lot, amount, check_key(key), reason, actor, money, currency, check_text("tax", tax), check_text("ref", ref)
    )


def unit_grant(
    policy: Policy, feature: object, units: int | str | Decimal, *, key: str, reason: str = "", actor: str = "",
    priority: int = 100, effective: int = 0, expires: int | None = None, scope: object = None,
) -> Grant:  # fmt: skip
    """A gift of a feature's own units; where it is counted by its cost, credits as text or micro-credits as integer."""
    if not isinstance(feature, str) or feature not in policy.features:
        raise UnknownName("feature", shown(feature), f"one of: {', '.join(sorted(policy.features))}")
    if policy.features[feature].count == "cost" and isinstance(units, str | Decimal):
        units = parse_credits(units, field="units")
    amount = _amount("units", units)
    lot = _lot(policy.features[feature].name, priority, effective, expires, promotional=True, scope=scope)
    return Grant(lot, amount, check_key(key), check_text("reason", reason) or "gift", check_text("actor", actor))


def check_instant(field: str, value: object) -> int:
    """An instant that windows can count, in milliseconds since 1970."""
    if type(value) is not int or not TIME_MIN <= value < TIME_MAX:
        raise InvalidInput(field, shown(value), "milliseconds since 1970, from the years 2020 to 2035")
    return value


def _amount(field: str, value: object) -> int:
    if type(value) is not int or not 0 < value <= AMOUNT_MAX:
        raise InvalidInput(field, shown(value), "more than 0 and below 2^53, of units a whole number")
    return value


def _lot(measure: str, priority: int, effective: int, expires: int | None, *, promotional: bool, scope: object) -> Lot:
    if type(priority) is not int or not 0 <= priority <= 1_000_000:
        raise InvalidInput("priority", shown(priority), "a whole number from 0 (burns first) to 1000000")
    if type(effective) is not int or not 0 <= effective < NEVER:
        raise InvalidInput("effective", shown(effective), "milliseconds since 1970, or 0 for at once")
    if expires is not None and (type(expires) is not int or not effective < expires < NEVER):
        raise InvalidInput("expires", shown(expires), "milliseconds since 1970, after the effective time, or none")
    ends = NEVER if expires is None else expires
    return Lot(0, measure, priority, effective, ends, promotional, _scope(scope))


def _scope(scope: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What a lot may be spent on: for each name one value or a list of them. Names of people are replaced later."""
    if scope is None:
        return ()
    if not isinstance(scope, Mapping) or not 0 < len(scope) <= SCOPE_MAX:
        raise InvalidInput("scope", shown(scope), f"a mapping of 1 to {SCOPE_MAX} names, each to its values")
    found = []
    if not all(isinstance(name, str) and check_name("scope", name) for name in scope):
        raise InvalidInput("scope", shown(scope), "a mapping whose names are texts")
    for name, values in sorted(scope.items()):
        listed = [values] if isinstance(values, str) else values
        if not isinstance(listed, list | tuple) or not 0 < len(listed) <= SCOPE_MAX:
            raise InvalidInput(f"scope.{name}", shown(values), f"1 to {SCOPE_MAX} values")
        found.append((exact(name), tuple(check_name(f"scope.{name}", value) for value in listed)))
    return tuple(found)


def _money(paid: object) -> tuple[str, str]:
    if paid is None:
        return "", ""
    found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ([A-Z]{3})", paid) if isinstance(paid, str) else None
    if not found:
        raise InvalidInput("paid", shown(paid), 'an amount and a currency, such as "45.00 EUR"')
    return found[1], found[2]


def _plans(policy: Policy) -> str:
    return ", ".join(sorted(policy.plans))


def _check_terms(policy: Policy, terms: Terms) -> Terms:
    """The terms in exactly their types: what the ledger books must be readable for ever."""
    plan: object = terms.plan
    zone, anchor, consent = terms.zone, terms.anchor, terms.consent
    state: object = terms.state
    following: object = terms.next_plan
    for field, found in (("plan", plan), ("next_plan", following)):
        nothing = found is None or (field == "next_plan" and found == "")
        if not nothing and (not isinstance(found, str) or found not in policy.plans):
            raise UnknownName(field, shown(found), f"one of the policy's plans: {_plans(policy)}")
    if consent is not None and type(consent) is not bool:
        raise InvalidInput("consent", shown(consent), "True or False")
    if state is not None and (not isinstance(state, str) or state not in get_args(AccountState)):
        raise InvalidInput("state", shown(state), f"one of: {', '.join(get_args(AccountState))}")
    return Terms(
        None if not isinstance(plan, str) else policy.plans[plan].name,
        None if zone is None else check_zone(zone),
        None if anchor is None else check_instant("billing_day", anchor),
        consent,
        None if state is None else cast(AccountState, exact(state)),
        terms.next_plan,
        None if terms.next_at is None else check_instant("when", terms.next_at),
    )


def check_zone(name: object) -> str:
    """A time zone of the IANA list."""
    if not isinstance(name, str) or not is_zone(name):
        raise InvalidInput("zone", shown(name), 'a time zone such as "Europe/Paris"')
    return exact(name)


def check_text(field: str, value: object) -> str:
    """A reason, an actor or a reference, as people wrote it."""
    if not isinstance(value, str) or len(value) > TEXT_MAX or (value and not value.isprintable()):
        raise InvalidInput(field, shown(value), f"at most {TEXT_MAX} printable characters")
    return exact(value)

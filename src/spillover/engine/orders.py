"""What is ordered of an account once, under a key: limits set and reset, lots revoked, adjusted, reversed; refunds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from spillover.core.decide import hold_id, plan_of, rule_for
from spillover.core.gauges import gauge_cells
from spillover.core.intake import check_key, check_name
from spillover.core.lots import lot_cell
from spillover.core.scopes import stem_of
from spillover.engine.accounts import Accounts, check_instant, check_text
from spillover.engine.holding import end_key
from spillover.engine.known import Known
from spillover.engine.policies import Policies
from spillover.engine.pushing import terms_key
from spillover.engine.settlement import settle_account
from spillover.model.account import NEVER, Override, Profile
from spillover.model.amounts import AMOUNT_MAX, format_credits, parse_credits
from spillover.model.errors import InvalidInput, NotSettled, UnknownName, shown
from spillover.model.event import Entry, MoveKind, decode_event
from spillover.model.policy import Feature, Limit, Policy
from spillover.model.reports import LotBalance
from spillover.model.terms import Lower, Reset
from spillover.ports import Change, HotStore, Ledger, Refund, Refunded

EPOCHS_MAX = 8
"""Epochs in which the entry of an order is looked for, from the present one back."""


class Ordered(Struct, frozen=True):
    """What an order did: the account's new version, (lot, amount) by which lots were lowered, and what was reset."""

    version: int
    lowered: tuple[tuple[int, int], ...] = ()
    entries: tuple[Entry, ...] = ()


class Reversed(Struct, frozen=True):
    """What a chargeback took back: `granted` in lots of that reference, `taken` of it, `shortfall` spent or held."""

    granted: int
    taken: int
    shortfall: int
    lots: tuple[tuple[int, int], ...]


class Orders:
    """The use cases. Used by one thread at a time."""

    def __init__(self, policies: Policies, store: HotStore, ledger: Ledger, known: Known, accounts: Accounts) -> None:
        self._policies, self._store, self._ledger, self._known = policies, store, ledger, known
        self._accounts = accounts

    async def set_limit(
        self, name: str, feature: object, limit: object, most: object, *, scope: str | None, until: int | None,
        key: str, reason: str, actor: str,
    ) -> Ordered:  # fmt: skip
        """Another maximum for one limit, for the account or one subject or attribute value, until an instant.

        `most` is in what the limit counts; where that is credits, text or decimals are credits.
        """
        at, change = self._accounts.instant(None), _change(key, reason, actor)
        policy, account = self._policies.at(at), await self._known.account_now(check_name("account", name))
        found = _limit(policy, await self._ledger.profile(account), feature, limit, at)
        counted = _is_credits(policy.features[str(feature)], found)
        maximum = parse_credits(most, field="max") if counted and isinstance(most, str | Decimal) else most
        if type(maximum) is not int or not (found.window.kind == "refill") <= maximum <= AMOUNT_MAX:
            least = 1 if found.window.kind == "refill" else 0
            raise InvalidInput("max", shown(most), f"a whole number from {least} to 2^53 - 1")
        ends = NEVER if until is None else check_instant("until", until)
        token = await self._scope(account, policy, found, scope, write=True)
        override = Override(found.title, maximum, token, ends)
        return await self._order(account, replace(change, overrides=(override,)), at)

    async def reset(
        self, name: str, feature: object, limit: object, *, scope: str | None, key: str, reason: str, actor: str
    ) -> Ordered:  # fmt: skip
        """What a limit, or every window of a feature's allowance (None), has counted so far is forgotten."""
        at = self._accounts.instant(None)
        policy, account = self._policies.at(at), await self._known.account_now(check_name("account", name))
        profile = await self._ledger.profile(account)
        if limit is None:
            rule = rule_for(policy, profile, str(feature), at)
            limits = [window for layer in rule.waterfall for window in layer.windows] if rule else []
            if not limits:
                raise UnknownName("feature", shown(feature), "a feature with an allowance in the account's plan")
        else:
            limits = [_limit(policy, profile, feature, limit, at)]
        resets = []
        for found in limits:
            token = await self._scope(account, policy, found, scope, write=False)
            if found.per and token is None:
                if limit is None:
                    continue  # without a value only the account's own windows are meant
                raise InvalidInput("scope", "none", f"the {found.per} whose limit is to be reset")
            resets.append(_reset(found, token or ""))
        return await self._order(account, Change(key, reason, actor, resets=tuple(resets)), at)

    async def revoke(
        self, name: str, lot: int, *, amount: int | None, kind: MoveKind, key: str, reason: str, actor: str
    ) -> Ordered:  # fmt: skip
        """Take from a lot what it has left, at most `amount`; open holds keep what they drew."""
        check_lot(lot)
        account = await self._known.account_now(check_name("account", name))
        most = AMOUNT_MAX if amount is None else amount
        change = Change(key, reason, actor, lowers=(Lower(lot, kind, most),))
        return await self._order(account, change, self._accounts.instant(None))

    async def adjust(self, name: str, lot: int, by: int, *, key: str, reason: str, actor: str) -> Ordered:
        """Correct a lot by an amount above or below 0; no lot falls below 0.

        Raises InvalidInput, before anything is ordered, for more than the lot has left. What takes from the lot between
        that look and the order may still leave less to take than was ordered; the answer says how much was taken.
        """
        if type(by) is not int or not -AMOUNT_MAX <= by <= AMOUNT_MAX or not by:
            raise InvalidInput("by", shown(by), "a whole number other than 0, of units or micro-credits")
        if not check_text("reason", reason):
            raise InvalidInput("reason", "nothing", "why the lot is corrected")
        check_lot(lot)
        if by < 0:
            await self._require_left(name, lot, -by, key)
            return await self.revoke(name, lot, amount=-by, kind="adjust", key=key, reason=reason, actor=actor)
        account = await self._known.account_now(check_name("account", name))
        return await self._order(account, Change(key, reason, actor, adds=((lot, by),)), self._accounts.instant(None))

    async def _require_left(self, name: str, lot: int, amount: int, key: str) -> None:
        """Raises InvalidInput where a lot has less left. What was ordered under this key before is answered as then."""
        account = await self._known.account_now(check_name("account", name))
        if await self._ledger.ordered(account, check_key(key)):
            return
        await self._accounts.push(account)
        found = next((one.lot for one in await self._ledger.lots(account) if one.lot.id == lot), None)
        if found is None:
            return  # the ledger refuses it
        cell = lot_cell(lot)
        left = (await self._store.load(account, (cell,))).cells[cell]
        if amount > left:
            feature = self._policies.at(self._accounts.instant(None)).features.get(found.measure)
            money = found.measure == "credits" or (feature is not None and feature.count == "cost")
            most, wanted = (format_credits(-value) if money else f"{-value}" for value in (left, amount))
            expected = f"at least {most}: that is what is left" if left else "an amount above 0: nothing is left"
            raise InvalidInput("by", wanted, expected)

    async def reverse(self, name: str, reference: str, *, key: str, reason: str, actor: str) -> Reversed:
        """After a chargeback: take back what is left of the lots with this reference; report what was spent of them."""
        account = await self._known.account_now(check_name("account", name))
        lots = await self._lots(account, reference)
        if not lots:
            raise UnknownName("reference", shown(reference), "the reference of a lot of this account")
        lowers = tuple(Lower(lot.lot.id, "revoke") for lot in lots)
        done = await self._order(account, Change(key, reason, actor, lowers=lowers), self._accounts.instant(None))
        await settle_account(self._store, self._ledger, account)  # so that asked again the answer is the same
        lots = await self._lots(account, reference)
        taken = sum(amount for _, amount in done.lowered)
        # What was taken back, adjusted or had expired before was not spent; what the books still have, holds keep.
        # A lot that a refund issued anew is not of a purchase: it gave back what the lot before had spent.
        anew = sum(lot.granted for lot in lots if not lot.lot.promotional and not lot.paid)
        spent = sum(lot.balance + lot.spent for lot in lots) - anew
        return Reversed(sum(lot.granted for lot in lots) - anew, taken, max(spent, 0), done.lowered)

    async def _lots(self, account: int, reference: str) -> Sequence[LotBalance]:
        return [lot for lot in await self._ledger.lots(account) if lot.reference == reference and reference]

    async def refund(
        self, name: str, event_key: str, *, units: int | None, key: str, reason: str, actor: str
    ) -> Refunded:
        """Give back a charge or the last `units` of it, to the lots it came from. Raises NotSettled, InvalidInput.

        A hold's key stands for the commit that ended it.
        """
        if units is not None and (type(units) is not int or not 0 < units <= AMOUNT_MAX):
            raise InvalidInput("units", shown(units), "a whole number from 1, or none for all that is left")
        account, event_key = await self._known.account_now(check_name("account", name)), check_found_key(event_key)
        event_key = await self._charging(account, name, event_key)
        at = self._accounts.instant(None)
        plan = self._policies.at(at).plans.get(plan_of(await self._ledger.profile(account), at))
        order = Refund(event_key, check_key(key), check_text("reason", reason), check_text("actor", actor), units,
                       plan.refund_lasts if plan else 0)  # fmt: skip
        refunded = await self._ledger.refund(account, order, at=at)
        await self._accounts.bring_into_force(account)
        return refunded

    async def _charging(self, account: int, name: str, key: str) -> str:
        """The key of the booked event that is charged for: of a hold, its end. Raises NotSettled, UnknownName."""
        booked, last = await self._ledger.event_by_key(account, key), key
        if booked is not None and booked.event.kind == "hold":
            for kind in ("late", "end"):
                last = end_key(hold_id(key), kind)
                booked = await self._ledger.event_by_key(account, last)
                if booked is not None:
                    break
        if booked is not None:
            return last
        if await self._store.find(account, last) is None:
            raise UnknownName("key", shown(key), f"the key of usage of {name!r}, or of a hold that was committed")
        raise NotSettled(f"event {key!r} is decided and not yet on the books; try again in a second")

    async def _order(self, account: int, change: Change, at: int) -> Ordered:
        checked = _change(change.key, change.reason, change.actor)
        change = replace(change, key=checked.key, reason=checked.reason, actor=checked.actor)
        profile = await self._ledger.change(account, change, at=at)
        await self._accounts.bring_into_force(account)
        found, epoch = None, (await self._store.load(account, ())).epoch
        for one in range(epoch, max(-1, epoch - EPOCHS_MAX), -1):  # an order of before a rebuild stands there
            found = found or await self._store.find(account, terms_key(profile.version, one))
        if found is None or not found.payload:
            return Ordered(profile.version)
        event = decode_event(found.payload)
        lowered: dict[int, int] = {}
        for move in event.moves:
            lowered[move.lot] = lowered.get(move.lot, 0) + move.amount
        return Ordered(profile.version, tuple(item for item in lowered.items() if item[1]), event.entries)

    async def _scope(self, account: int, policy: Policy, limit: Limit, scope: str | None, *, write: bool) -> str | None:
        """The value that a limit counts per, as its cells know it."""
        if scope is None or not limit.per:
            if scope is not None:
                raise InvalidInput("scope", shown(scope), f"none: the limit {limit.name} counts for the whole account")
            return None
        check_name("scope", scope)
        if limit.per in policy.priced:
            return scope
        tokens = await (self._ledger.tokens if write else self._ledger.tokens_known)(account, [scope])
        if scope not in tokens:
            raise UnknownName("scope", shown(scope), f"a {limit.per} that was seen before")
        return tokens[scope]


def _change(key: object, reason: object, actor: object) -> Change:
    """An order of nothing yet, checked."""
    return Change(check_key(key), check_text("reason", reason), check_text("actor", actor))


def check_found_key(key: object) -> str:
    """The key of an event that is looked for. Raises UnknownName for what no event can have."""
    try:
        return check_key(key)
    except InvalidInput as odd:
        raise UnknownName("key", shown(key), odd.expected) from None


def check_lot(lot: object) -> None:
    """Raises InvalidInput for what is not the number of a lot."""
    if type(lot) is not int or not 0 < lot <= AMOUNT_MAX:
        raise InvalidInput("lot", shown(lot), "the number of a lot, a whole number from 1")


def _limit(policy: Policy, profile: Profile, feature: object, name: object, at: int) -> Limit:
    rule = rule_for(policy, profile, feature, at) if isinstance(feature, str) else None
    if rule is None:
        raise UnknownName("feature", shown(feature), f"a feature in the account's plan {plan_of(profile, at)}")
    found = {limit.name: limit for limit in rule.limits()}
    if not isinstance(name, str) or name not in found:
        raise UnknownName("limit", shown(name), f"one of: {', '.join(found)}")
    return found[name]


def _is_credits(feature: Feature, limit: Limit) -> bool:
    return limit.of == "credits" or (limit.of == "units" and feature.count == "cost")


def _reset(limit: Limit, scope: str) -> Reset:
    if limit.of in ("subjects", "open_holds"):
        raise InvalidInput("limit", limit.name, f"a limit that is not on {limit.of}; raise it with limits.set instead")
    cells: Sequence[str] = gauge_cells(limit, scope)
    what = f"{limit.title}@{scope}" if limit.per else limit.title
    if limit.window.kind == "refill":
        return Reset(what, (stem_of(limit, scope),), limit.spacing, limit.ticks)
    if limit.window.kind == "ever":
        return Reset(what, tuple(cells), scoped=bool(limit.per))
    return Reset(what, tuple(cells)[1:])  # the start or head stays: the window ends when it would have ended

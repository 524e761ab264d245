"""The verbs in groups: `access.accounts`, `access.credits`, `access.holds` and so on, for plain code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from spillover.access.checks import PLACE_MAX, check_after, check_flag, check_lasts, check_limit
from spillover.core.intake import check_key, check_name
from spillover.engine.accounts import check_instant, check_text, credit_grant, unit_grant
from spillover.engine.answers import Decision, Ending
from spillover.engine.holding import HoldAsk, HoldVerb
from spillover.engine.items import Answer
from spillover.engine.orders import Ordered, Reversed
from spillover.model.account import AccountState, Lot, Profile
from spillover.model.errors import Fault, InvalidInput, SpilloverError, UnknownName, shown
from spillover.model.hold import Hold
from spillover.model.policy import Policy
from spillover.model.reports import AccountPage, LotBalance, Publication, Published, Withdrawn
from spillover.ports import Terms

if TYPE_CHECKING:
    from spillover.access.plain import Access

HASH = re.compile("[0-9a-f]{64}")


def decision_of(answer: Answer) -> Decision:
    """The decision that an answer is. Raises the error that it is otherwise."""
    if isinstance(answer, SpilloverError):
        raise answer
    if not isinstance(answer, Decision):
        raise Fault(f"found {answer!r}, expected a decision; please report it")
    return answer


def ending_of(answer: Answer) -> Ending:
    """The end of a hold that an answer is. Raises the error that it is otherwise."""
    if isinstance(answer, SpilloverError):
        raise answer
    if not isinstance(answer, Ending):
        raise Fault(f"found {answer!r}, expected the end of a hold; please report it")
    return answer


def plain_answer(answer: Answer) -> Decision | SpilloverError:
    """An answer to a request."""
    return answer if isinstance(answer, SpilloverError) else decision_of(answer)


class Verbs:
    """A group of verbs of an open engine."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._desk = access.desk


class AccountVerbs(Verbs):
    """`access.accounts`: who pays."""

    def put(
        self, account: str, plan: str | None = None, *, zone: str | None = None, billing_day: int | None = None,
        consent: bool | None = None, state: AccountState | None = None, reason: str = "", actor: str = "",
        at: int | None = None,
    ) -> Profile:  # fmt: skip
        """Create an account, or change what is given; in force when this returns. Safe to repeat.

        `billing_day`: the instant (milliseconds) that fixed windows start from; a new account's is now.
        `consent`: whether the customer lets credits pay where the plan asks for it. `state`: "active", "suspended" or
        "closed". A plan that lasts only for a time (a trial) is followed by the plan that it names.
        """
        terms = Terms(plan, zone, billing_day, consent, state)
        return self._access.run(self._desk.put(account, terms, reason=reason, actor=actor, at=at))

    def plan(self, account: str, plan: str, *, when: int | None = None, reason: str = "", actor: str = "") -> Profile:
        """Another plan, at once or from an instant in the future (`when`, ms); what was used counts on (law 12).

        A change that was scheduled before is replaced.
        """
        terms = Terms(plan, next_plan="") if when is None else Terms(next_plan=plan, next_at=when)
        if when is not None and check_instant("when", when) <= self._desk.clock():
            raise InvalidInput("when", shown(when), "an instant in the future; leave it out for at once")
        return self._access.run(self._desk.put(account, terms, reason=reason, actor=actor, at=None))

    def suspend(self, account: str, *, reason: str = "", actor: str = "") -> Profile:
        """Deny everything of the account, in every engine, from now on; `put(state="active")` ends it."""
        return self.put(account, state="suspended", reason=reason, actor=actor)

    def list(self, *, limit: int = 1000, after: int = 0) -> AccountPage:
        """All accounts in the order of their internal ids, erased ones without a name. Pages go on with `after`."""
        limit, after = check_limit(limit), check_after(after)
        return self._access.look(self._desk.ledger.accounts(limit=limit, after=after))

    def erase(self, account: str) -> None:
        """Forget the account's name, its subjects and unpriced attributes, for good. Books and chains stay whole."""
        self._access.run(self._desk.accounts.erase(account))


class CreditVerbs(Verbs):
    """`access.credits`: lots of credits."""

    def add(
        self, account: str, credits: str | int | Decimal, *, key: str, paid: str | None = None, tax: str = "",
        ref: str = "", reason: str = "", actor: str = "", priority: int = 100, effective: int = 0,
        expires: int | None = None, scope: Mapping[str, object] | None = None, at: int | None = None,
    ) -> Lot:  # fmt: skip
        """Raise a lot of credits: bought if `paid` ("45.00 EUR") is given, else promotional. Once for each key.

        `scope`: what it may be spent on, such as {"feature": "sora.seconds", "team": ["blue", "red"]}. What is owed is
        paid first.
        """
        grant = credit_grant(
            credits, key=key, paid=paid, tax=tax, ref=ref, reason=reason, actor=actor, priority=priority,
            effective=effective, expires=expires, scope=scope,
        )  # fmt: skip
        return self._access.run(self._desk.accounts.add_lot(account, grant, at=at))


class UnitVerbs(Verbs):
    """`access.units`: lots of a feature's own units."""

    def add(
        self, account: str, feature: str, units: int, *, key: str, reason: str = "", actor: str = "",
        priority: int = 100, effective: int = 0, expires: int | None = None,
        scope: Mapping[str, object] | None = None, at: int | None = None,
    ) -> Lot:  # fmt: skip
        """Give units of a feature (micro-credits for a feature counted by its cost). Once for each key."""
        grant = unit_grant(
            self._access.policy, feature, units, key=key, reason=reason, actor=actor, priority=priority,
            effective=effective, expires=expires, scope=scope,
        )  # fmt: skip
        return self._access.run(self._desk.accounts.add_lot(account, grant, at=at))


class HoldVerbs(Verbs):
    """`access.holds`: what is open, and how it ends. A hold is known by the key under which it was opened."""

    def list(self, account: str) -> tuple[Hold, ...]:
        """The open holds of an account, the earliest due first."""
        return self._access.run(self._desk.holds(account))

    def extend(
        self, account: str, key: str, estimate: Mapping[str, int] | int | None = None, *, lasts: int | None = None,
        extension_key: str | None = None, at: int | None = None,
    ) -> Decision:  # fmt: skip
        """Hold more (`estimate`, in all) or longer (`lasts`, ms from now; the policy's own if left out).

        `key` is the hold's. With an `extension_key`, new for each extension, one whose answer was lost is safe to send
        again: it has the answer of then, and lengthens nothing. It is remembered like the keys of requests.
        A denial leaves the hold as it was. Raises UnknownName, HoldEnded, KeyReused.
        """
        asked = self.asked(account, key, "extend", estimate, at, lasts=lasts, extension_key=extension_key)
        return decision_of(self._access.submit(asked))

    def commit(
        self, account: str, key: str, usage: Mapping[str, int] | int | None = None, *, estimated: bool = False,
        at: int | None = None,
    ) -> Ending:  # fmt: skip
        """End a hold with what was truly used, in all; less is given back, more is drawn as a record.

        After it has expired the usage is billed once all the same, marked late. Raises UnknownName, HoldEnded.
        """
        return ending_of(self._access.submit(self.asked(account, key, "commit", usage, at, estimated=estimated)))

    def release(self, account: str, key: str, *, at: int | None = None) -> Ending:
        """End a hold with nothing used: everything is given back. Raises UnknownName, HoldEnded."""
        return ending_of(self._access.submit(self.asked(account, key, "release", None, at)))

    def asked(
        self, account: str, key: str, verb: HoldVerb, usage: object, at: int | None, *, estimated: bool = False,
        lasts: int | None = None, extension_key: str | None = None,
    ) -> HoldAsk:  # fmt: skip
        """What is wanted of a hold, checked as far as that goes without the hold."""
        if at is not None and check_instant("at", at) > self._desk.clock():
            raise InvalidInput("at", shown(at), "an instant that is not in the future")
        check_flag("estimated", estimated)
        if isinstance(usage, Mapping):
            usage = dict(usage)  # as it is now, whatever the caller does with it while the request waits
        name, long = check_name("account", account), check_lasts(lasts) or 0
        extension = "" if extension_key is None else check_key(extension_key, "extension_key")
        return HoldAsk(name, check_key(key), verb, usage, long, estimated, at, extension_key=extension)


class LotVerbs(Verbs):
    """`access.lots`: the blocks of credits and units that an account holds."""

    def list(self, account: str) -> tuple[LotBalance, ...]:
        """All lots that the account ever had, with what the books have of each."""
        found = self._access.run(self._desk.account(account))
        return self._access.look(self._desk.ledger.lots(found))

    def revoke(self, account: str, lot: int, *, key: str, reason: str = "", actor: str = "") -> Ordered:
        """Take from a lot all that it has left; open holds keep what they drew of it. Once for each key."""
        orders = self._desk.orders
        return self._access.run(
            orders.revoke(account, lot, amount=None, kind="revoke", key=key, reason=reason, actor=actor)
        )

    def adjust(self, account: str, lot: int, by: int, *, key: str, reason: str, actor: str = "") -> Ordered:
        """Correct a lot by so many micro-credits or units, above or below 0, with a reason. Once for each key.

        Raises InvalidInput for more than the lot has left; what takes from it just then may leave less to take.
        """
        orders = self._desk.orders
        return self._access.run(orders.adjust(account, lot, by, key=key, reason=reason, actor=actor))

    def reverse(
        self, account: str, reference: str, *, key: str, reason: str = "chargeback", actor: str = ""
    ) -> Reversed:
        """After a chargeback: take back what is left of the lots with this reference, and report the shortfall."""
        orders = self._desk.orders
        return self._access.run(orders.reverse(account, reference, key=key, reason=reason, actor=actor))


class LimitVerbs(Verbs):
    """`access.limits`: another maximum for one account."""

    def set(
        self, account: str, feature: str, limit: str, max: str | int | Decimal, *, key: str, scope: str | None = None,
        until: int | None = None, reason: str = "", actor: str = "",
    ) -> Ordered:  # fmt: skip
        """Another maximum for one limit of a feature, until an instant (ms) or for good. Once for each key.

        `scope`: for one subject or attribute value of a limit that counts per one. Credits as text or decimals.
        """
        orders = self._desk.orders
        return self._access.run(
            orders.set_limit(
                account, feature, limit, max, scope=scope, until=until, key=key, reason=reason, actor=actor
            )
        )


class WindowVerbs(Verbs):
    """`access.windows`: what was counted."""

    def reset(
        self, account: str, feature: str, window: str | None = None, *, key: str, scope: str | None = None,
        reason: str = "", actor: str = "",
    ) -> Ordered:  # fmt: skip
        """Forget what a window or ceiling has counted so far (all windows of the allowance, if none is named).

        The window ends when it would have ended. Once for each key.
        """
        orders = self._desk.orders
        return self._access.run(
            orders.reset(account, feature, window, scope=scope, key=key, reason=reason, actor=actor)
        )


class PolicyVerbs(Verbs):
    """`access.policies`: which policy decides when."""

    def publish(
        self, policy: Policy, *, when: int | None = None, force: bool = False, reason: str = "", actor: str = ""
    ) -> Published:
        """Decide by this policy from now on, or from an instant in the future (ms). Old ones are kept.

        What is scheduled for then or later is replaced; the answer names it. Where the policy is in force then anyway
        nothing changes. Raises PolicyError for one that lacks a plan in use, or in it a feature that was used in the
        last 30 days; `force` publishes it all the same.
        """
        if when is not None and check_instant("when", when) <= self._desk.clock():
            raise InvalidInput("when", shown(when), "an instant in the future; leave it out for at once")
        if not isinstance(policy, Policy):
            raise InvalidInput("policy", shown(policy), "what spillover.policy.read_policy gives")
        why = {"reason": check_text("reason", reason), "actor": check_text("actor", actor)}
        now, force = self._desk.clock(), check_flag("force", force)
        return self._access.run(self._desk.policies.publish(policy, when, now, force=force, **why))

    def withdraw(self, number: int, *, reason: str = "", actor: str = "") -> Withdrawn:
        """Take back a publication whose instant has not come, as if it had never been; both stay on record.

        Raises UnknownName for a number that was never given, InvalidInput where it is in force or was, or is withdrawn.
        """
        why = {"reason": check_text("reason", reason), "actor": check_text("actor", actor)}
        if type(number) is not int or not 0 < number <= PLACE_MAX:
            raise UnknownName("number", shown(number), "the number of a publication that is still to come")
        return self._access.run(self._desk.policies.withdraw(number, self._desk.clock(), **why))

    def list(self) -> tuple[Publication, ...]:
        """Which policy was, is and will be in force from when, in the order of publishing; withdrawals too."""
        return self._access.look(self._desk.ledger.publications())

    def get(self, policy_hash: str) -> Policy:
        """A policy that was published here. Raises UnknownName."""
        asked: object = policy_hash
        known = isinstance(asked, str) and HASH.fullmatch(asked)
        found = self._access.run(self._desk.policies.of(policy_hash)) if known else None
        if found is None:
            raise UnknownName("policy", shown(policy_hash), "the hash of a policy that was published")
        return found

"""What Stripe tells, done once: signature, event, act, answer. Used by any number of threads.

Answers: 200, it is done, or there is nothing to do for ever; 503, not yet, send it again; 400, it is not Stripe's.
What cannot be done yet is asked for again for three days from when the event was made, as long as Stripe itself tries;
then it is given up and logged. What is refused for good is answered 200 and told to the operator in the log of acts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from spillover.access.plain import Access
from spillover.engine.accounts import credit_grant
from spillover.model.amounts import format_credits, parse_credits
from spillover.model.errors import (
    BoundExceeded,
    Contended,
    Fault,
    InvalidInput,
    KeyReused,
    NotSettled,
    SpilloverError,
    StoreError,
    UnknownName,
    shown,
)
from spillover.model.policy import Pack
from spillover.ports.office import Act
from spillover.ports.sales import TOPUP_KEY
from spillover.selling import money
from spillover.selling.granting import grant_paid, top_up, topped
from spillover.selling.records import PROVIDER, Ask
from spillover.selling.stripe_errors import Doubtful, Refused
from spillover.selling.stripe_events import (
    ACCOUNT,
    ORDER,
    Bind,
    Event,
    GiveBack,
    Grant,
    Nothing,
    Reverse,
    TopUp,
    Unreadable,
    names_of,
    read_event,
)
from spillover.selling.stripe_reversing import ACTOR, BEFORE, TooEarly, give_back, reverse

TOLERANCE_S = 300
"""How old a signature may be, in seconds."""
PATIENCE = 3 * 86_400_000
"""For how long an event is asked for again (ms)."""
REFUSED = f"{PROVIDER}, refused"
"""As whose the payments are kept for which nothing was granted: what they gave can be given back at once."""
LOG = logging.getLogger("spillover.stripe")


Metadata = Callable[[str], Mapping[str, str]]
"""What stands with a payment. Raises Refused, Doubtful."""


class NotOurs(Exception):
    """A payment that has nothing to do with us: one Stripe account may sell other things, too."""


class Told(Struct, frozen=True):
    """What Stripe is answered."""

    status: int
    outcome: str


class Webhook:
    """Takes what Stripe sends. `live`: events of live (True) or test (False) money only; None for both.

    `metadata`: asks Stripe for that of a payment, as a dispute does not tell it.
    """

    def __init__(
        self, access: Access, ask: Ask, secrets: Sequence[str], *, live: bool | None = None,
        metadata: Metadata | None = None,
    ) -> None:  # fmt: skip
        self._access, self._ask, self._secrets, self._live = access, ask, tuple(secrets), live
        self._metadata = metadata

    def take(self, body: bytes, signature: str | None) -> Told:
        """Do what an event asks for. Raises StoreError and Contended: it is to be sent again."""
        if not is_signed(body, signature, self._secrets):
            return Told(400, "stripe-signature: found none that is good, expected one of this endpoint's secret")
        try:
            event = read_event(body)
        except Unreadable as error:
            LOG.warning("a signed body was let go of: %s", error)
            return Told(200, "nothing: it cannot be read")
        wanted = event.wanted
        if self._live is not None and event.live is not self._live:
            wanted = Nothing(f"{'live' if event.live else 'test'} money is not taken here", matters=True)
        if isinstance(wanted, Nothing):
            LOG.log(logging.WARNING if wanted.matters else logging.DEBUG, "%s: %s", _named(event), wanted.reason)
            return Told(200, f"nothing: {wanted.reason}")
        return self._act(event, wanted)

    def _act(self, event: Event, wanted: Grant | TopUp | Reverse | GiveBack | Bind) -> Told:
        """Do it, between two lines of the log of acts."""
        try:
            account, name = self._account(wanted)
        except TooEarly as early:
            return self._later(event, str(early))
        except NotOurs as other:
            LOG.info("%s: %s", _named(event), other)
            return Told(200, f"nothing: {other}")
        except (UnknownName, InvalidInput) as error:
            return self._refused(event, str(error))
        told = msgspec.json.encode({"event": event.id, **msgspec.structs.asdict(wanted)})
        verb = f"stripe.{type(wanted).__name__.lower()}"
        act = Act(0, self._access.desk.clock(), ACTOR, verb, name, event.type, told)
        number = self._ask(lambda records: records.begin(act))
        outcome = "failed"
        try:
            outcome = self._do(account, name, wanted)
            return Told(200, outcome)
        except (TooEarly, BoundExceeded, NotSettled) as early:
            outcome = f"not yet: {early}"
            return self._later(event, str(early))
        except (StoreError, Contended, Fault) as error:
            outcome = f"not yet: {error}"
            raise
        except SpilloverError as error:
            outcome = f"refused: {error}"
            if isinstance(wanted, Grant):
                reference = wanted.reference
                self._ask(lambda records: records.keep_payment(REFUSED, reference, account))
            return self._refused(event, str(error))
        finally:
            self._end(number, outcome)

    def _end(self, number: int, outcome: str) -> None:
        try:
            self._ask(lambda records: records.end(number, outcome, self._access.desk.clock()))
        except StoreError as error:  # what was done is done; the log says that it was begun
            LOG.warning("act %d ended (%s), which could not be written down: %s", number, outcome, error)

    def _account(self, wanted: Grant | TopUp | Reverse | GiveBack | Bind) -> tuple[int, str]:
        """Whose it is: the id and the name. Raises UnknownName, TooEarly, NotOurs."""
        desk = self._access.desk
        if isinstance(wanted, Grant | Bind):
            return self._access.run(desk.account(wanted.account)), wanted.account
        if isinstance(wanted, TopUp):
            return topped(self._ask, self._access, wanted.key)
        reference = wanted.reference
        account = self._ask(lambda records: records.account_paid(PROVIDER, reference))
        if account is None:
            account = self._ask(lambda records: records.account_paid(REFUSED, reference))
        if account is None:
            return self._named_by(reference, wanted.names if isinstance(wanted, Reverse) else None)
        name = self._access.look(desk.ledger.account_name(account))
        if name is None:
            raise UnknownName("account", f"{account}, which was erased", "one that was not")
        return account, name

    def _named_by(self, reference: str, names: str | None) -> tuple[int, str]:
        """Whose a payment is that no event has told of yet, by what its metadata names."""
        if names is None and self._metadata is None:
            raise TooEarly(f"no payment {reference} is known yet")
        if names is None:
            assert self._metadata is not None
            try:
                names = names_of(self._metadata(reference))
            except (Refused, Doubtful) as error:
                raise TooEarly(str(error)) from None
        if not names:
            raise NotOurs(f"payment {reference} is not ours: found neither {ACCOUNT} nor {ORDER} in its metadata")
        if names.startswith(TOPUP_KEY):
            return topped(self._ask, self._access, names)
        return self._access.run(self._access.desk.account(names)), names

    def _do(self, account: int, name: str, wanted: Grant | TopUp | Reverse | GiveBack | Bind) -> str:
        match wanted:
            case Grant():
                return self._sell(account, name, wanted)
            case Reverse():
                return self._reverse(name, wanted)
            case GiveBack():
                return give_back(self._access, name, account, wanted)
            case Bind():
                return self._bind(account, wanted.customer)
            case TopUp():
                return top_up(self._ask, self._access, account, name, wanted)

    def _reverse(self, name: str, wanted: Reverse) -> str:
        try:
            return reverse(self._access, name, wanted)
        except TooEarly:
            if self._ask(lambda records: records.account_paid(REFUSED, wanted.reference)) is None:
                raise
            return "nothing: nothing was granted for it, as its checkout was refused"

    def _sell(self, account: int, name: str, wanted: Grant) -> str:
        pack = self._pack(wanted) if wanted.pack else None
        if pack is None:  # what can never be granted is refused before anything is written
            credit_grant(wanted.credits, key=wanted.key, paid=wanted.paid)
        # First for whom it was paid: a dispute that comes before its lot waits for it, and does not get lost.
        self._ask(lambda records: records.keep_payment(PROVIDER, wanted.reference, account))
        outcome = self._grant(name, wanted, pack)
        if wanted.customer:
            self._bind(account, wanted.customer)
        return outcome

    def _pack(self, wanted: Grant) -> Pack:
        """The pack that was paid. Raises UnknownName for one that is not sold, InvalidInput for another price."""
        packs = self._access.policy.packs
        pack = packs.get(wanted.pack)
        if pack is None:
            raise UnknownName("pack", shown(wanted.pack), f"one of the policy's packs: {', '.join(packs) or 'none'}")
        price, currency = money.read("price", wanted.price or pack.paid)
        ordered, paid_in = money.read("amount", wanted.ordered)
        if currency != paid_in or ordered < price:
            expected = f"at least {wanted.price or pack.paid}, the price of the pack {pack.name}; grant it by hand"
            raise InvalidInput("amount", wanted.ordered, expected)
        return pack

    def _grant(self, name: str, wanted: Grant, pack: Pack | None) -> str:
        access, reason, key, paid = self._access, "Stripe checkout", wanted.key, wanted.paid
        tax, ref = wanted.tax, wanted.reference
        try:
            if pack is not None:
                lot = grant_paid(access, name, pack, key=key, paid=paid, tax=tax, ref=ref, reason=reason)
                return f"granted pack {pack.name} as lot {lot.id}"
            lot = access.credits.add(
                name, wanted.credits, key=key, paid=paid, tax=tax, ref=ref, reason=reason, actor=ACTOR
            )  # fmt: skip
            return f"granted {format_credits(parse_credits(wanted.credits))} credits as lot {lot.id}"
        except KeyReused:  # the same session, when the pack or its end was another: then it was granted
            return BEFORE

    def _bind(self, account: int, customer: str) -> str:
        """The customer is that account, where neither is bound: an operator's word and the first one stay."""
        if self._ask(lambda records: records.customer(account, PROVIDER)) is not None:
            return BEFORE
        if self._ask(lambda records: records.account_of(PROVIDER, customer)) is not None:
            return "nothing: the customer is bound to another account"
        self._ask(lambda records: records.bind_customer(account, PROVIDER, customer))
        return "bound the customer"

    def _later(self, event: Event, why: str) -> Told:
        if self._access.desk.clock() - event.at <= PATIENCE:
            LOG.info("%s: not yet: %s", _named(event), why)
            return Told(503, f"not yet: {why}; send it again")
        LOG.warning("%s: given up after three days: %s", _named(event), why)
        return Told(200, f"nothing: given up after three days: {why}")

    def _refused(self, event: Event, why: str) -> Told:
        LOG.warning("%s: refused: %s", _named(event), why)
        return Told(200, f"refused: {why}")


def is_signed(body: bytes, signature: str | None, secrets: Sequence[str]) -> bool:
    """Whether one of these secrets signed this body within the last five minutes."""
    from stripe import SignatureVerificationError, WebhookSignature

    for secret in secrets:
        try:
            if WebhookSignature.verify_header(body, signature, secret, TOLERANCE_S):
                return True
        except (SignatureVerificationError, UnicodeError, TypeError, ValueError):
            continue  # whatever is wrong with it, it is not signed by this one
    return False


def _named(event: Event) -> str:
    return f"{event.type} {event.id}"

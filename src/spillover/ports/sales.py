"""What selling must remember beside the books: customers of payment providers, automatic top-ups, exported overage.

Decision 0007, "Selling". Accounts are ids of the books; names stand only there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from spillover.model.policy import Pack

TopUpState = Literal["wanted", "paid", "failed"]
ExportState = Literal["written", "sent"]

TOPUP_KEY = "topup:"
"""How the key of a top-up begins: of its charge, of the lot, and of what is told of it."""


class TopUpRule(Struct, frozen=True):
    """An account's rule: when its credits fall to `below` micro-credits or less, the pack of that name is ordered, at
    most `most` times in a calendar month of the account's zone. `made`: when it was set (ms).
    """

    account: int
    below: int
    pack: str
    most: int
    made: int = 0


class TopUp(Struct, frozen=True):
    """An order of a pack, as its rule wanted it: the `number`th of the account in that `period` ("2026-03").

    `pack` is what the policy sold at that moment, so that what is charged is what is granted. `at`: when it was ordered
    (ms). `wanted`: whoever charges is to charge it; `paid`: its lot is in the books; `failed`: it counts, and is not
    tried again. `tries`: how many charges were refused; the next is `due` then (ms). `note`: why it failed, or what
    the last try said. It names no person: it is not erased.
    """

    account: int
    period: str
    number: int
    pack: Pack
    state: TopUpState = "wanted"
    at: int = 0
    note: str = ""
    tries: int = 0
    due: int = 0

    @property
    def key(self) -> str:
        """Under which it is charged and granted, once."""
        return f"{TOPUP_KEY}{self.account}:{self.period}:{self.number}"


class Export(Struct, frozen=True):
    """A piece of an account's overage on its way to whoever bills it: balance updates `after` < number <= `until`.

    `amount` is micro-credits, `money` what they cost in the currency's minor unit, `rest` what rounding left over for
    the next piece, an exact fraction of the minor unit ("1/3", "-1/2"). `written` before it is sent, so that what was
    left in doubt is looked for; `sent` once `reference` is known.
    """

    account: int
    number: int
    after: int
    until: int
    amount: int
    money: int
    currency: str
    rest: str = "0"
    state: ExportState = "written"
    reference: str = ""
    at: int = 0


class Sales(Protocol):
    """Kept in the books' database, in the office's tables. Used by one thread at a time.

    Raises StoreError; InvalidInput for texts that no database keeps.
    """

    async def bind_customer(self, account: int, provider: str, customer: str) -> None:
        """That customer of the provider is this account, from now on alone. Erased with the account's name."""
        ...

    async def customer(self, account: int, provider: str) -> str | None:
        """The account as the provider knows it."""
        ...

    async def account_of(self, provider: str, customer: str) -> int | None:
        """Which account that customer of the provider is."""
        ...

    async def customers(self, provider: str, *, after: int = 0, limit: int = 1000) -> Sequence[tuple[int, str]]:
        """(account, customer) of the provider in the order of account ids, from behind `after`."""
        ...

    async def keep_payment(self, provider: str, reference: str, account: int) -> None:
        """That payment was for this account; later words change nothing. Kept when the account is erased."""
        ...

    async def account_paid(self, provider: str, reference: str) -> int | None:
        """For which account a payment was."""
        ...

    async def put_topup_rule(self, rule: TopUpRule) -> None:
        """Keep the account's rule, in place of what stands there."""
        ...

    async def topup_rule(self, account: int) -> TopUpRule | None:
        """The account's rule."""
        ...

    async def ruled(self, accounts: Sequence[int]) -> set[int]:
        """Those of these accounts that have a rule; no account twice."""
        ...

    async def remove_topup_rule(self, account: int) -> bool:
        """No more orders for the account; whether there was a rule. What was ordered stays ordered."""
        ...

    async def topup_rules(self, *, after: int = 0, limit: int = 1000) -> Sequence[TopUpRule]:
        """All rules in the order of account ids, from behind `after`."""
        ...

    async def full_topups(
        self, before: str, *, after: int = 0, limit: int = 1000
    ) -> Sequence[tuple[TopUpRule, str]]:  # fmt: skip
        """Rules whose newest order is the last one that its month, before the month `before`, had room for, and is
        paid; with that month. In the order of account ids, from behind `after`.
        """
        ...

    async def topups(
        self, account: int, *, before: tuple[str, int] | None = None, limit: int = 100
    ) -> Sequence[TopUp]:  # fmt: skip
        """The account's orders, the newest first; pages go on with `before`, (period, number) of the last one."""
        ...

    async def topup(self, account: int, period: str, number: int) -> TopUp | None:
        """One order."""
        ...

    async def open_topup(self, account: int) -> TopUp | None:
        """The one that is wanted and neither paid nor failed; there is never a second."""
        ...

    async def due_topups(self, now: int, limit: int = 100) -> Sequence[TopUp]:
        """Wanted ones whose next try is due, the longest due first."""
        ...

    async def put_off_topup(self, topup: TopUp, due: int, *, tries: int, note: str = "") -> bool:
        """Its next try is due then, and so many were answered; False if somebody else has put it off, or it ended.

        Whoever is about to ask for a charge puts it off first, so that nobody else asks for it meanwhile.
        """
        ...

    async def end_topup(
        self, topup: TopUp, state: Literal["paid", "failed"], note: str = "", *, at: int = 0
    ) -> bool:  # fmt: skip
        """How a wanted one ended at that instant (ms), once; False where it had ended before.

        One that failed is told of (`topup.failed`) in the same transaction.
        """
        ...

    async def add_export(self, export: Export) -> bool:
        """Write down a piece that goes on where the account's last one ended, with the next number.

        False if somebody else has written that number, or one that covers the same.
        """
        ...

    async def last_export(self, account: int) -> Export | None:
        """The account's newest piece."""
        ...

    async def exports(self, account: int, *, after: int = 0, limit: int = 100) -> Sequence[Export]:
        """The account's pieces in their order, from behind number `after`."""
        ...

    async def unsent_exports(self, limit: int = 100) -> Sequence[Export]:
        """Pieces that were written and not known to be sent, the oldest first."""
        ...

    async def export_sent(self, account: int, number: int, reference: str) -> None:
        """The provider has it under that reference; later words change nothing."""
        ...

    async def close(self) -> None:
        """Give back the handle. Safe to repeat."""
        ...

"""The verbs that ask and change nothing: what would be decided, what there is, what was used and booked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from spillover.access.checks import check_after, check_flag, check_grouping, check_labels, check_page
from spillover.access.desk import Explanation
from spillover.access.runner import Runner
from spillover.core.decide import hold_id
from spillover.core.intake import check_name
from spillover.engine.accounts import check_instant
from spillover.engine.answers import Decision
from spillover.engine.overview import Overview, today_of
from spillover.engine.reading import Balance
from spillover.model.account import NEVER
from spillover.model.errors import InvalidInput, NotSettled, UnknownName, shown
from spillover.model.reports import DenialCount, PastBalance, StatementPage, UsagePage

if TYPE_CHECKING:
    from spillover.proof import Receipt


class Questions(Runner):
    """See the head of this file."""

    def check(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, subject: str | None = None,
        attributes: Mapping[str, str] | None = None, at: int | None = None,
    ) -> Decision:  # fmt: skip
        """What `consume` would answer now. Nothing is changed, and nothing is kept free for later."""
        options = {"subject": subject, "attributes": attributes, "at": at}
        return self.run(self._desk.check(self.take_in(account, feature, usage, None, options)))

    def explain(
        self, account: str, feature: str, usage: Mapping[str, int] | int | None = None, *, subject: str | None = None,
        attributes: Mapping[str, str] | None = None, at: int | None = None,
    ) -> Explanation:  # fmt: skip
        """What `consume` would answer now, with the room of every layer, what blocks, and both ways out."""
        options = {"subject": subject, "attributes": attributes, "at": at}
        return self.run(self._desk.explain(self.take_in(account, feature, usage, None, options)))

    def overview(
        self, account: str, *, subject: str | None = None, attributes: Mapping[str, str] | None = None,
        at: int | None = None,
    ) -> Overview:  # fmt: skip
        """All that a customer's page tells: terms, balances and lots, limits, open holds, today, and what is next.

        `subject`, `attributes` such as {"team": "blue"}: whose own limits are told besides those of the account. `at`:
        the instant (ms) for which limits, plan and today are told, now if left out; balances and holds are those of
        now. Raises UnknownName, also for an attribute that the policy does not declare.
        """
        if at is not None:
            check_instant("at", at)
        name = check_name("account", account)
        asked = check_labels(attributes)
        if subject is not None:
            asked["subject"] = check_name("subject", subject)
        told = self.run(self._desk.overview(name, asked, at))
        # What was booked today takes longest to read, and no request has to wait for it.
        found = self.run(self._desk.account(name))
        return replace(told, today=self.look(today_of(self._desk.ledger, found, told.today)))

    def balance(self, account: str) -> Balance:
        """What the account has now, in credits and gifted units: available, held, settled, and its lots."""
        return self.run(self._desk.balance(account))

    def balance_at(self, account: str, at: int) -> tuple[PastBalance, ...]:
        """What the books say the account had at the end of a past instant (ms), in each measure."""
        check_instant("at", at)
        found = self.run(self._desk.account(account))
        return self.look(self._desk.ledger.balance_at(found, at))

    def usage(
        self, account: str, *, by: Sequence[str] = ("feature",), since: int = 0, until: int = NEVER, limit: int = 1000,
        after: tuple[str, ...] | None = None,
    ) -> UsagePage:  # fmt: skip
        """What was used and who paid, as booked so far, grouped by "feature", "subject", "day" or attributes.

        Instants are milliseconds, since <= at < until. Pages go on with `after`.
        """
        names, group = check_grouping(by, after)
        page = check_page(since, until, limit)
        found = self.run(self._desk.account(account))
        return self.look(self._desk.ledger.usage(found, by=names, after=group, **page))

    def denials(
        self, account: str, *, since: int = 0, until: int = NEVER, limit: int = 1000
    ) -> tuple[DenialCount, ...]:
        """How often the account was denied what, by minute, feature and reason, the earliest first, at most `limit`.

        Single denials are not recorded. Minutes that touch since <= at < until (ms); a reason is a kind of blocker.
        Raises UnknownName.
        """
        return self.run(self._desk.denials(account, **check_page(since, until, limit)))

    def statement(
        self, account: str, *, since: int = 0, until: int = NEVER, limit: int = 1000, after: int = 0
    ) -> StatementPage:
        """Each change of a balance, as booked so far: what, why, by whom, and the balance after it.

        Beside the rows: when the policy, and with it perhaps a price, has changed.
        """
        page, place = check_page(since, until, limit), check_after(after)
        found, now = self.run(self._desk.account(account)), self._desk.clock()
        told = self.look(self._desk.ledger.statement(found, after=place, **page))
        return replace(told, policies=tuple(change for change in told.policies if change.at <= now))

    def receipt(self, account: str, key: str, *, end: bool = False, step: int | None = None) -> Receipt:
        """The receipt of a past decision, which proves it to whoever has the file (docs/RECEIPTS.md); unsigned.

        `key` is the request's or the hold's; of a hold `end` takes how it ended, `step` its extension number so many.
        All events of the account before it are read. Raises UnknownName, NotSettled, InvalidInput for new terms.
        """
        from spillover.proof import build

        name, keys = check_name("account", account), past_keys(key, end=end, step=step)
        found = self.run(self._desk.account(name))
        for one in keys:
            if self.look(self._desk.ledger.event_by_key(found, one)) is not None:
                return self.look(build(self._desk.ledger, found, one))
        if any(self.run(self._desk.store.find(found, one)) for one in keys):
            raise NotSettled(f"key {key!r}: it is decided and not yet on the books; try again in a second")
        wanted = "end" if end else "decision" if step is None else f"extension {step}"
        raise UnknownName(
            "key", shown(key),
            f"the key of a request or hold of {name!r} of which the books have this {wanted}; denials are not recorded"
            " one by one, `denials` counts them",
        )  # fmt: skip


def past_keys(key: object, *, end: object, step: object) -> tuple[str, ...]:
    """The keys under which the books may have a past decision; those of the engine's own too. Raises InvalidInput."""
    if not isinstance(key, str) or not key.isprintable():
        raise InvalidInput("key", shown(key), "the key of a decision")
    if step is None:
        return (f"spillover:late:{hold_id(key)}", f"spillover:end:{hold_id(key)}") if check_flag("end", end) else (key,)
    if end or type(step) is not int or not 1 <= step < 2**63:
        raise InvalidInput("step", shown(step), "the number of an extension, from 1, and no `end` beside it")
    return (f"spillover:extend:{hold_id(key)}:{step}",)

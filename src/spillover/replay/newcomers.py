"""What an account is given at its first row: its plan and its first lots, the same whenever a trace is replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from spillover.engine.accounts import check_zone, credit_grant, unit_grant
from spillover.model.errors import InvalidInput
from spillover.model.policy import Policy
from spillover.policy.findings import as_text
from spillover.ports import Grant, Terms
from spillover.replay.expressions import Cells, Unfit, dealt, text_of
from spillover.replay.times import instant_of, span_of

REASON = "first row of the trace"
ACTOR = "replay"


class Newcomers:
    """The part of a map that is about accounts."""

    def __init__(self, written: Mapping[str, Any], policy: Policy) -> None:
        self._written, self._policy = written, policy
        self._plan = _dealt_text("plan", written["plan"])
        self._zone = _dealt_text("zone", written["zone"]) if "zone" in written else None
        self._anchor = instant_of(written["billing_day"]) if "billing_day" in written else None
        self._lots: list[Mapping[str, Any]] = written.get("lots", [])
        self.reads_rows = any("share" not in written.get(name, {"share": {}}) for name in ("plan", "zone"))

    def terms(self, account: str, cells: Cells) -> tuple[str, str | None]:
        """The plan and the zone that an account gets if this is its first row. Raises Unfit."""
        plan = self._plan(account, cells)
        if plan not in self._policy.plans:
            known = ", ".join(sorted(self._policy.plans))
            raise Unfit("accounts.plan", repr(plan), f"one of the policy's plans: {known}")
        zone = self._zone(account, cells) if self._zone else ""
        try:
            return plan, check_zone(zone) if zone else None
        except InvalidInput as error:
            raise Unfit("accounts.zone", error.found, error.expected) from None

    def opening(self, account: str, terms: tuple[str, str | None], at: int) -> tuple[Terms, list[Grant]]:
        """What to put, and the lots to raise, for an account whose first row is at that instant."""
        plan, zone = terms
        return Terms(plan, zone, at if self._anchor is None else self._anchor), list(self._grants(account, plan, at))

    def _grants(self, account: str, plan: str, at: int) -> Iterator[Grant]:
        for number, lot in enumerate(self._lots, 1):
            # A lot's key is its place in the map: stable, so that the same replay again raises nothing.
            key = f"first-lot-{number}"
            if plan in lot.get("plans", (plan,)) and dealt(key, [account], 100) < lot.get("share", 100):
                yield grant_of(lot, self._policy, key, at)

    def assumptions(self) -> Iterator[str]:
        """What is dealt out because the trace does not tell it, in sentences."""
        for name in ("plan", "zone"):
            if share := self._written.get(name, {}).get("share"):
                shown = ", ".join(f"{value} {percent} %" for value, percent in share.items())
                yield f"{name}: dealt by the hash of the account's name ({shown})"
        if self._lots:
            yield "first lots: given at the account's first row, as the map says"


def grant_of(lot: Mapping[str, Any], policy: Policy, key: str, at: int) -> Grant:
    """A lot of the map, for an account whose first row is at that instant. Raises InvalidInput."""
    priority = lot.get("priority", 100)
    effective = at + span_of(lot["after"]) if "after" in lot else 0
    expires = at + span_of(lot["expires"]) if "expires" in lot else None
    if "of" in lot:
        return unit_grant(
            policy, lot["of"], lot["units"], key=key, reason=REASON, actor=ACTOR, priority=priority,
            effective=effective, expires=expires,
        )  # fmt: skip
    return credit_grant(
        as_text(lot["credits"]), key=key, paid=lot.get("paid"), reason=REASON, actor=ACTOR, priority=priority,
        effective=effective, expires=expires,
    )  # fmt: skip


def _dealt_text(label: str, written: Mapping[str, Any]) -> Callable[[str, Cells], str]:
    if "share" not in written:
        text = text_of(written)
        return lambda account, cells: text(cells)
    shares: Mapping[str, int] = written["share"]

    def share(account: str, cells: Cells) -> str:
        place = dealt(label, [account], 100)
        for value, percent in shares.items():
            if place < percent:
                return value
            place -= percent
        raise AssertionError("shares are 100 together")

    return share

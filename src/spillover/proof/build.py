"""A receipt from the books: the event with its place in the chain, and the state just before it, folded from events.

Only the ledger's port is asked. The cells before an event are the fold of the changes of all events before it, those in
quarantine that could be read included, for the hot state had them too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from spillover.model.amounts import AMOUNT_MAX
from spillover.model.commit import Cells
from spillover.model.errors import Fault, InvalidInput, UnknownName, shown
from spillover.model.event import Event, decode_event
from spillover.model.hold import Hold
from spillover.model.reports import QuarantinedEvent
from spillover.policy import policy_from_document
from spillover.ports import Ledger
from spillover.proof.chain import event_row, event_text, genesis, link
from spillover.proof.evaluate import DECIDED, cells_of
from spillover.proof.receipt import FORM, Receipt, with_digests

PAGE = 10_000
"""Events read at a time."""
Place = tuple[int, int]


async def build(ledger: Ledger, account: int, key: str) -> Receipt:
    """The receipt of the event that was booked under `key`; unsigned.

    Reads all the account's events up to it. Raises UnknownName where none was booked under the key, InvalidInput for
    terms, which no decision made.
    """
    booked = await ledger.event_by_key(account, key)
    if booked is None:
        raise UnknownName("key", shown(key), "the key of a decision of this account that is booked")
    event, place = booked.event, (booked.epoch, booked.sequence)
    if event.kind not in DECIDED:
        raise InvalidInput(
            "key", f"an entry of kind {event.kind}", "the key of a decision; terms were ordered, not decided"
        )
    history = await _read_until(ledger, account, place)
    document = await ledger.policy_document(event.policy)
    if document is None:
        raise Fault(f"policy {event.policy[:12]} of event {place[0]}.{place[1]} is not in the ledger; run an audit")
    profile = await ledger.profile_of(account, event.profile)
    hold = history.holds.get(event.ends or (event.hold.id if event.hold else ""))
    if event.kind in ("usage", "hold"):
        hold = None
    names = cells_of(policy_from_document(document), profile, event, hold)
    text = event_text(event)
    found: dict[str, Any] = {
        "spillover_receipt": FORM,
        "account": account,
        "epoch": place[0],
        "sequence": place[1],
        "event": text,
        "hash_before": history.head.hex(),
        "hash": link(history.head, event_row(*place, event, text)).hex(),
        "rules": event.rules,
        "policy": document,
        "profile": msgspec.to_builtins(profile),
        "cells": {name: history.cells.get(name, 0) for name in names},
    }
    if hold is not None:
        found["hold"] = msgspec.to_builtins(hold)
    return msgspec.convert(with_digests(found), Receipt)


class _History:
    """What an account's events up to one of them leave behind."""

    def __init__(self, account: int) -> None:
        self.head = genesis("usage_events", account)
        self.cells: Cells = {}
        self.holds: dict[str, Hold] = {}

    def add(self, place: Place, event: Event) -> None:
        """The next booked event."""
        self.head = link(self.head, event_row(*place, event, event_text(event)))
        self.fold(event)

    def fold(self, event: Event) -> None:
        """What it did to the hot state."""
        changed: Cells = {}
        for name, floor, add in event.changes:
            value = changed.get(name, self.cells.get(name, 0))
            changed[name] = (value if floor is None or value >= floor else floor) + add
        if any(abs(value) > AMOUNT_MAX for value in changed.values()):
            return  # the books could not apply it either
        self.cells.update(changed)
        if event.hold is not None:
            self.holds[event.hold.id] = event.hold


async def _read_until(ledger: Ledger, account: int, place: Place) -> _History:
    """The account's history up to, and without, the event at that place."""
    history, astray = _History(account), await _quarantined(ledger, account)
    async for at, event in _events(ledger, account):
        while astray and astray[0][0] < min(at, place):
            history.fold(astray.pop(0)[1])
        if at >= place:
            return history
        history.add(at, event)
    raise Fault(f"event {place[0]}.{place[1]} of account {account} is gone from the books; run an audit")


async def _events(ledger: Ledger, account: int) -> AsyncIterator[tuple[Place, Event]]:
    after: tuple[int, int, int] | None = None
    while True:
        page = await ledger.events(account=account, limit=PAGE, after=after)
        for row in page.rows:
            yield (row.epoch, row.sequence), row.event
        after = page.after
        if after is None:
            return


async def _quarantined(ledger: Ledger, account: int) -> list[tuple[Place, Event]]:
    """Events that took their sequence and were not booked, as far as they can be read."""
    found: list[tuple[Place, Event]] = []
    last = QuarantinedEvent(account, -1, 0, "", "", None, False, b"")
    while True:
        page = await ledger.quarantined(limit=1000, after=last)
        for row in page:
            if row.account != account:
                return found
            event = _readable(row.payload) if row.counted else None
            if event is not None:
                found.append(((row.epoch, row.sequence), event))
        if len(page) < 1000:
            return found
        last = page[-1]


def _readable(payload: bytes) -> Event | None:
    try:
        return decode_event(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None

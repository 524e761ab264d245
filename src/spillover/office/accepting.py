"""Events in quarantine that an administrator has seen and accepted: acts in the log, for good; nothing is deleted.

What was accepted stands in the act's ending, which an erasure leaves as it is: a place and a hash, and nobody's name.
"""

from __future__ import annotations

from hashlib import sha256

from spillover.ports.office import Act, Office

VERB = "quarantine.accept"
PAGE = 1_000
_SAID = "accepted "


def mark_of(account: int, epoch: int, sequence: int, key: str) -> str:
    """What tells an event in quarantine from all others."""
    return mark_of_row(account, f"{epoch}.{sequence} key {key!r}")


def mark_of_row(account: int, row: str) -> str:
    """The same, of how the audit names the row: `0.5 key 'k1'`."""
    return f"{account}.{row.partition(' ')[0]} {sha256(row.encode('utf-8', 'replace')).hexdigest()[:16]}"


async def accepted(office: Office) -> dict[str, Act]:
    """Mark -> the act that accepted the event, of all that were."""
    found: dict[str, Act] = {}
    after = 0
    while page := await office.acts_of(VERB, limit=PAGE, after=after):
        after = page[-1].number
        found |= {act.outcome.removeprefix(_SAID): act for act in page if act.outcome.startswith(_SAID)}
    return found


async def accept(office: Office, mark: str, *, account: str, reason: str, actor: str, at: int) -> None:
    """Write down that the event was seen, and why it is accepted as it is. `account`: its name, "" for an erased one.

    Safe to repeat: one more act that says the same. Raises StoreErrors, InvalidInput, BoundExceeded.
    """
    number = await office.begin(Act(0, at, actor, VERB, account, reason, b""))
    await office.end(number, f"{_SAID}{mark}", at)

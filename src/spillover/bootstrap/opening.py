"""By which policy an engine opens: a file given to `connect` puts in force what is new, and takes nothing back.

What was published by hand stands above the file: a file that was replaced, withdrawn or scheduled is not published
again by who opens with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from msgspec import Struct

from spillover.core.instants import to_moment
from spillover.core.publications import in_force, to_come, withdrawn
from spillover.engine.policies import Succession
from spillover.model.account import NEVER
from spillover.model.errors import Mistake, PolicyError, SpilloverError
from spillover.model.policy import Policy
from spillover.model.reports import Publication
from spillover.ports import Ledger

LOG = logging.getLogger("spillover")


class Wanted(Struct, frozen=True):
    """A policy to open with, and its file if it came from one. `force`: publish it whatever stands against it."""

    policy: Policy
    file: str = ""
    force: bool = False

    @property
    def named(self) -> str:
        """How a message names it."""
        return f"policy {self.file or 'given'} (hash {self.policy.hash[:12]})"


class ReplacesScheduled(PolicyError):
    """A policy that, published now, would silently replace what is scheduled."""

    def __init__(self, wanted: Wanted, coming: Sequence[Publication]) -> None:
        found = f"{wanted.named} is new here and would replace what is still to come: {listed(coming)}"
        expected = "a policy that is in force, or none"
        self.mistakes = (Mistake(wanted.file or "policy", 0, "", found, expected),)
        numbers = ", ".join(f"`spillover policy withdraw {one.number}`" for one in coming)
        advice = f"leave policy= out, withdraw that ({numbers}), or publish it all the same with force=True"
        SpilloverError.__init__(self, f"{found}; {advice}")


def listed(publications: Sequence[Publication]) -> str:
    """Publications by number and instant: no. 2 (2026-11-23 00:00:00 UTC), no. 3 (...)."""
    return ", ".join(f"no. {one.number} ({moment(one.since)})" for one in publications)


def moment(instant: int) -> str:
    """An instant in UTC, to the second."""
    return f"{to_moment(instant):%Y-%m-%d %H:%M:%S} UTC"


async def policy_to_open_with(
    wanted: Wanted | None, ledger: Ledger, now: int, read: Callable[[str], Policy], succession: Succession
) -> Policy | None:
    """The policy that decides, known to the ledger before any engine decides by it; None where there is none at all.

    One that was never seen here is published. Raises PolicyError for one that leaves behind what is in use, or that
    would replace what is scheduled.
    """
    publications = await ledger.publications()
    latest = max([now, *(one.at for one in publications)])  # a clock may be behind that of who published last
    current = in_force(publications, latest) or (in_force(publications, NEVER) if wanted is None else None)
    if wanted is None:
        return None if current is None else await _read(ledger, current, read)
    if current is not None and not wanted.force:
        if current.hash == wanted.policy.hash:
            return wanted.policy
        known = [one for one in publications if one.hash == wanted.policy.hash and not one.withdraws]
        if known:
            LOG.warning("%s", _standing_back(wanted, known[-1], current, publications, latest))
            return await _read(ledger, current, read)
        if coming := to_come(publications, latest):
            raise ReplacesScheduled(wanted, coming)
        await succession(wanted.policy, await _read(ledger, current, read), now)
    done = await ledger.publish(wanted.policy.hash, wanted.policy.document, at=now, reason="connect")
    if done.replaces:
        LOG.warning("%s is in force now and replaces what was scheduled: %s", wanted.named, listed(done.replaces))
    return wanted.policy


async def _read(ledger: Ledger, publication: Publication, read: Callable[[str], Policy]) -> Policy | None:
    document = await ledger.policy_document(publication.hash)
    return None if document is None else read(document)


def _standing_back(
    wanted: Wanted, known: Publication, current: Publication, publications: Sequence[Publication], now: int
) -> str:
    """Why a policy that was published here before is not published again, what decides, and what to do."""
    decides = f"no. {current.number} (hash {current.hash[:12]}, since {moment(current.since)}) decides"
    if known.number in withdrawn(publications):
        found = f"was published here and withdrawn; {decides}"
    elif known in to_come(publications, now):
        found = f"is scheduled here, no. {known.number} for {moment(known.since)}; until then {decides}"
    else:
        found = f"was published here before and has been replaced since; {decides}"
    by_hand = f"`spillover policy publish {wanted.file}`" if wanted.file else "policies.publish"
    return f"{wanted.named} {found}. Leave policy= out, or publish it: {by_hand}, or connect(..., force=True)"

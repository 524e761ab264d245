"""Policies and when they are in force, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

from msgspec import Raw, Struct

from spillover.core.publications import in_force, replaced, to_come, withdrawn
from spillover.documents.amounts import Instant, instant_in, said, text_of
from spillover.model import reports
from spillover.model.policy import Policy as PolicyNoun


class PublicationTerms(Struct, frozen=True, gc=False):
    """What is told of a publication."""

    number: Annotated[int, said("In the order of publishing", 2)]
    hash: Annotated[str, said("The SHA-256 of the policy's canonical document")]
    since: Annotated[Instant, said("In force from then on")]
    published: Instant
    reason: str | None
    actor: str | None
    withdraws: Annotated[int | None, said("The number of the publication that this takes back")]

    def publication(self) -> reports.Publication:
        """The publication."""
        since, at = instant_in(self.since), instant_in(self.published)
        return reports.Publication(
            self.number, self.hash, since, at, self.reason or "", self.actor or "", self.withdraws or 0
        )


def _parts(one: reports.Publication) -> tuple[int, str, str, str, str | None, str | None, int | None]:
    why, by, withdraws = one.reason or None, one.actor or None, one.withdraws or None
    return one.number, one.hash, text_of(one.since), text_of(one.at), why, by, withdraws


class Publication(PublicationTerms, frozen=True, gc=False):
    """A policy in force from an instant on, as it was published."""

    @classmethod
    def of(cls, one: reports.Publication) -> Self:
        """A publication."""
        return cls(*_parts(one))


class ListedPublication(PublicationTerms, frozen=True, gc=False):
    """A publication in the list of all, with what became of it."""

    state: Annotated[str | None, said("in force, to come, replaced, withdrawn, or what it withdraws", "in force")]

    @classmethod
    def of(cls, one: reports.Publication, state: str) -> Self:
        """`state`: "" for one that was in force once."""
        return cls(*_parts(one), state or None)


class Publications(Struct, frozen=True):
    """Which policy was, is and will be in force from when, in the order of publishing; withdrawals too."""

    policies: tuple[ListedPublication, ...]

    @classmethod
    def of(cls, _: PolicyNoun, found: Sequence[reports.Publication], *, now: int) -> Self:
        """As they stand at the instant `now` (ms)."""
        states = zip(found, states_of(found, now), strict=True)
        return cls(tuple(ListedPublication.of(one, state) for one, state in states))

    def noun(self) -> tuple[reports.Publication, ...]:
        """The publications."""
        return tuple(one.publication() for one in self.policies)


class Published(PublicationTerms, frozen=True):
    """What publishing a policy came to: by which publication it is in force from the wanted instant on."""

    changed: Annotated[bool, said("False where it is so anyway; nothing was written then")]
    replaces: Annotated[tuple[Publication, ...], said("Those that were scheduled and will never come into force now")]
    coming: Annotated[tuple[Publication, ...], said("The others that will, in the order in which they come")]

    @classmethod
    def of(cls, _: PolicyNoun, done: reports.Published) -> Self:
        """What publishing came to."""
        return cls(
            *_parts(done.publication), done.changed, tuple(Publication.of(one) for one in done.replaces),
            tuple(Publication.of(one) for one in done.coming),
        )  # fmt: skip

    def noun(self) -> reports.Published:
        """What publishing came to."""
        replaces, coming = (tuple(one.publication() for one in found) for found in (self.replaces, self.coming))
        return reports.Published(self.publication(), self.changed, replaces, coming)


class Withdrawn(Struct, frozen=True):
    """What taking back a publication came to."""

    withdrawn: Publication
    returns: Annotated[tuple[Publication, ...], said("Those that it would have replaced, and that come after all")]
    coming: Annotated[tuple[Publication, ...], said("All that will come into force, in that order")]

    @classmethod
    def of(cls, _: PolicyNoun, done: reports.Withdrawn) -> Self:
        """What it came to."""
        returns, coming = (tuple(Publication.of(one) for one in found) for found in (done.returns, done.coming))
        return cls(Publication.of(done.publication), returns, coming)

    def noun(self) -> reports.Withdrawn:
        """What it came to."""
        returns, coming = (tuple(one.publication() for one in found) for found in (self.returns, self.coming))
        return reports.Withdrawn(self.withdrawn.publication(), coming, returns)


class Policy(Struct, frozen=True):
    """A policy that was published, as its canonical document."""

    hash: Annotated[str, said("The SHA-256 of the document")]
    policy: Annotated[Raw, said("The document: what was published, every default stated; it can be published again")]

    @classmethod
    def of(cls, _: PolicyNoun, policy: PolicyNoun) -> Self:
        """`policy`: the one that was asked for."""
        return cls(policy.hash, Raw(policy.document.encode()))

    def noun(self) -> PolicyNoun:
        """The policy. Raises PolicyError where this is none."""
        from spillover.policy import policy_from_document

        return policy_from_document(bytes(self.policy).decode())


def states_of(found: Sequence[reports.Publication], now: int) -> list[str]:
    """What became of each: nothing is said of those that were in force once."""
    deciding, coming = in_force(found, now), to_come(found, now)
    gone, lost = withdrawn(found), replaced(found)
    return [
        f"withdraws no. {one.withdraws}" if one.withdraws
        else "withdrawn" if one.number in gone
        else "in force" if one == deciding
        else "to come" if one in coming
        else "replaced" if one.number in lost
        else ""
        for one in found
    ]  # fmt: skip

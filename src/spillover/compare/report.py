"""What a backtest comes to, as data: `msgspec` makes it JSON as it stands.

Credits come twice, as in every document: `credits`, a decimal as text, and `micro_credits`, a whole number.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from spillover.compare.sums import Credits, Denied, LayerUse, Refused

Layer = Literal["allowance", "units", "credits", "overage", "overshoot"]
LAYERS: tuple[Layer, ...] = ("allowance", "units", "credits", "overage", "overshoot")
"""Who pays, in the order of a waterfall; overshoot is what none of them could pay of what had happened already."""


class Served(Struct, frozen=True):
    """Units of one feature: what was asked for and what was granted. `unit` is "micro-credit" for a feature that is
    counted by its cost."""

    feature: str
    unit: str
    asked: int
    granted: int


class Figures(Struct, frozen=True):
    """What one policy does with the requests.

    `requests` = `granted` + `repeated` (answered as before, under the same key) + `denials` + `refusals` (errors).
    `split` requests were paid by more than one layer. `charged` = `credits` + `overage` + `overshoot`; the last is
    charged net of what was `forgiven`. Nothing of `repeated` requests is counted twice.
    """

    requests: int
    granted: int
    repeated: int
    denials: int
    refusals: int
    split: int
    charged: Credits
    credits: Credits
    overage: Credits
    overshoot: Credits
    forgiven: Credits
    served: tuple[Served, ...]
    layers: tuple[LayerUse, ...]
    denied: tuple[Denied, ...]
    refused: tuple[Refused, ...]


class Difference(Struct, frozen=True):
    """The proposed policy's figures less the present one's."""

    granted: int
    denials: int
    refusals: int
    split: int
    charged: Credits
    credits: Credits
    overage: Credits
    overshoot: Credits
    forgiven: Credits

    @classmethod
    def of(cls, present: Figures, proposed: Figures) -> Difference:
        """Proposed less present."""
        numbers = (getattr(proposed, name) - getattr(present, name) for name in cls.__struct_fields__[:4])
        amounts = (
            Credits.of(getattr(proposed, name).micro_credits - getattr(present, name).micro_credits)
            for name in cls.__struct_fields__[4:]
        )
        return cls(*numbers, *amounts)


class Group(Struct, frozen=True):
    """One feature under one plan, by both policies."""

    plan: str
    feature: str
    present: Figures
    proposed: Figures
    difference: Difference


class Example(Struct, frozen=True):
    """One request: whose, when (ms since 1970), under which key, and the denial's sentence.

    That is the proposed policy's for a newly denied request, the present one's for a newly served one.
    """

    account: str
    at: int
    key: str
    sentence: str


class ChangedGroup(Struct, frozen=True):
    """Requests of one plan and feature that change sides, from how many accounts, and the first of them."""

    plan: str
    feature: str
    requests: int
    accounts: int
    examples: tuple[Example, ...]


class ChangedAccount(Struct, frozen=True):
    """An account some of whose requests change sides: how many, the first of them, what the account spends."""

    account: str
    plan: str
    requests: int
    feature: str
    first: Example
    present: Credits
    proposed: Credits


class Change(Struct, frozen=True):
    """Requests that one policy serves and the other does not. `by_account`: the most concerned accounts first, at most
    100 of them; `accounts` says how many there are."""

    requests: int
    accounts: int
    by_group: tuple[ChangedGroup, ...]
    by_account: tuple[ChangedAccount, ...]


class Moment(Struct, frozen=True):
    """What was charged from `at` (ms since 1970) to the next moment's, in micro-credits."""

    at: int
    present: int
    proposed: int


class Band(Struct, frozen=True):
    """Accounts that spend more than `above` and at most `until` micro-credits in all (None: without end)."""

    above: int
    until: int | None
    present: int
    proposed: int


class PolicyName(Struct, frozen=True):
    """A policy: the file or what else it came from, and its hash."""

    name: str
    hash: str


class Comparison(Struct, frozen=True):
    """The present policy beside the proposed one, on the same requests. Instants are ms since 1970, 0 for none.

    `source` is the trace or the database. `skipped` rows are no requests, `bad` ones could not be used. `forgotten`
    accounts had to make room in memory (shadow mode only): their lists and bands are without them, the sums are not.
    `width` is the length of a moment in ms. `notes` say how it was computed and what cannot be known.
    """

    source: str
    present_policy: PolicyName
    proposed_policy: PolicyName
    requests: int
    accounts: int
    forgotten: int
    skipped: int
    bad: int
    first_bad: tuple[str, ...]
    since: int
    until: int
    present: Figures
    proposed: Figures
    difference: Difference
    groups: tuple[Group, ...]
    newly_denied: Change
    newly_served: Change
    width: int
    timeline: tuple[Moment, ...]
    bands: tuple[Band, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs for anybody, in any figure."""
        changed = self.newly_denied.requests or self.newly_served.requests
        return not changed and all(group.present == group.proposed for group in self.groups)

"""What each kind of booked event counts as, and what overshoot comes to in the figures."""

from spillover.backtest.recorded import Recorded, compare_records
from spillover.compare.figures import Count, figures_of
from spillover.compare.pair import Pair
from spillover.model.account import Lot, Profile
from spillover.model.decision import Overshoot, Verdict
from spillover.model.event import SCHEMA, Event
from spillover.model.leg import Leg
from tests.backtest.support import PRESENT, PROPOSED, T0, policy

FREE = Profile(1, 1, "free", T0, lots=(Lot(1, "credits"),))


class Told:
    """Events in the place of a database's."""

    path, denials = "app.db", 0

    def __init__(self, *events: Event) -> None:
        self._events = events
        self.count = len(events)

    def events(self):
        return (Recorded("ada", event) for event in self._events)


def event(kind: str, second: int, units: int, **facts) -> Event:
    usage = {"images": units} if units else {}
    return Event(
        SCHEMA, 2, kind, 1, f"{kind}-{second}", "", T0 + second * 1000, 1, facts.pop("changes", ()),
        feature="images", usage=usage, **facts,
    )  # fmt: skip


def compare(*events: Event):
    opening = event("terms", 0, 0, terms=FREE, changes=(("lot:1", None, 4_000_000),))
    return compare_records(Told(opening, *events), Pair(policy(PRESENT), policy(PROPOSED), ("now", "new")))


def test_a_hold_counts_once_for_what_it_came_to():
    found = compare(
        event("hold", 1, 9), event("extend", 2, 12), event("commit", 3, 2), event("hold", 4, 9), event("release", 5, 0),
        event("hold", 6, 9), event("expire", 7, 0),
    )  # fmt: skip
    assert (found.present.requests, found.present.layers[0].units, found.since) == (1, 2, T0 + 3000)
    assert any("A hold counts as one request" in note for note in found.notes)


def test_a_commit_after_expiry_has_happened_already_so_both_policies_record_it():
    found = compare(event("commit", 1, 99, late=True))
    assert (found.present.granted, found.proposed.granted) == (1, 1)
    one = {use.layer: use.units for use in found.present.layers}
    assert one == {"allowance": 3, "credits": 4, "overshoot": 92}
    assert found.present.forgiven.credits == "92"


def test_the_mode_of_then_is_the_mode_of_now():
    found = compare(event("usage", 1, 99, mode="partial"), event("usage", 2, 9), event("usage", 3, 1, mode="record"))
    assert (found.present.granted, found.present.denials) == (2, 1)
    assert found.present.served[0].granted == 3 + 4 + 1


def test_overshoot_is_charged_less_what_is_forgiven():
    count = Count("images")
    legs = (Leg("allowance", 2), Leg("credits", 1, 5, 5, ((1, 5),)))
    assert count.take(Verdict(True, 10, 10, legs, overshoot=Overshoot(7, 5, 35, 15))) == 25
    found = figures_of([count], policy(PRESENT))
    amounts = (found.charged, found.credits, found.overshoot, found.forgiven)
    assert [amount.micro_credits for amount in amounts] == [25, 5, 20, 15]
    assert [(use.layer, use.units, use.charged.micro_credits) for use in found.layers] == [
        ("allowance", 2, 0), ("credits", 1, 5), ("overshoot", 7, 20),
    ]  # fmt: skip
    assert found.split == 1

"""A recorded trace with a tighter and a looser policy: sums that agree with plain replays."""

import pytest

from spillover.backtest import Comparison, backtest
from spillover.compare.report import Figures
from spillover.replay import Summary, replay
from tests.replay.support import EXAMPLES, Bench, recorded

pytestmark = pytest.mark.trace

FRONT = 2_000
PROPOSALS = ("tighter", "looser")


def compare(bench: Bench, proposal: str, limit: int | None) -> Comparison:
    return backtest(EXAMPLES / "gentd26" / f"{proposal}.yaml", trace=bench.trace, map=bench.map, limit=limit)


def agree(figures: Figures, summary: Summary) -> None:
    """A plain replay's own figures."""
    assert figures.requests == summary.requests
    assert (figures.granted, figures.denials, figures.split) == (summary.granted, summary.denials, summary.split)
    assert figures.layers == summary.layers
    assert sorted((one.kind, one.name, one.requests) for one in figures.denied) == sorted(
        (one.kind, one.name, one.requests) for one in summary.denied
    )
    assert figures.charged.micro_credits == sum(use.charged.micro_credits for use in summary.layers)


def both_agree(proposal: str, limit: int | None) -> Comparison:
    bench = recorded("gentd26")
    found = compare(bench, proposal, limit)
    agree(found.present, replay(bench.trace, bench.map, bench.policy, "memory://", limit=limit, settle=False))
    other = EXAMPLES / "gentd26" / f"{proposal}.yaml"
    agree(found.proposed, replay(bench.trace, bench.map, other, "memory://", limit=limit, settle=False))
    return found


def adds_up(found: Comparison) -> None:
    for side in ("present", "proposed"):
        total, groups = getattr(found, side), [getattr(group, side) for group in found.groups]
        assert total.granted + total.denials + total.refusals + total.repeated == total.requests
        for name in ("requests", "granted", "denials", "split"):
            assert getattr(total, name) == sum(getattr(one, name) for one in groups)
        assert total.charged.micro_credits == sum(one.charged.micro_credits for one in groups)
        assert total.charged.micro_credits == sum(getattr(moment, side) for moment in found.timeline)
        assert sum(getattr(band, side) for band in found.bands) == found.accounts
    assert found.difference.granted == found.newly_served.requests - found.newly_denied.requests
    for change in (found.newly_denied, found.newly_served):
        assert change.requests == sum(group.requests for group in change.by_group)
        assert all(one.first.sentence.startswith("denied: ") for one in change.by_account)


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_sums_of_both_sides_are_those_of_plain_replays(proposal):
    adds_up(both_agree(proposal, FRONT))


@pytest.mark.soak
@pytest.mark.parametrize("proposal", PROPOSALS)
def test_sums_of_a_whole_trace_are_those_of_plain_replays(proposal):
    found = both_agree(proposal, None)
    adds_up(found)
    assert found.requests == 22_722


def test_the_tighter_policy_denies_more_and_the_looser_one_less():
    tighter, looser = (compare(recorded("gentd26"), proposal, FRONT) for proposal in PROPOSALS)
    assert tighter.difference.granted < 0 < looser.difference.granted
    assert tighter.present == looser.present
    assert looser.proposed.overage.micro_credits > 0

"""Spending over time and over accounts: sums stay whatever the resolution, and memory is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from spillover.compare.spending import KEPT_MAX, SHOWN_MAX, WIDTHS, Timeline, bands_of
from spillover.model.amounts import MICRO

DAY = 86_400_000


@given(st.lists(st.tuples(st.integers(0, 900 * DAY), st.integers(0, 99), st.integers(0, 99)), max_size=60))
def test_moments_add_up_follow_one_another_and_are_few(charges):
    timeline = Timeline()
    for at, present, proposed in charges:
        timeline.add(at, present, proposed)
    width, moments = timeline.moments()
    assert sum(moment.present for moment in moments) == sum(charge[1] for charge in charges)
    assert sum(moment.proposed for moment in moments) == sum(charge[2] for charge in charges)
    assert [moment.at for moment in moments] == [moments[0].at + width * place for place in range(len(moments))]
    assert len(moments) <= SHOWN_MAX
    assert width in WIDTHS


def test_a_long_time_is_kept_in_bounded_memory():
    timeline = Timeline()
    for minute in range(3 * KEPT_MAX):
        timeline.add(minute * 60_000, 1, 2)
        assert len(timeline._charged) <= KEPT_MAX
    assert sum(moment.present for moment in timeline.moments()[1]) == 3 * KEPT_MAX


def test_bands_end_where_they_say():
    bands = bands_of([(0, 1), (MICRO, MICRO + 1), (0, 3 * MICRO)])
    assert [(band.above, band.until, band.present, band.proposed) for band in bands] == [
        (-1, 0, 2, 0), (0, MICRO, 1, 1), (MICRO, 2 * MICRO, 0, 1), (2 * MICRO, 5 * MICRO, 0, 1),
    ]  # fmt: skip
    last = bands_of([(0, 10**15)])[-1]
    assert (last.above, last.until, last.proposed) == (500_000 * MICRO, None, 1)
    assert bands_of([]) == bands_of([])[:1]

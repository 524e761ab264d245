"""Holds by their verbs, told of both faces, in memory and in a file: what is kept, how it ends, and that once."""

from __future__ import annotations

import pytest

import spillover
from spillover.model.errors import HoldEnded, InvalidInput, KeyReused, UnknownName
from tests.engine.houses import URLS, clock, credits_of, engine, url_of

TOKENS = "codex.tokens"


@pytest.fixture(params=[f"{face} {url}" for face in ("plain", "async") for url in URLS])
def house(request, tmp_path):
    face, url = request.param.split()
    turning = clock()
    with engine(url_of(url, tmp_path), face, clock=turning) as access:
        access.credits.add("acme", "1", key="bought", paid="1.00 EUR")
        yield access, turning


def test_what_an_estimate_needs_is_kept_and_the_true_usage_is_charged(house):
    access, turning = house
    opened = access.open_hold("acme", TOKENS, {"input": 1000, "output": 1000}, key="h")
    assert (opened.granted, opened.due) == (11_000, turning() + 60_000)
    assert credits_of(access) == (989_000, 11_000, 1_000_000)
    ended = access.holds.commit("acme", "h", {"input": 500, "output": 10})
    assert (ended.kind, ended.granted, ended.charged, ended.late, ended.estimated) == ("commit", 600, 600, False, False)
    assert credits_of(access) == (999_400, 0, 1_000_000)
    access.settle()
    assert credits_of(access) == (999_400, 0, 999_400)
    assert access.usage("acme").rows[0].charged == 600


def test_more_than_was_held_is_drawn_and_what_is_not_there_is_forgiven_or_owed(house):
    access, _ = house
    access.open_hold("acme", TOKENS, {"output": 1000}, key="h")
    ended = access.holds.commit("acme", "h", {"output": 100_100})
    assert (ended.granted, ended.overshoot.amount, ended.overshoot.forgiven) == (1_001_000, 1000, 100)
    denied = access.consume("acme", TOKENS, {"output": 1}, key="k")
    assert denied.denial.blocked_by == "owed"
    access.credits.add("acme", "0.001", key="more")
    assert access.balance("acme").credits == 100, "what was owed was paid first"
    assert access.consume("acme", TOKENS, {"output": 10}, key="k")


def test_the_default_and_the_least_estimate_are_those_of_the_policy(house):
    access, _ = house
    access.open_hold("acme", TOKENS, key="default")
    access.open_hold("acme", TOKENS, {"input": 1}, key="least")
    held = {hold.key: hold.usage for hold in access.holds.list("acme")}
    assert held == {"default": {"input": 100, "output": 100}, "least": {"input": 1, "output": 10}}
    with pytest.raises(InvalidInput, match="estimate"):
        access.open_hold("acme", "sora.seconds", key="none")


def test_a_commit_twice_has_one_answer_and_another_usage_is_refused(house):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h")
    first = access.holds.commit("acme", "h", {"output": 5})
    again = access.holds.commit("acme", "h", {"output": 5})
    assert (first.replayed, again.replayed) == (False, True)
    assert (first.legs, first.sequence, first.at) == (again.legs, again.sequence, again.at)
    for end in (
        lambda: access.holds.commit("acme", "h", {"output": 6}),
        lambda: access.holds.commit("acme", "h", {"output": 5}, estimated=True),
        lambda: access.holds.release("acme", "h"),
        lambda: access.holds.extend("acme", "h", {"output": 500}),
    ):
        with pytest.raises(HoldEnded, match="committed"):
            end()
    assert credits_of(access)[:2] == (999_950, 0)


def test_an_extension_with_a_key_is_made_once_and_known_after_others_and_after_the_end(house):
    access, turning = house
    access.open_hold("acme", TOKENS, {"output": 100}, key="h", lasts=60_000)
    first = access.holds.extend("acme", "h", {"output": 200}, lasts=90_000, extension_key="e")
    turning.turn(seconds=20)
    again = access.holds.extend("acme", "h", {"output": 200}, lasts=90_000, extension_key="e")
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.due, again.legs, again.held, again.sequence) == (first.due, first.legs, first.held, first.sequence)
    assert access.holds.extend("acme", "h", lasts=90_000, extension_key="another").due == first.due + 20_000
    unnamed = access.holds.extend("acme", "h", {"output": 200}, lasts=100_000)
    assert access.holds.extend("acme", "h", {"output": 200}, lasts=90_000, extension_key="e").due == first.due
    (hold,) = access.holds.list("acme")
    assert (hold.due, hold.steps) == (unnamed.due, 3)
    for usage, lasts in (({"output": 201}, 90_000), ({"output": 200}, 90_001), (None, 90_000)):
        with pytest.raises(KeyReused, match="'e'"):
            access.holds.extend("acme", "h", usage, lasts=lasts, extension_key="e")
    access.holds.commit("acme", "h", {"output": 5})
    assert access.holds.extend("acme", "h", {"output": 200}, lasts=90_000, extension_key="e").replayed
    with pytest.raises(HoldEnded):
        access.holds.extend("acme", "h", {"output": 200}, lasts=90_000, extension_key="new")
    with pytest.raises(InvalidInput, match="key"):
        access.holds.extend("acme", "h", extension_key="")


def test_the_same_extension_twice_in_a_batch_is_made_once(tmp_path):
    for url in URLS:
        with engine(url_of(url, tmp_path), clock=clock()) as access:
            access.credits.add("acme", "1", key="c")
            access.open_hold("acme", TOKENS, {"output": 100}, key="h")
            ask, usage = access.holds.asked, {"output": 300}
            answers = access.decide([ask("acme", "h", "extend", usage, None, extension_key=key) for key in "ees"])
            assert [(one.granted, one.replayed) for one in answers] == [(2000, False), (2000, True), (0, False)]
            assert access.holds.list("acme")[0].steps == 2


def test_a_denied_extension_keeps_nothing_under_its_key(house):
    access, _ = house
    access.open_hold("acme", TOKENS, {"output": 100}, key="h")
    assert not access.holds.extend("acme", "h", {"output": 200_000}, extension_key="e")
    assert access.holds.extend("acme", "h", {"output": 200}, extension_key="e")


def test_a_release_gives_everything_back_and_nothing_is_charged(house):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h")
    assert access.holds.release("acme", "h").kind == "release"
    assert access.holds.release("acme", "h").replayed
    with pytest.raises(HoldEnded, match="released"):
        access.holds.commit("acme", "h", {"output": 5})
    assert credits_of(access)[:2] == (1_000_000, 0)
    access.settle()
    assert access.usage("acme").rows == ()


def test_a_commit_of_nothing_charges_nothing(house):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h")
    assert access.holds.commit("acme", "h", {"input": 0, "output": 0}).charged == 0
    assert credits_of(access)[:2] == (1_000_000, 0)


def test_a_hold_that_is_due_expires_and_a_late_commit_is_billed_once(house):
    access, turning = house
    access.open_hold("acme", TOKENS, key="h")
    turning.turn(milliseconds=60_999)
    assert access.tend() == 0, "the tolerance of clocks is waited for"
    turning.turn(milliseconds=1)
    assert access.tend() == 1
    assert credits_of(access)[:2] == (1_000_000, 0)
    assert access.holds.release("acme", "h").kind == "expire"
    with pytest.raises(HoldEnded, match="expired"):
        access.holds.extend("acme", "h", {"output": 500})
    late = access.holds.commit("acme", "h", {"output": 5})
    assert (late.late, late.charged, late.replayed) == (True, 50, False)
    assert access.holds.commit("acme", "h", {"output": 5}).replayed
    with pytest.raises(HoldEnded, match="committed"):
        access.holds.commit("acme", "h", {"output": 6})
    assert credits_of(access)[:2] == (999_950, 0)


def test_no_denial_is_answered_while_a_due_hold_keeps_what_is_asked_for(house):
    access, turning = house
    access.open_hold("acme", TOKENS, {"output": 100_000}, key="h")
    assert not access.consume("acme", TOKENS, {"output": 1}, key="k")
    turning.turn(seconds=61)
    assert access.consume("acme", TOKENS, {"output": 1}, key="k")


@pytest.mark.parametrize("verb", ["commit", "release", "extend"])
def test_a_hold_that_never_was_or_is_of_another_account_is_unknown(house, verb):
    access, _ = house
    access.accounts.put("other", "plus")
    access.open_hold("acme", TOKENS, key="h")
    access.consume("acme", TOKENS, {"output": 1}, key="no hold")
    usage = () if verb == "release" else ({"output": 5},)
    for account, key in (("acme", "none"), ("other", "h"), ("acme", "no hold"), ("nobody", "h")):
        with pytest.raises(UnknownName):
            getattr(access.holds, verb)(account, key, *usage)
    assert len(access.holds.list("acme")) == 1


@pytest.mark.parametrize("usage", [{"seconds": 5}, {"output": -1}, {"output": 1.5}, {"other": 0}, 5, 0, "5", {}, None])
def test_a_usage_that_is_none_of_the_features_is_refused_and_the_hold_stays_open(house, usage):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h")
    with pytest.raises(InvalidInput, match="usage"):
        access.holds.commit("acme", "h", usage)
    assert [hold.key for hold in access.holds.list("acme")] == ["h"]


@pytest.mark.parametrize("lasts", [0, 999, 86_400_001, "5", 1.5, True])
def test_a_time_that_no_hold_lasts_is_refused_and_nothing_is_held(house, lasts):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h")
    with pytest.raises(InvalidInput, match="lasts"):
        access.open_hold("acme", TOKENS, key="other", lasts=lasts)
    with pytest.raises(InvalidInput, match="lasts"):
        access.holds.extend("acme", "h", lasts=lasts)
    assert len(access.holds.list("acme")) == 1


def test_an_extension_holds_more_and_longer_and_a_denied_one_leaves_the_hold_as_it_was(house):
    access, turning = house
    access.open_hold("acme", TOKENS, {"output": 100}, key="h")
    turning.turn(seconds=30)
    longer = access.holds.extend("acme", "h", {"output": 200})
    assert (longer.granted, longer.due, longer.key) == (1000, turning() + 60_000, "h")
    assert access.holds.extend("acme", "h", lasts=120_000).due == turning() + 120_000
    (before,) = access.holds.list("acme")
    assert (before.units, before.usage["output"], before.steps) == (2000, 200, 2)
    denied = access.holds.extend("acme", "h", {"output": 200_000})
    assert (denied.denial.blocked_by, access.holds.list("acme")) == ("credits", (before,))
    assert access.holds.commit("acme", "h", {"output": 150}).charged == 1500


def test_a_denied_extension_says_what_is_missing_of_what_is_more_and_no_instant_at_which_it_would_not_pass(house):
    access, _ = house
    access.open_hold("acme", TOKENS, {"output": 100}, key="h")
    denied = access.holds.extend("acme", "h", {"output": 100_001})
    assert (denied.denial.opens_at, denied.denial.status) == (None, 402)
    assert denied.denial.unlock == "0.00001 more credits unlock it"
    assert "passes" not in denied.sentence
    assert not access.consume("acme", TOKENS, {"output": 99_901}, key="more")
    access.credits.add("acme", "0.00001", key="missing")
    assert access.holds.extend("acme", "h", {"output": 100_001})


def test_a_denied_extension_passes_from_when_it_says(house):
    access, turning = house
    access.open_hold("acme", "sora.seconds", 8, key="h")
    denied = access.holds.extend("acme", "h", 12, lasts=86_400_000)  # 2 included, a credit for one more
    assert access.holds.extend("acme", "h", lasts=86_400_000)
    assert denied.denial.opens_at is not None
    assert denied.denial.remedy.credits == 1_000_000
    turning.turn(seconds=(denied.denial.opens_at - turning()) // 1000 - 1)
    assert not access.holds.extend("acme", "h", 12)
    turning.turn(seconds=1)
    assert access.holds.extend("acme", "h", 12)


def test_opening_again_under_a_key_answers_as_before_while_it_is_open_and_after(house):
    access, _ = house
    first = access.open_hold("acme", TOKENS, key="h")
    for _ in range(2):
        again = access.open_hold("acme", TOKENS, key="h")
        assert (again.replayed, again.sequence, again.due) == (True, first.sequence, first.due)
    with pytest.raises(KeyReused):
        access.open_hold("acme", TOKENS, {"output": 50}, key="h")
    with pytest.raises(KeyReused):
        access.consume("acme", TOKENS, {"output": 50}, key="h")
    access.holds.commit("acme", "h", {"output": 5})
    assert access.open_hold("acme", TOKENS, key="h").replayed
    assert access.holds.list("acme") == ()
    assert credits_of(access)[:2] == (999_950, 0)


def test_open_holds_have_a_ceiling_and_an_end_makes_room(house):
    access, _ = house
    for number in range(2):
        assert access.open_hold("acme", "codex.messages", key=f"{number}")
    assert access.open_hold("acme", "codex.messages", key="2").denial.blocked_by == "ceiling parallel"
    assert access.consume("acme", "codex.messages", key="no hold"), "what is consumed at once holds nothing"
    access.holds.release("acme", "0")
    assert access.open_hold("acme", "codex.messages", key="2")


def test_partial_holds_as_much_as_there_is(house):
    access, _ = house
    held = access.open_hold("acme", "sora.seconds", 50, key="h", mode="partial")
    assert (held.units, held.granted, [leg.layer for leg in held.legs]) == (50, 11, ["allowance", "credits"])
    assert held.blockers[-1].kind == "credits"
    assert access.holds.commit("acme", "h", 50).overshoot.units == 39


def test_a_window_gets_back_what_a_hold_did_not_use(house):
    access, turning = house
    access.open_hold("acme", "sora.seconds", 10, key="h")
    assert access.overview("acme").features[2].limits[0].room == 0
    access.holds.commit("acme", "h", 4)
    assert access.overview("acme").features[2].limits[0].room == 6
    access.open_hold("acme", "sora.seconds", 6, key="over", lasts=86_400_000)
    turning.turn(hours=5)
    access.consume("acme", "sora.seconds", 1, key="next window")
    access.holds.release("acme", "over")
    assert access.overview("acme").features[2].limits[0].room == 9, "what a window that is over had counted is dropped"


def test_a_subject_and_a_price_are_those_of_the_opening(house):
    access, _ = house
    access.open_hold("acme", TOKENS, key="h", subject="ada", attributes={"team": "blue"})
    access.holds.commit("acme", "h", {"output": 5})
    access.settle()
    assert access.usage("acme", by=("subject", "team")).rows[0].group == ("ada", "blue")


def test_verbs_of_one_hold_in_one_batch_are_as_if_one_came_after_the_other():
    with engine("memory://", clock=clock()) as access:
        access.credits.add("acme", "1", key="c")
        ask = access.take_in("acme", TOKENS, None, "h", {"hold": None})
        first, again = access.decide([ask, ask])
        assert (first.replayed, again.replayed, again.due) == (False, True, first.due)
        asked = access.holds.asked
        extend, commit = (
            [asked("acme", "h", verb, {"input": least, "output": count}, None) for count in counts]
            for verb, least, counts in (("extend", 100, (200, 300)), ("commit", 0, (5, 5, 6)))
        )
        answers = access.decide([*extend, *commit, asked("acme", "h", "release", None, None)])
        assert [answer.granted for answer in answers[:2]] == [1000, 1000]
        assert [(answer.charged, answer.replayed) for answer in answers[2:4]] == [(50, False), (50, True)]
        assert [type(answer) for answer in answers[4:]] == [HoldEnded, HoldEnded]
        assert credits_of(access)[:2] == (999_950, 0)


def test_a_hold_is_ended_by_another_engine_on_the_same_file_once(tmp_path):
    turning, url = clock(), f"sqlite:///{tmp_path}/x.db"
    with engine(url, clock=turning) as access, spillover.connect(url, clock=turning, settle=False) as other:
        access.credits.add("acme", "1", key="c")
        for number in range(6):
            access.open_hold("acme", TOKENS, key=f"h{number}")
        assert other.holds.commit("acme", "h0", {"output": 5}).charged == 50
        assert access.holds.commit("acme", "h0", {"output": 5}).replayed
        with pytest.raises(HoldEnded, match="committed"):
            access.holds.release("acme", "h0")
        other.holds.extend("acme", "h1", {"output": 500})
        assert access.holds.commit("acme", "h1", {"output": 400}).charged == 4000
        turning.turn(seconds=62)
        assert other.tend() == 4
        assert access.holds.commit("acme", "h2", {"output": 5}).late
        assert credits_of(access)[:2] == credits_of(other)[:2] == (1_000_000 - 50 - 4000 - 50, 0)

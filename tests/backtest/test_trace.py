"""A trace through two policies: exact figures, nothing touched, and what a backtest refuses."""

import re
from pathlib import Path

import pytest

from spillover.backtest import Comparison, backtest
from spillover.backtest.wording import headline
from spillover.compare.sums import Credits, Denied, LayerUse
from spillover.model.errors import InvalidInput, TraceError
from tests.backtest.support import MAP, PRESENT, PROPOSED, T0, TRACE, contents, folder, policy


def compare(where: Path, **options) -> Comparison:
    return backtest(where / "new.yaml", trace=where / "trace.csv", map=where / "map.yaml", **options)


def use(layer: str, requests: int, units: int, credits: int) -> LayerUse:
    return LayerUse("images", layer, requests, units, "image", Credits.of(credits * 1_000_000))


def test_figures_of_both_policies_are_those_worked_out_by_hand(tmp_path):
    found = compare(folder(tmp_path))
    one, two = found.present, found.proposed
    assert (one.requests, one.granted, one.denials, one.refusals, one.split) == (6, 4, 2, 0, 1)
    assert (two.requests, two.granted, two.denials, two.refusals, two.split) == (6, 4, 2, 0, 0)
    assert one.layers == (use("allowance", 3, 4, 0), use("credits", 2, 3, 3))
    assert two.layers == (use("allowance", 3, 8, 0), use("credits", 1, 2, 4))
    assert one.denied == (Denied("credits", "credits", 1), Denied("window", "daily", 1))
    assert two.denied == (Denied("credits", "credits", 2),)
    assert [(served.asked, served.granted) for served in (*one.served, *two.served)] == [(14, 7), (14, 10)]
    assert (one.charged.credits, two.charged.credits, found.difference.charged.credits) == ("3", "4", "1")
    assert (found.since, found.until, found.accounts) == (T0, T0 + 5000, 2)


def test_who_is_newly_denied_and_newly_served_is_told_with_the_sentence_of_the_denial(tmp_path):
    found = compare(folder(tmp_path))
    (denied,), (served,) = found.newly_denied.by_account, found.newly_served.by_account
    assert (denied.account, denied.plan, denied.requests, denied.first.at, denied.first.key) == (
        "ada", "free", 1, T0 + 2000, "row-3",
    )  # fmt: skip
    assert denied.first.sentence == (
        "denied: the window daily has 0 left, 0 credits left; 4 more credits unlock it"
        " or it passes from 2026-03-02 00:00:00 UTC"
    )
    assert (denied.present.credits, denied.proposed.credits) == ("3", "4")
    assert (served.account, served.plan, served.requests, served.first.key) == ("bob", "pro", 1, "row-5")
    assert served.first.sentence == "denied: the window daily has 4 left"
    for change, one in ((found.newly_denied, denied), (found.newly_served, served)):
        (group,) = change.by_group
        assert (group.plan, group.requests, group.accounts, group.examples) == (one.plan, 1, 1, (one.first,))


def test_figures_stand_by_plan_and_feature_and_add_up(tmp_path):
    found = compare(folder(tmp_path))
    assert [(group.plan, group.feature) for group in found.groups] == [("free", "images"), ("pro", "images")]
    assert [group.present.granted for group in found.groups] == [3, 1]
    assert [group.proposed.granted for group in found.groups] == [2, 2]
    assert [group.difference.charged.micro_credits for group in found.groups] == [1_000_000, 0]
    assert sum(moment.present for moment in found.timeline) == 3_000_000
    assert sum(moment.proposed for moment in found.timeline) == 4_000_000
    assert [(band.until, band.present, band.proposed) for band in found.bands] == [
        (0, 1, 1), (1_000_000, 0, 0), (2_000_000, 0, 0), (5_000_000, 1, 1),
    ]  # fmt: skip


def test_headline_says_it_in_one_sentence(tmp_path):
    assert headline(compare(folder(tmp_path))) == (
        "Of 6 requests, 1 request of 1 account would be newly denied and 1 request of 1 account newly served;"
        " 1 credit more would be charged (+33.3%)."
    )


def test_the_same_policy_twice_differs_nowhere(tmp_path):
    found = compare(folder(tmp_path), against=tmp_path / "new.yaml")
    assert found.same
    assert found.present == found.proposed
    assert all(group.present == group.proposed for group in found.groups)
    assert found.newly_denied.requests == found.newly_served.requests == 0
    assert set(found.difference.__class__.of(found.present, found.proposed).__struct_fields__) >= {"granted", "charged"}
    assert headline(found) == "Nothing would change: both policies answer all 6 requests alike."


def test_a_backtest_touches_no_file(tmp_path):
    before = contents(folder(tmp_path))
    compare(tmp_path)
    assert contents(tmp_path) == before


def test_the_present_policy_is_the_one_beside_the_map_unless_another_is_given(tmp_path):
    folder(tmp_path)
    assert compare(tmp_path).present_policy.hash == policy(PRESENT).hash
    assert compare(tmp_path, against=policy(PROPOSED)).present_policy.hash == policy(PROPOSED).hash
    (tmp_path / "policy.yaml").unlink()
    with pytest.raises(InvalidInput, match=r"no policy\.yaml beside"):
        compare(tmp_path)


def test_the_limit_takes_the_front_of_the_trace(tmp_path):
    found = compare(folder(tmp_path), limit=2)
    assert (found.requests, found.present.charged.credits, found.proposed.charged.credits) == (2, "1", "4")


def test_a_key_that_comes_again_is_answered_as_before_and_charged_once(tmp_path):
    map_ = MAP + "key: {column: t}\n"
    trace = "t,who,plan,n\n0,bob,pro,2\n0,bob,pro,2\n0,bob,pro,1\n"
    found = compare(folder(tmp_path, trace=trace, map=map_))
    one = found.proposed
    assert (one.requests, one.granted, one.repeated, one.refusals) == (3, 1, 1, 1)
    assert [(refused.error, refused.requests) for refused in one.refused] == [("KeyReused", 1)]
    assert found.same


def test_plans_features_and_attributes_that_only_one_policy_has_are_no_mistakes(tmp_path):
    folder(tmp_path, trace=TRACE.replace("bob,pro,1", "bob,gold,1").replace("bob,pro", "cleo,pro"))
    new = PROPOSED.replace("  pro:", "  gold:").replace(
        "price: {credits: 2}", "price: [{when: {size: big}, credits: 9}, {credits: 2}]"
    )
    (tmp_path / "new.yaml").write_text(new)
    (tmp_path / "map.yaml").write_text(MAP + "attributes: {size: {is: big}}\n")
    found = compare(tmp_path)
    denied = {group.plan: group for group in found.newly_denied.by_group}
    assert not denied.get("gold")
    assert {group.plan: group.requests for group in found.newly_served.by_group} == {"gold": 1}
    assert found.proposed.charged.credits == "0", "9 credits for a big image is more than a lot of 4 holds for two"
    assert found.present.charged.credits == "3"


def test_a_feature_that_the_proposal_drops_is_newly_denied(tmp_path):
    folder(tmp_path)
    (tmp_path / "new.yaml").write_text(PROPOSED.replace("images:", "films:").replace("[images]", "[films]"))
    found = compare(tmp_path)
    assert (found.proposed.granted, found.newly_denied.requests) == (0, 4)
    assert found.newly_denied.by_account[0].first.sentence == "denied: the policy has no feature images"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "found neither, expected a trace, or a database"),
        ({"trace": "t", "database": "d"}, "found both a trace and a database"),
        ({"trace": "t"}, "map: found none"),
        ({"trace": "t", "map": "m", "limit": -1}, "limit: found -1"),
    ],
)
def test_options_that_do_not_go_together_are_refused_by_name(options, expected):
    with pytest.raises(InvalidInput, match=re.escape(expected)):
        backtest(policy(PROPOSED), **options)


def test_a_bad_row_ends_it_with_its_line_or_is_counted(tmp_path):
    folder(tmp_path, trace=TRACE + "6,bob,pro,many\n")
    with pytest.raises(TraceError, match=r"trace\.csv:8: n: found 'many'"):
        compare(tmp_path)
    found = compare(tmp_path, skip_bad=True)
    assert (found.requests, found.bad) == (6, 1)
    assert found.first_bad[0].endswith("expected a whole number from 0 to 2^53 - 1")


def test_accounts_without_a_plan_are_refused_unless_both_policies_have_a_default(tmp_path):
    bare = MAP[: MAP.index("accounts:")]
    folder(tmp_path, map=bare)
    with pytest.raises(InvalidInput, match="default_plan in both policies"):
        compare(tmp_path)
    for name, text in (("policy.yaml", PRESENT), ("new.yaml", PROPOSED)):
        (tmp_path / name).write_text(text + "default_plan: pro\n")
    assert compare(tmp_path).present.granted == 3, "ada: 2 and 2 of 4 a day; bob: 1"


def test_a_hold_of_a_trace_counts_for_what_it_came_to_and_not_for_its_estimate(tmp_path):
    held = MAP + (
        "hold:\n  ends: {lasting: s}\n  estimate: {images: {is: 4}}\n"
        "  outcome: {column: how, values: {done: commit, broken: release}}\n"
    )
    rows = (
        "t,who,plan,n,s,how\n0,ada,free,1,5,done\n10,ada,free,1,5,broken\n20,ada,free,1,,done\n30,ada,free,1,5,done\n"
    )
    found = compare(folder(tmp_path, trace=rows, map=held))
    assert (found.present.requests, found.present.granted, found.present.denials) == (2, 2, 0)
    assert found.present.layers == (use("allowance", 2, 2, 0),)
    assert any("for what it came to" in note for note in found.notes)

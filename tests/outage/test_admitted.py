"""While the store cannot be reached: closed, or open for just the amount that the plan says."""

from __future__ import annotations

import pytest

from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.engine.holding import HoldAsk
from spillover.model.errors import InvalidInput, KeyReused, StoreUnavailable
from tests.outage.bed import POLICY, Bed


def test_a_request_is_admitted_in_an_outage_and_its_sentence_says_so(bed):
    with bed.away():
        found = bed.ask(key="a")
        assert isinstance(found, Decision)
        assert found
        assert found.journaled
        assert (found.granted, found.units, found.legs, found.sequence, found.charged) == (1, 1, (), 0, 0)
        assert found.sentence == "1 message admitted while the store was unreachable, to be settled later"
        assert bed.waiting() == ["a"]
    [entry] = bed.journal.waiting(9)
    assert (entry.account, entry.feature, entry.usage, entry.units, entry.at) == (
        "acme", "chat", {"requests": 1}, 1, bed.clock(),
    )  # fmt: skip


def test_just_as_many_units_are_admitted_as_the_plan_says_and_then_it_is_closed(bed):
    with bed.away():
        found = [bed.ask(key=f"{number}") for number in range(8)]
        assert [bool(isinstance(one, Decision)) for one in found] == [True] * 5 + [False] * 3
        assert all(isinstance(one, StoreUnavailable) for one in found[5:])
        assert isinstance(bed.ask(feature="video", usage=11, key="v", **LARGE), StoreUnavailable)
        assert isinstance(bed.ask(feature="video", usage=10, key="v", **LARGE), Decision), "each feature has its own"


LARGE = {"attributes": {"size": "large", "team": "red"}}

# what is asked of an account that is known to be under plus | why it is not admitted
CLOSED = [
    (("unseen", "chat", None, {}), "this engine has not seen the account"),
    (("other", "chat", None, {}), "its plan says nothing of outages"),
    (("idle", "chat", None, {}), "the account is suspended"),
    (("acme", "video", 1, {"attributes": {"size": "huge", "team": "red"}}), "the plan does not include it"),
    (("acme", "video", 1, {"attributes": {"size": "large"}}), "a limit would count by team"),
    (("acme", "video", 11, LARGE), "it is more than the plan admits"),
    (("acme", "video", 20, {**LARGE, "mode": "partial"}), "all or nothing, also in mode partial"),
    (("acme", "tokens", {"input": 501}, {}), "it costs more than the plan admits"),
    (("acme", "chat", None, {"hold": 60_000}), "no hold is opened"),
]


@pytest.mark.parametrize(("asked", "why"), CLOSED)
def test_what_is_not_admitted_meets_the_error_of_the_store(bed, asked, why):
    account, feature, usage, options = asked
    bed.put("other", "closed")
    bed.see("other")
    bed.put("idle")
    bed.see("idle")
    bed.put("idle", state="suspended")
    bed.put("unseen")
    bed.see("idle", key="second")
    with bed.away():
        assert isinstance(bed.ask(account, feature, usage, key="k", **options), StoreUnavailable), why
    assert bed.waiting() == []


def test_what_it_costs_is_admitted_up_to_the_credits_that_the_plan_says(bed):
    with bed.away():
        assert isinstance(bed.ask(feature="tokens", usage={"input": 400}, key="a"), Decision)
        assert isinstance(bed.ask(feature="tokens", usage={"input": 101}, key="b"), StoreUnavailable)
        last = bed.ask(feature="tokens", usage={"input": 100}, key="c")
        assert isinstance(last, Decision)
        assert last.sentence.startswith("0.1 credits admitted")


def test_the_end_of_a_hold_meets_the_error_of_the_store(bed):
    assert bed.ask(key="h", hold=60_000)
    with bed.away():
        [found] = bed.answer(HoldAsk("acme", "h", "commit", 1))
        assert isinstance(found, StoreUnavailable)
        assert bed.waiting() == []


@pytest.mark.parametrize("account", ["acme", "other", "unseen"])
def test_what_has_happened_already_is_always_taken_whatever_the_plan_says(bed, account):
    bed.put("other", "closed")
    bed.put("unseen")
    with bed.away():
        for number in range(7):
            found = bed.ask(account, key=f"{number}", mode="record")
            assert isinstance(found, Decision)
            assert found.journaled
    assert len(bed.waiting()) == 7


def test_what_has_happened_already_takes_nothing_of_what_the_plan_admits(bed):
    with bed.away():
        assert all(isinstance(bed.ask(key=f"r{number}", mode="record"), Decision) for number in range(9))
        admitted = [isinstance(bed.ask(key=f"{number}"), Decision) for number in range(6)]
    assert admitted == [True] * 5 + [False]


def test_the_same_request_again_has_the_same_answer_and_counts_once(bed):
    with bed.away():
        first, again = bed.ask(key="a"), bed.ask(key="a")
        assert isinstance(first, Decision)
        assert isinstance(again, Decision)
        assert (first.replayed, again.replayed) == (False, True)
        assert (again.at, again.granted, again.sentence) == (first.at, first.granted, first.sentence)
        twice = bed.answer(bed.wish(key="b"), bed.wish(key="b"))
        assert [one.replayed for one in twice if isinstance(one, Decision)] == [False, True]
        assert [isinstance(bed.ask(key=f"{number}"), Decision) for number in range(4)] == [True] * 3 + [False]


@pytest.mark.parametrize("served", [True, False], ids=["the store is back", "still away"])
def test_a_request_that_waits_has_its_answer_of_then_also_when_the_store_serves_again(bed, served):
    with bed.away():
        first = bed.ask(key="a")
        if not served:
            assert bed.ask(key="a").replayed
    if served:
        again = bed.ask(key="a")
        assert isinstance(again, Decision)
        assert (again.journaled, again.replayed, again.at) == (True, True, first.at)
        assert isinstance(bed.ask(key="a", feature="video", usage=1, **LARGE), KeyReused)
        fresh = bed.ask(key="b")
        assert isinstance(fresh, Decision)
        assert not fresh.journaled


def test_an_engine_that_has_not_seen_the_account_gives_the_answer_that_another_gave(bed, beds):
    other = beds(clock=bed.clock)
    drive(other.outage.drain())  # it has looked, and nothing waited
    with bed.away():
        first = bed.ask(key="a")
        again = other.ask(key="a")
        assert isinstance(again, Decision)
        assert (again.replayed, again.at, again.sentence) == (True, first.at, first.sentence)
        assert isinstance(other.ask(key="b"), StoreUnavailable)


def test_what_another_engine_admitted_has_its_answer_of_then_also_where_the_store_serves_again(bed, beds):
    other = beds(clock=bed.clock)
    drive(other.outage.drain())
    assert other.see(key="b").sequence
    with bed.away():
        first = bed.ask(key="a")
    again = other.ask(key="a")
    assert isinstance(again, Decision)
    assert (again.replayed, again.journaled, again.at) == (True, True, first.at)


def test_the_same_key_with_another_request_is_refused_while_it_waits(bed):
    with bed.away():
        assert bed.ask(key="a")
        for other in ({"mode": "record"}, {"subject": "ada"}, {"at": bed.clock() - 5}, {"attributes": {"team": "x"}}):
            assert isinstance(bed.ask(key="a", **other), KeyReused), other
        assert isinstance(bed.ask(key="a", attributes={"undeclared": "x"}), Decision), "let go of at the door"


def test_attributes_that_the_policy_does_not_declare_are_not_written_down(bed):
    with bed.away():
        assert bed.ask(key="a", attributes={"undeclared": "secret", "team": "red"})
    assert bed.journal.waiting(1)[0].attributes == {"team": "red"}


def test_of_a_batch_each_is_answered_for_itself(bed):
    bed.put("unseen")
    with bed.away():
        found = bed.answer(bed.wish(key="a"), bed.wish("unseen", key="b"), bed.wish(key="c", mode="record"))
    assert [type(one) for one in found] == [Decision, StoreUnavailable, Decision]


def test_a_request_of_the_future_is_not_admitted_and_one_that_may_be_too_late_only_recorded(bed):
    with bed.away():
        assert isinstance(bed.ask(key="a", at=bed.clock() + 5_000), StoreUnavailable | InvalidInput)
        assert isinstance(bed.ask(key="b", at=bed.clock() - 5_000), StoreUnavailable)
        assert isinstance(bed.ask(key="c", at=bed.clock() - 500), Decision)
        assert isinstance(bed.ask(key="d", at=bed.clock() - 5_000, mode="record"), Decision)
    assert [(entry.key, entry.asked_at) for entry in bed.journal.waiting(9)] == [
        ("c", bed.clock() - 500), ("d", bed.clock() - 5_000),
    ]  # fmt: skip


def test_a_journal_that_is_full_takes_nothing_more_not_even_what_has_happened(beds):
    bed: Bed = beds(rows_max=3, rules=POLICY.replace("chat: 5", "chat: 50"))
    bed.put()
    bed.see()
    with bed.away():
        found = [bed.ask(key=f"{number}", mode="record" if number % 2 else "exact") for number in range(5)]
    assert [isinstance(one, Decision) for one in found] == [True] * 3 + [False] * 2
    bed.drain()
    with bed.away():
        assert isinstance(bed.ask(key="again"), Decision)


def test_a_journal_that_cannot_be_written_admits_nothing_and_the_error_is_the_stores(bed):
    bed.journal.close()
    with bed.away():
        found = bed.ask(key="a", mode="record")
    assert isinstance(found, StoreUnavailable)
    assert "x.db" in str(found)


def test_a_closed_engine_admits_nothing(bed):
    bed.close()
    assert isinstance(bed.ask(key="a", mode="record"), StoreUnavailable)

"""When the store answers again, what was admitted is recorded: once, under its own key, or kept as refused."""

from __future__ import annotations

import pytest

from spillover.engine.answers import Decision
from spillover.engine.drive import drive
from spillover.model.errors import KeyReused, StoreUnavailable
from tests.outage.bed import POLICY, Bed

HOUR = 3_600_000


def test_what_was_admitted_is_recorded_in_its_own_time_and_paid_by_the_ordinary_rules(bed):
    bed.grant(1)
    with bed.away():
        for number in range(5):
            bed.clock.turn(seconds=1)
            assert bed.ask(key=f"{number}")
        times = [entry.at for entry in bed.journal.waiting(9)]
    bed.clock.turn(minutes=10)
    assert bed.drain() == 5
    assert bed.waiting() == []
    events = bed.booked()
    assert list(events) == ["first", *"01234"]
    assert [events[key].at for key in "01234"] == times
    assert {events[key].mode for key in "01234"} == {"record"}
    paid = [[leg.layer for leg in events[key].legs] for key in "01234"]
    assert paid == [["allowance"], ["allowance"], ["credits"], [], []], "two of three were left, then a credit"
    assert [events[key].overshoot.units if events[key].overshoot else 0 for key in "01234"] == [0, 0, 0, 1, 1]


def test_the_amount_is_whole_again_when_all_that_was_admitted_is_recorded(bed):
    with bed.away():
        assert [isinstance(bed.ask(key=f"{number}"), Decision) for number in range(6)] == [True] * 5 + [False]
    bed.drain()
    with bed.away():
        assert [isinstance(bed.ask(key=f"b{number}"), Decision) for number in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize(
    "options", [{}, {"at": True}, {"subject": "ada"}, {"mode": "partial"}, {"mode": "record"},
                {"attributes": {"team": "red", "undeclared": "x"}}]
)  # fmt: skip
def test_the_same_request_after_it_was_recorded_has_the_answer_of_then_and_is_not_billed_again(bed, options):
    options = {**options, "at": bed.clock() - 100} if options.get("at") else options
    with bed.away():
        first = bed.ask(key="a", **options)
        assert first.journaled
    bed.drain()
    again = bed.ask(key="a", **options)
    assert isinstance(again, Decision)
    assert (again.allowed, again.replayed, again.journaled, again.at) == (True, True, False, first.at)
    assert (again.granted, again.units) == (first.granted, first.units)
    assert again.sentence == "1 message included", "who paid is known by now"
    other = {**options, "subject": "bob"}
    assert isinstance(bed.ask(key="a", **other), KeyReused)
    assert list(bed.booked()) == ["first", "a"]


def test_a_request_that_the_store_had_taken_before_its_answer_was_lost_is_not_recorded_again(bed, monkeypatch):
    commit = bed.store.commit

    async def lost(batch, again=None):
        await commit(batch, again)
        raise StoreUnavailable("planted: the answer was lost")

    monkeypatch.setattr(bed.store, "commit", lost)
    found = bed.ask(key="a")
    assert found.journaled
    monkeypatch.undo()
    assert bed.drain() == 1
    assert bed.refused() == []
    events = bed.booked()
    assert list(events) == ["first", "a"]
    assert events["a"].mode == "exact", "it is the one that the store had taken"


def test_a_client_that_retries_before_it_is_recorded_is_answered_by_the_journal_and_billed_once(bed):
    with bed.away():
        bed.ask(key="a")
    assert bed.ask(key="a").journaled
    bed.drain()
    assert not bed.ask(key="a").journaled
    assert list(bed.booked()) == ["first", "a"]


def test_what_was_admitted_is_not_lost_though_the_account_has_gone_on_beyond_the_horizon(bed):
    with bed.away():
        bed.ask(key="a")
    at = bed.clock()
    bed.clock.turn(hours=1)
    newest = bed.see(key="later").at
    assert bed.drain() == 1
    assert bed.refused() == []
    event = bed.booked()["a"]
    assert newest == at + HOUR
    assert event.at == newest - 1_000, "as near to its own time as the horizon of 1 s allows"


def test_within_the_horizon_it_keeps_its_own_time(beds):
    bed: Bed = beds(rules=POLICY.replace("spillover: 1\n", "spillover: 1\nlate: 2h\n"))
    bed.put()
    bed.see()
    with bed.away():
        at = bed.ask(key="a").at
    bed.clock.turn(hours=1)
    bed.see(key="later")
    bed.drain()
    assert bed.booked()["a"].at == at


def test_a_key_that_another_request_took_meanwhile_keeps_the_entry_as_refused_with_the_reason(bed, beds):
    with bed.away():
        bed.ask(key="a")
    other = beds(clock=bed.clock, journal="other.db")
    assert other.ask(key="a", subject="bob")
    assert bed.drain() == 1
    [(key, reason)] = bed.refused()
    assert key == "a"
    assert "was used before with another request" in reason
    assert list(bed.booked()) == ["first", "a"]
    bed.outage.forget(bed.outage.refused())
    assert bed.refused() == []


def test_an_account_that_was_erased_meanwhile_is_refused_and_holds_up_no_other(bed):
    bed.put("gone")
    with bed.away():
        bed.ask("gone", key="x", mode="record", subject="ada")
        bed.ask(key="a")
    account = drive(bed.ledger.find_account("gone"))
    drive(bed.desk.accounts.erase("gone"))
    bed.desk.known.forget_name("gone", account)
    assert bed.drain() == 2
    assert [key for key, _ in bed.refused()] == ["x"]
    assert "account: found 'gone'" in bed.refused()[0][1]
    assert list(bed.booked()) == ["first", "a"]


def test_a_stranger_is_put_under_the_default_plan_as_by_a_first_request(beds):
    bed: Bed = beds(rules=POLICY.replace("spillover: 1\n", "spillover: 1\ndefault_plan: closed\n"))
    bed.put()
    bed.see()
    with bed.away():
        assert bed.ask("newcomer", key="n", mode="record").journaled
    bed.drain()
    assert bed.refused() == []
    assert list(bed.booked("newcomer")) == ["n"]


def test_while_the_store_is_still_away_nothing_is_lost_and_the_error_is_told(bed):
    with bed.away():
        bed.ask(key="a")
        with pytest.raises(StoreUnavailable):
            drive(bed.outage.drain())
        assert bed.waiting() == ["a"]
        assert bed.ask(key="a").replayed
    assert bed.drain() == 1
    assert bed.waiting() == []


def test_an_account_that_is_shut_waits_and_holds_up_no_other(bed):
    bed.put("other")
    account = drive(bed.ledger.find_account("acme"))
    with bed.away():
        bed.ask(key="a")
        bed.ask("other", key="o", mode="record")
    drive(bed.store.shut(account))
    assert drive(bed.outage.drain()) == 1
    assert bed.waiting() == ["a"]
    assert list(bed.booked("other")) == ["o"]


def test_more_than_a_batch_is_recorded_though_the_oldest_cannot_be(bed):
    bed.put("other")
    account = drive(bed.ledger.find_account("acme"))
    with bed.away():
        bed.answer(*(bed.wish(key=f"a{number}", mode="record") for number in range(130)))
        bed.answer(*(bed.wish("other", key=f"o{number}", mode="record") for number in range(130)))
    drive(bed.store.shut(account))
    for _ in range(4):
        drive(bed.outage.drain())
    assert len(bed.booked("other")) == 130
    assert len(bed.waiting()) == 130
    assert bed.refused() == []


def test_a_feature_that_no_policy_has_any_more_is_recorded_by_the_policy_that_admitted_it(bed, beds):
    with bed.away():
        bed.ask(key="a")
    now = bed.clock()
    rules = POLICY.replace("chat", "talk")
    later = beds(clock=bed.clock, rules=rules)
    assert later.policy.hash != bed.policy.hash
    drive(later.desk.policies.learn(now))
    assert later.drain() == 1
    assert later.refused() == []
    assert later.booked()["a"].policy == bed.policy.hash


def test_a_key_that_the_store_has_forgotten_is_looked_up_in_the_books(bed):
    assert isinstance(bed.ask(key="a"), Decision)
    with bed.away():
        bed.ask(key="a")
        bed.ask(key="b")
    assert bed.waiting() == ["a", "b"]
    bed.booked()
    bed.clock.turn(hours=25)
    bed.forget_keys()
    account = drive(bed.ledger.find_account("acme"))
    assert account is not None
    assert drive(bed.store.find(account, "a")) is None
    assert bed.drain() == 2
    assert bed.refused() == []
    assert list(bed.booked()) == ["first", "a", "b"]


def test_closing_records_what_waits(bed, beds):
    with bed.away():
        bed.ask(key="a")
    bed.close()
    again = beds(clock=bed.clock)
    assert again.waiting() == []
    assert list(again.booked()) == ["first", "a"]


def test_what_waits_when_the_engine_is_closed_in_an_outage_is_recorded_by_the_next_one(bed, beds):
    with bed.away():
        bed.ask(key="a")
        bed.close()
    again = beds(clock=bed.clock)
    assert again.waiting() == ["a"]
    assert again.ask(key="a").journaled, "also an engine that has just been opened knows what waits"
    again.drain()
    assert list(again.booked()) == ["first", "a"]


def test_the_recorded_request_is_the_one_that_was_asked(bed):
    with bed.away():
        bed.ask(feature="video", usage=4, key="v", subject="ada", attributes={"size": "large", "team": "red"})
    bed.drain()
    event = bed.booked()["v"]
    tokens = drive(bed.ledger.tokens_known(event.account, ["ada", "red"]))
    assert (event.subject, event.attributes) == (tokens["ada"], {"size": "large", "team": tokens["red"]})
    assert (event.usage, event.units, event.granted) == ({"seconds": 4}, 4, 4)

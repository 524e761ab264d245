"""What a caller of the embedded engine can rely on, on memory:// and on a SQLite file alike."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

import spillover
from spillover.model.errors import BoundExceeded, InvalidInput, KeyReused, UnknownName
from tests.support import clock, policy

HD = {"resolution": "1080p"}


@pytest.fixture(params=["memory", "strict", "fast"])
def engine(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[spillover.Access, spillover.TurnableClock]]:
    turning = clock()
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/x.db"
    durability = "strict" if request.param == "memory" else request.param
    with spillover.connect(url, policy=policy(), durability=durability, clock=turning, settle=False) as access:
        access.accounts.put("acme", "plus")
        yield access, turning


def test_one_request_is_split_over_three_layers_and_says_so(engine):
    access, _ = engine
    access.units.add("acme", "video.seconds", 4, key="gift")
    access.credits.add("acme", "300", paid="45.00 EUR", key="order-1")
    decision = access.consume("acme", "video.seconds", 20, attributes=HD, key="k")
    assert decision
    assert [(leg.layer, leg.units, leg.amount) for leg in decision.legs] == [
        ("allowance", 5, 0),
        ("units", 4, 0),
        ("credits", 11, 275_000_000),
    ]
    assert decision.sentence == "5 seconds included, 4 seconds gifted, 11 seconds for 275 credits"


def test_the_same_key_and_request_give_the_same_answer_and_change_nothing(engine):
    access, _ = engine
    first = access.consume("acme", "video.seconds", 2, key="k")
    again = access.consume("acme", "video.seconds", 2, key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.legs, again.sequence, again.at) == (first.legs, first.sequence, first.at)
    assert access.consume("acme", "video.seconds", 3, key="other").legs[0].units == 3
    access.settle()
    assert access.consume("acme", "video.seconds", 2, key="k").replayed, "also after settlement"


@pytest.mark.parametrize(
    "change",
    [
        {"feature": "chat.messages", "usage": None},
        {"usage": 3},
        {"subject": "bob"},
        {"attributes": {"resolution": "720p"}},
        {"attributes": {"resolution": "1080p", "team": "x"}},
        {"at": 1_772_442_000_000},
    ],
)
def test_the_same_key_with_any_other_field_is_an_error_and_changes_nothing(engine, change):
    access, _ = engine
    access.credits.add("acme", "100", key="gift")
    asked = {"account": "acme", "feature": "video.seconds", "usage": 2, "subject": "ada", "attributes": HD, "key": "k"}
    access.consume(**asked)
    before = access.explain("acme", "video.seconds", 1).staircase
    with pytest.raises(KeyReused):
        access.consume(**{**asked, **change})
    assert access.explain("acme", "video.seconds", 1).staircase == before


def test_a_denial_changes_nothing_and_is_decided_afresh_under_its_key(engine):
    access, _ = engine
    denied = access.consume("acme", "video.seconds", 6, key="k")
    assert not denied
    assert denied.denial.blocked_by == "credits"
    assert denied.denial.unlock == "10 more credits unlock it"
    assert denied.denial.status == 402
    access.credits.add("acme", "10", key="gift")
    granted = access.consume("acme", "video.seconds", 6, key="k")
    assert granted
    assert not granted.replayed
    assert granted.charged == 10_000_000


def test_a_denial_says_when_it_passes_and_it_does_pass_then_and_not_before(engine):
    access, turning = engine
    for _ in range(10):
        assert access.consume("acme", "chat.messages", subject="ada")
    denied = access.consume("acme", "chat.messages", subject="ada")
    assert denied.denial.status == 429
    turning.set(denied.denial.opens_at - 1)
    assert not access.consume("acme", "chat.messages", subject="ada")
    turning.turn(milliseconds=1)
    assert access.consume("acme", "chat.messages", subject="ada")


BAD = [
    ({"account": "nobody"}, UnknownName, "account"),
    ({"account": ""}, InvalidInput, "account"),
    ({"account": " acme"}, InvalidInput, "account"),
    ({"account": "a\x00b"}, InvalidInput, "account"),
    ({"account": 7}, InvalidInput, "account"),
    ({"feature": "video.minutes"}, UnknownName, "feature"),
    ({"feature": None}, UnknownName, "feature"),
    ({"usage": None}, InvalidInput, "usage"),
    ({"usage": {}}, InvalidInput, "usage"),
    ({"usage": 0}, InvalidInput, "usage"),
    ({"usage": -1}, InvalidInput, "usage"),
    ({"usage": 1.0}, InvalidInput, "usage"),
    ({"usage": True}, InvalidInput, "usage"),
    ({"usage": float("nan")}, InvalidInput, "usage"),
    ({"usage": "1"}, InvalidInput, "usage"),
    ({"usage": {"seconds": 2**53}}, InvalidInput, "usage.seconds"),
    ({"usage": {"seconds": 1.5}}, InvalidInput, "usage.seconds"),
    ({"usage": {"minutes": 1}}, InvalidInput, "usage"),
    ({"key": ""}, InvalidInput, "key"),
    ({"key": "x" * 256}, InvalidInput, "key"),
    ({"key": "é" * 128}, InvalidInput, "key"),
    ({"key": "a\nb"}, InvalidInput, "key"),
    ({"key": "\ud800"}, InvalidInput, "key"),
    ({"key": "spillover:terms:1"}, InvalidInput, "key"),
    ({"key": 7}, InvalidInput, "key"),
    ({"subject": ""}, InvalidInput, "subject"),
    ({"subject": "x" * 129}, InvalidInput, "subject"),
    ({"attributes": {"resolution": 720}}, InvalidInput, "attributes.resolution"),
    ({"attributes": {"resolution": "x" * 65}}, InvalidInput, "attributes.resolution"),
    ({"attributes": ["resolution"]}, InvalidInput, "attributes"),
    ({"attributes": {f"a{i}": "x" for i in range(17)}}, BoundExceeded, "attributes"),
    ({"mode": "sometimes"}, InvalidInput, "mode"),
    ({"at": 1.5}, InvalidInput, "at"),
    ({"at": 0}, InvalidInput, "at"),
    ({"at": 2**53}, InvalidInput, "at"),
    ({"at": 1_900_000_000_000}, InvalidInput, "at"),
]


@pytest.mark.parametrize(("change", "error", "field"), BAD, ids=[f"{bad[2]}-{n}" for n, bad in enumerate(BAD)])
def test_bad_input_is_refused_naming_the_field_before_anything_is_written(engine, change, error, field):
    access, _ = engine
    asked = {"account": "acme", "feature": "video.seconds", "usage": 2, "key": "k"}
    with pytest.raises(error) as caught:
        access.consume(**{**asked, **change})
    assert str(caught.value).startswith(field)
    assert "expected" in str(caught.value) or isinstance(caught.value, BoundExceeded)
    assert access.consume(**asked).sequence == 2, "only the account's own terms came before"


def test_amounts_of_credits_are_never_floats_and_have_six_decimals(engine):
    access, _ = engine
    for amount in (1.5, True, "1e400", "NaN", "0.0000001", "-1", "0", None, "9007199254740993"):
        with pytest.raises(InvalidInput):
            access.credits.add("acme", amount, key="k")
    access.credits.add("acme", "0.000001", key="k")


def test_a_top_up_counts_once_for_its_key(engine):
    access, _ = engine
    first = access.credits.add("acme", "10", key="order", paid="1.00 EUR")
    assert access.credits.add("acme", "10", key="order", paid="1.00 EUR") == first
    with pytest.raises(KeyReused):
        access.credits.add("acme", "11", key="order", paid="1.00 EUR")
    assert access.consume("acme", "video.seconds", 6)
    assert not access.consume("acme", "video.seconds", 1)


def test_accounts_without_the_feature_in_their_plan_suspended_or_without_consent_are_denied_by_name(engine):
    access, _ = engine
    access.accounts.put("small", "free")
    assert access.consume("small", "video.seconds", 1).denial.blocked_by == "plan free"
    access.credits.add("acme", "100", key="gift")
    access.accounts.put("acme", consent=False)
    denied = access.consume("acme", "chat.messages", {"requests": 11}, subject="ada")
    assert denied.denial.blocked_by == "consent credits"
    access.accounts.put("acme", consent=True)
    assert access.consume("acme", "chat.messages", {"requests": 11}, subject="ada")
    access.accounts.put("acme", state="suspended")
    assert access.consume("acme", "chat.messages").denial.blocked_by == "state suspended"


def test_cost_is_counted_by_model_and_rounded_once_half_up(engine):
    access, _ = engine
    access.credits.add("acme", "1", key="gift")
    decision = access.consume("acme", "chat.tokens", {"input": 3, "output": 1}, attributes={"model": "large"})
    assert decision.charged == 14, "3 x 1.25 + 1 x 10 = 13.75"
    assert access.consume("acme", "chat.tokens", {"input": 1}).charged == 3, "2.5, half up"


def test_a_spending_limit_bounds_credits_per_team_and_only_there(engine):
    access, _ = engine
    access.credits.add("acme", "100", key="gift")
    ten_credits = {"output": 500_000}
    assert access.consume("acme", "chat.tokens", ten_credits, attributes={"team": "red"})
    denied = access.consume("acme", "chat.tokens", {"output": 1}, attributes={"team": "red"})
    assert denied.denial.blocked_by == "spending daily_team"
    assert access.consume("acme", "chat.tokens", ten_credits, attributes={"team": "blue"})
    assert access.consume("acme", "chat.tokens", ten_credits), "without a team the limit is skipped"


def test_a_request_from_before_what_the_account_has_seen_is_late_and_changes_nothing(engine):
    access, turning = engine
    now = turning()
    assert access.consume("acme", "video.seconds", 1, at=now)
    assert access.consume("acme", "video.seconds", 1, at=now - 1000), "within the tolerance"
    late = access.consume("acme", "video.seconds", 1, at=now - 1001)
    assert late.denial.blocked_by == "late time"


def test_a_clock_that_falls_behind_opens_no_second_window(engine):
    access, turning = engine
    for _ in range(5):
        assert access.consume("acme", "video.seconds", 1)
    turning.turn(days=-1)
    assert not access.consume("acme", "video.seconds", 1)


def test_many_requests_are_answered_one_by_one_errors_as_values(engine):
    access, _ = engine
    answers = access.consume_many(
        [
            {"account": "acme", "feature": "video.seconds", "usage": 3, "key": "a"},
            {"account": "nobody", "feature": "video.seconds", "usage": 3, "key": "b"},
            {"account": "acme", "feature": "video.seconds", "usage": -3, "key": "c"},
            {"account": "acme", "feature": "video.seconds", "usage": 3, "key": "d"},
            {"account": "acme", "feature": "video.seconds", "usage": 2, "key": "e"},
            {"account": "acme", "feature": "video.seconds", "usage": 3, "key": "a"},
            {"account": "acme", "feature": "video.seconds", "usage": 3, "key": "a", "subject": "bob"},
            {"account": "acme", "feature": "video.seconds", "minutes": 3, "key": "f"},
        ]
    )
    kinds = [type(answer).__name__ if isinstance(answer, Exception) else bool(answer) for answer in answers]
    assert kinds == [True, "UnknownName", "InvalidInput", False, True, True, "KeyReused", "InvalidInput"]
    assert answers[5].replayed


def test_unknown_accounts_come_under_the_default_plan_only_if_the_policy_has_one(tmp_path):
    text = "spillover: 1\ndefault_plan: free\n" + policy_text_without_head()
    with spillover.connect("memory://", policy=policy(text), clock=clock(), settle=False) as access:
        answers = [bool(access.consume("new", "chat.messages")) for _ in range(4)]
    assert answers == [True, True, True, False]


def test_looking_writes_nothing_neither_a_stranger_nor_a_name(tmp_path):
    text = "spillover: 1\ndefault_plan: free\n" + policy_text_without_head()
    url = f"sqlite:///{tmp_path}/x.db"
    with spillover.connect(url, policy=policy(text), clock=clock(), settle=False) as access:
        access.accounts.put("acme", "plus")
        before = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
        assert access.check("stranger", "chat.messages", subject="ada")
        assert access.explain("acme", "chat.messages", subject="ada", attributes={"team": "red"}).decision
        assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == before
        assert (
            access.consume("acme", "chat.messages", subject="ada").legs
            == access.check("acme", "chat.messages", subject="ada").legs
        )


def test_without_a_policy_no_file_is_made(tmp_path):
    with pytest.raises(InvalidInput, match="policy"):
        spillover.connect(f"sqlite:///{tmp_path}/new.db")
    assert not list(tmp_path.iterdir())


def policy_text_without_head() -> str:
    from tests.support import POLICY

    return POLICY.replace("spillover: 1\n", "", 1)


def test_threads_together_get_exactly_what_there_is(engine):
    access, _ = engine
    access.credits.add("acme", "250", key="gift")  # 5 seconds included + 25 for credits
    granted: list[bool] = []

    def use(number: int) -> None:
        for index in range(10):
            granted.append(bool(access.consume("acme", "video.seconds", 1, key=f"{number}-{index}")))

    threads = [Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(granted), sum(granted)) == (80, 30)


def test_asynchronous_callers_share_commits_and_get_exactly_what_there_is(tmp_path):
    async def story() -> tuple[int, int]:
        url = f"sqlite:///{tmp_path}/a.db"
        async with spillover.connect_async(url, policy=policy(), clock=clock()) as access:
            await access.accounts.put("acme", "plus")
            await access.credits.add("acme", "250", key="gift")
            answers = await asyncio.gather(*(access.consume("acme", "video.seconds", 1) for _ in range(80)))
            explained = await access.explain("acme", "video.seconds", 1)
            assert not explained.decision
            return len(answers), sum(map(bool, answers))

    assert asyncio.run(story()) == (80, 30)


def test_a_cancelled_caller_leaves_the_others_and_the_books_whole(tmp_path):
    async def story() -> None:
        url = f"sqlite:///{tmp_path}/a.db"
        async with spillover.connect_async(url, policy=policy(), clock=clock()) as access:
            await access.accounts.put("acme", "plus")
            tasks = [asyncio.create_task(access.consume("acme", "video.seconds", 1, key=f"k{n}")) for n in range(8)]
            await asyncio.sleep(0)
            tasks[2].cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(answers[2], asyncio.CancelledError)
            assert sum(1 for answer in answers if isinstance(answer, spillover.Decision) and answer) in (4, 5)
            settled = await access.settle()
            assert settled.quarantined == 0

    asyncio.run(story())


def test_two_engines_on_one_file_never_exceed_a_limit_and_see_each_others_top_ups(tmp_path):
    url, turning = f"sqlite:///{tmp_path}/x.db", clock()
    with (
        spillover.connect(url, policy=policy(), clock=turning, settle=False) as one,
        spillover.connect(url, clock=turning, settle=False) as two,
    ):
        one.accounts.put("acme", "plus")
        answers = [bool(engine.consume("acme", "video.seconds", 1)) for _ in range(6) for engine in (one, two)]
        assert sum(answers) == 5
        two.credits.add("acme", "20", key="gift")
        assert one.consume("acme", "video.seconds", 1)
        assert two.consume("acme", "video.seconds", 1)
        assert not one.consume("acme", "video.seconds", 1)


def test_terms_that_were_booked_before_a_crash_come_into_force_at_the_next_start(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/x.db"
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("acme", "plus")

        async def crash(*args: object, **options: object) -> int:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("spillover.engine.accounts.push_terms", crash)
            with pytest.raises(KeyboardInterrupt):
                access.credits.add("acme", "10", key="gift")
    with spillover.connect(url, clock=clock(), settle=False) as access:
        assert access.consume("acme", "video.seconds", 6)
        access.credits.add("acme", "10", key="gift")
        assert not access.consume("acme", "video.seconds", 1), "the same key raised it once"


def test_terms_of_the_wrong_type_are_refused_before_anything_is_written(engine):
    access, _ = engine
    for terms in ({"state": "Paused"}, {"consent": "yes"}, {"consent": 1}, {"plan": "gold"}, {"plan": []}, {"plan": 5}):
        with pytest.raises(InvalidInput):
            access.accounts.put("acme", **terms)
    for zone in ("Mars/Phobos", "localtime", "right/UTC", 5, "../etc"):
        with pytest.raises(InvalidInput):
            access.accounts.put("acme", zone=zone)
    assert access.consume("acme", "video.seconds", 1)


def test_odd_texts_and_numbers_are_refused_in_one_line(engine):
    access, _ = engine
    for arguments in ({"feature": []}, {"feature": "none"}):
        with pytest.raises(UnknownName):
            access.units.add("acme", **arguments, units=5, key="k")
    for paid in ("45 eur", "1e999999 EUR", "٤٥ EUR", "-1 EUR", 45, "45.00  EUR"):
        with pytest.raises(InvalidInput, match="paid"):
            access.credits.add("acme", "5", key="k", paid=paid)
    for odd in (10**5000, {"reason": "a\nb"}, {"actor": "x" * 501}):
        with pytest.raises(InvalidInput):
            access.credits.add(
                "acme", **({"credits": "5", **odd} if isinstance(odd, dict) else {"credits": odd}), key="k"
            )


class Fancy(str):
    """As a template engine's safe string, or a number library's text, is one."""


def test_a_subclass_of_text_is_taken_as_its_text_and_harms_no_neighbour(engine):
    access, _ = engine
    asked = {"account": Fancy("acme"), "feature": Fancy("video.seconds"), "usage": {Fancy("seconds"): 1}}
    asked |= {"key": Fancy("k"), "subject": Fancy("ada"), "attributes": {Fancy("resolution"): Fancy("720p")}}
    first, second = access.consume_many([asked, {"account": "acme", "feature": "video.seconds", "usage": 1}])
    assert first
    assert second
    assert access.consume(
        "acme", "video.seconds", 1, key="k", subject="ada", attributes={"resolution": "720p"}
    ).replayed


def test_what_can_be_owed_stays_within_what_the_books_can_hold(tmp_path):
    text = """
spillover: 1
features: {f: {count: n, price: {credits: 1000000}}}
plans: {p: {rules: [{for: [f], waterfall: [{from: overage}]}]}}
"""
    with spillover.connect("memory://", policy=policy(text), clock=clock(), settle=False) as access:
        access.accounts.put("acme", "p")
        assert access.consume("acme", "f", 9007)
        denied = access.consume("acme", "f", 1)
        assert denied.denial.blocked_by == "cap owed"
        assert access.settle().quarantined == 0


def test_after_an_erasure_no_other_engine_serves_or_pays_the_erased_account(tmp_path):
    url, turning = f"sqlite:///{tmp_path}/x.db", clock()
    with (
        spillover.connect(url, policy=policy(), clock=turning, settle=False) as one,
        spillover.connect(url, clock=turning, settle=False) as two,
    ):
        one.accounts.put("acme", "plus")
        assert two.consume("acme", "video.seconds", 1)
        one.accounts.erase("acme")
        assert not two.consume("acme", "video.seconds", 1)
        with pytest.raises(UnknownName):
            two.consume("acme", "video.seconds", 1)
        one.accounts.put("acme", "plus")
        two.credits.add("acme", "50", key="order", paid="50.00 EUR")
        assert one.balance("acme").credits == 50_000_000
        assert two.consume("acme", "video.seconds", 5).legs[0].units == 5


def test_a_lot_is_never_added_to_an_erased_account_by_an_engine_that_knew_it(tmp_path):
    url, turning = f"sqlite:///{tmp_path}/x.db", clock()
    with (
        spillover.connect(url, policy=policy(), clock=turning, settle=False) as one,
        spillover.connect(url, clock=turning, settle=False) as two,
    ):
        one.accounts.put("acme", "plus")
        assert two.consume("acme", "video.seconds", 1)
        one.accounts.erase("acme")
        with pytest.raises(UnknownName):
            two.credits.add("acme", "50", key="order")


def test_a_key_gives_the_same_answer_under_a_policy_that_declares_or_prices_other_attributes(tmp_path):
    url, turning = f"sqlite:///{tmp_path}/x.db", clock()
    from tests.support import POLICY

    asked = {"usage": 2, "key": "k", "subject": "ada", "attributes": {"team": "red", "resolution": "1080p", "x": "y"}}
    others = [
        POLICY.replace("attributes: [team]", "attributes: [team, x]"),
        POLICY.replace("per: team, when_missing: skip", "per: x, when_missing: skip"),
        POLICY.replace("- for: [video.seconds]", "- for: [video.seconds]\n        only: {team: [red, blue]}"),
    ]
    with spillover.connect(url, policy=policy(), clock=turning, settle=False) as access:
        access.accounts.put("acme", "plus")
        first = access.consume("acme", "video.seconds", **asked)
    for text in others:
        with spillover.connect(url, policy=policy(text), clock=turning, settle=False) as access:
            again = access.consume("acme", "video.seconds", **asked)
            assert again.replayed
            assert again.sequence == first.sequence
            with pytest.raises(KeyReused):
                access.consume("acme", "video.seconds", **{**asked, "attributes": {"team": "blue"}})


def test_a_request_that_the_plan_refuses_writes_no_name(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("small", "free")
        assert not access.consume("small", "video.seconds", 1, subject="someone-unheard-of")
    assert not any(b"someone-unheard-of" in path.read_bytes() for path in tmp_path.iterdir())


def test_terms_and_lots_are_not_booked_in_the_future(engine):
    access, turning = engine
    for book in (access.accounts.put, lambda name, at: access.credits.add(name, "5", key="k", at=at)):
        with pytest.raises(InvalidInput, match="future"):
            book("acme", at=turning() + 1001)


def test_an_erasure_that_could_not_cut_the_log_is_finished_by_erasing_again(tmp_path, monkeypatch):
    import apsw

    url = f"sqlite:///{tmp_path}/x.db"
    with spillover.connect(url, policy=policy(), clock=clock(), settle=False) as access:
        access.accounts.put("someone", "plus")
        access.consume("someone", "video.seconds", 1, subject="person-with-a-name")
        access.settle()
        reader = apsw.Connection(f"{tmp_path}/x.db")
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM names").fetchall()
        monkeypatch.setattr(access.desk.ledger._desks, "wait_ms", 50)  # how long it waits for the reader
        with pytest.raises(spillover.StoreError):
            access.accounts.erase("someone")
        reader.close()
        access.accounts.erase("someone")
        traces = [path.name for path in tmp_path.iterdir() if b"person-with-a-name" in path.read_bytes()]
        assert traces == []


def test_an_attribute_that_the_policy_does_not_declare_is_told_by_explain(engine):
    access, _ = engine
    assert access.explain("acme", "video.seconds", 1, attributes={"resolutoin": "1080p"}).ignored == ("resolutoin",)
    assert access.explain("acme", "video.seconds", 1, attributes=HD).ignored == ()

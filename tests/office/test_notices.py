"""What the office keeps of notices: once, in order, leased to one worker at a time, and until it has ended."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from spillover.model.account import NEVER
from spillover.model.errors import BoundExceeded, InvalidInput, UnknownName
from spillover.office.notice_records import NOTICE_WRITES
from spillover.ports.notices import (
    ENDPOINTS_MAX,
    KEPT_MS,
    Advance,
    Alert,
    Due,
    Endpoint,
    EndpointSecret,
    Message,
    Sending,
    SentAgain,
    Try,
    Waiting,
    Watched,
)
from tests.office.conftest import SERVERS
from tests.office.support import DAY, NOW, execute, office_at, run
from tests.servers import Databases

LEASE = 60_000


@pytest.fixture(scope="module", params=["memory", "sqlite", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an office is; one for all tests here, for a new database takes longer than all of them."""
    if request.param in ("memory", "sqlite"):
        yield (
            "memory://" if request.param == "memory" else f"sqlite:///{tmp_path_factory.mktemp('office') / 'books.db'}"
        )
        return
    server: Databases = request.getfixturevalue(request.param)
    url = server.new_database()
    yield url
    server.drop_database(url)


@pytest.fixture
def office(place: str) -> Iterator[Any]:
    """An empty one, wherever an office may be."""
    opened: Any = office_at(place)
    if place != "memory://":
        for table in (*NOTICE_WRITES, "office_topup_rules"):
            execute(place, f"DELETE FROM {table}")
    yield opened
    run(opened.close())


def endpoint(id: str = "ep_a", **more: Any) -> Endpoint:
    return Endpoint(id, f"https://{id}.example/hook", (EndpointSecret("whsec_AAAA", NEVER),), made=NOW, **more)


def message(key: str, account: int = 5, type: str = "balance.below", at: int = NOW, until: int = 0) -> Message:
    return Message(key, account, type, at, b'{"measure":"credits"}', until)


def put(office: Any, *messages: Message, at: int = NOW, to: str = "") -> list[Message]:
    return list(run(office.put_messages(messages, at, to)))


def leased(office: Any, now: int = NOW, limit: int = 100, each: int = 4) -> list[Due]:
    return list(run(office.lease(limit, now, LEASE, each)))


def tried(sending: Sending, at: int = NOW, status: int = 200, error: str = "") -> Try:
    return Try(sending.message, sending.endpoint, sending.tries + 1, at, status, 12, error)


def sent(office: Any, sending: Sending, at: int = NOW) -> bool:
    return bool(run(office.finish(sending, tried(sending, at), "sent")))


def sendings(office: Any, *numbers: int) -> list[Sending]:
    return list(run(office.sendings(numbers)))


def test_alerts_are_kept_under_their_names_and_forgotten(office: Any) -> None:
    low = Alert("low", 0, "balance", "credits", 5_000_000, NOW)
    full = Alert("full", 7, "window", "chat/daily", 80, NOW)
    for alert in (low, full):
        run(office.put_alert(alert))
    assert list(run(office.alerts())) == [full, low]
    changed = replace(low, at=9_000_000, account=7)
    run(office.put_alert(changed))
    assert list(run(office.alerts())) == [full, changed]
    assert run(office.drop_alert("full"))
    assert not run(office.drop_alert("full"))
    assert list(run(office.alerts())) == [changed]


@pytest.mark.parametrize(
    "wrong",
    [
        Alert("", 0, "balance", "credits", 1), Alert("a\0b", 0, "balance", "credits", 1),
        Alert("a", 0, "balance", "credits", 0), Alert("a", 0, "window", "daily", 101),
        Alert("a", 0, "window", "", 5), Alert("a", 0, "hold", "daily", 5),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_an_alert_that_could_never_tell_is_refused(office: Any, wrong: Alert) -> None:
    with pytest.raises(InvalidInput):
        run(office.put_alert(wrong))
    assert list(run(office.alerts())) == []


def test_an_endpoint_is_kept_as_it_is_and_what_delivery_found_survives_a_change(office: Any) -> None:
    first = endpoint(types=("hold.expired",), accounts=(5, 7), note="ops")
    for one in (first, endpoint("ep_0")):
        run(office.put_endpoint(one))
    assert list(run(office.endpoints())) == [first, endpoint("ep_0")]
    assert run(office.endpoint("ep_a")) == first
    assert run(office.endpoint("ep_b")) is None
    assert run(office.pause("ep_a", NOW + 5))
    assert not run(office.pause("ep_a", NOW + 6))
    run(office.put_endpoint(replace(first, url="https://new.example", made=1, paused=0, note="")))
    assert run(office.endpoint("ep_a")) == replace(first, url="https://new.example", note="", paused=NOW + 5)


def test_there_are_no_more_endpoints_than_stated(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spillover.office.notice_records.ENDPOINTS_MAX", 2)
    assert ENDPOINTS_MAX == 1_000
    for name in ("a", "b"):
        run(office.put_endpoint(endpoint(name)))
    with pytest.raises(BoundExceeded):
        run(office.put_endpoint(endpoint("c")))
    run(office.put_endpoint(endpoint("a", ended=NOW)))
    run(office.put_endpoint(endpoint("c")))


def test_a_message_is_written_once_and_sent_to_who_wants_it(office: Any) -> None:
    wanting = [
        endpoint("all"), endpoint("type", types=("hold.expired",)), endpoint("account", accounts=(5,)),
        endpoint("other", accounts=(6,)), endpoint("ended", ended=1), endpoint("paused", paused=1),
    ]  # fmt: skip
    for one in wanting:
        run(office.put_endpoint(one))
    (first,) = put(office, message("k1"))
    assert first.id.startswith("msg_")
    assert put(office, message("k1", account=9), message("k1")) == []
    (second,) = put(office, message("k2", account=0, type="hold.expired"))
    assert (first.number, second.number) == (1, 2)
    assert [(one.message, one.endpoint) for one in sendings(office, 2, 1)] == [
        (1, "account"), (1, "all"), (1, "paused"), (2, "all"), (2, "paused"), (2, "type"),
    ]  # fmt: skip
    assert run(office.message(first.id)) == first
    assert run(office.message("msg_none")) is None
    (third,) = put(office, message("k3"), to="other")
    assert [one.endpoint for one in sendings(office, third.number)] == ["other"]


def test_messages_come_in_pages_by_time_account_and_type(office: Any) -> None:
    kinds = ("balance.below", "hold.expired")
    written = put(office, *(message(f"k{n}", n % 3, kinds[n % 2], NOW + n) for n in range(9)))
    assert list(run(office.messages())) == written
    assert list(run(office.messages(limit=2, after=3))) == written[3:5]
    assert list(run(office.messages(since=NOW + 2, until=NOW + 4))) == written[2:4]
    assert list(run(office.messages(account=1))) == written[1::3]
    assert list(run(office.messages(account=1, type="hold.expired"))) == [written[1], written[7]]
    assert list(run(office.messages(type="hold.expired"))) == written[1::2]
    for limit in (0, 10_001):
        with pytest.raises(InvalidInput):
            run(office.messages(limit=limit))


def test_what_is_due_is_leased_to_one_worker_until_its_lease_is_over(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, message("k1"), message("k2"))
    assert leased(office, NOW - 1) == []
    (first,) = leased(office, limit=1)
    assert (first.message.key, first.endpoint.id, first.sending.leased) == ("k1", "ep_a", NOW + LEASE)
    (second,) = leased(office, NOW + 1)
    assert second.message.key == "k2"
    assert leased(office, NOW + LEASE - 1) == []
    (again,) = leased(office, NOW + LEASE)
    assert again.message.key == "k1"
    assert not sent(office, first.sending)  # too late: somebody else has it
    assert sent(office, again.sending)
    assert not sent(office, again.sending)
    assert [one.state for one in sendings(office, 1, 2)] == ["sent", "waiting"]
    assert len(run(office.tries())) == 1


def test_a_slow_endpoint_holds_up_no_other(office: Any) -> None:
    for name in ("slow", "quick"):
        run(office.put_endpoint(endpoint(name)))
    put(office, *(message(f"k{n}") for n in range(9)), at=NOW - 1, to="slow")
    put(office, message("k"), to="quick")
    found = leased(office, each=2)
    assert [(one.endpoint.id, one.message.key) for one in found] == [("slow", "k0"), ("slow", "k1"), ("quick", "k")]
    assert leased(office, each=2) == []
    assert sent(office, found[0].sending)
    assert [one.message.key for one in leased(office, each=2)] == ["k2"]


def test_a_try_moves_the_sending_and_tells_how_the_endpoint_does(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, message("k1"))
    (one,) = leased(office)
    bad = tried(one.sending, NOW + 3, 500, "x" * 600 + "\0")
    assert run(office.finish(one.sending, bad, "waiting", due=NOW + 5_000))
    assert run(office.tries(message=1)) == [replace(bad, error="x" * 500)]
    assert run(office.endpoint("ep_a")) == endpoint(failing_since=NOW + 3)
    assert leased(office, NOW + 4_999) == []
    (two,) = leased(office, NOW + 5_000)
    assert (two.sending.tries, two.endpoint.failing_since) == (1, NOW + 3)
    assert run(office.finish(two.sending, tried(two.sending, NOW + 6_000, 503), "waiting", due=NOW + 9_000))
    assert run(office.endpoint("ep_a")) == endpoint(failing_since=NOW + 3)
    (three,) = leased(office, NOW + 9_000)
    assert sent(office, three.sending, NOW + 9_000)
    assert run(office.endpoint("ep_a")) == endpoint()
    assert [(found.number, found.status) for found in run(office.tries())] == [(1, 500), (2, 503), (3, 200)]


def test_a_paused_endpoint_is_sent_nothing_until_it_is_resumed(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, message("k1"), message("k2"))
    one, two = leased(office)
    assert run(office.finish(one.sending, tried(one.sending, NOW, 410, "gone"), "waiting", due=NOW + DAY, pause=True))
    assert run(office.endpoint("ep_a")) == endpoint(failing_since=NOW, paused=NOW)
    assert sent(office, two.sending, NOW + 1)  # it was under way
    put(office, message("k3"))
    assert leased(office, NOW + 2 * DAY) == []
    assert run(office.waiting()) == Waiting(0, 0)
    assert run(office.resume("ep_a", NOW + 9)) == 2
    assert run(office.waiting()) == Waiting(2, NOW + 9)
    assert run(office.endpoint("ep_a")) == endpoint()
    found = leased(office, NOW + 9)
    assert [(due.message.key, due.sending.tries, due.sending.before) for due in found] == [("k1", 1, 1), ("k3", 0, 0)]
    assert run(office.resume("nobody", NOW)) == 0


def test_what_waits_for_an_endpoint_that_ends_fails(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, message("k1"))
    (one,) = leased(office)
    run(office.put_endpoint(endpoint(ended=NOW)))
    assert [found.state for found in sendings(office, 1)] == ["failed"]
    assert not sent(office, one.sending)
    assert not run(office.pause("ep_a", NOW))
    with pytest.raises(UnknownName, match=r"^endpoint: found 'ep_a'"):
        run(office.send_again("msg_x", NOW, "ep_a"))


def test_a_sending_is_dropped_without_a_try(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, message("k1"))
    (one,) = leased(office)
    assert run(office.drop_sending(one.sending))
    assert not run(office.drop_sending(one.sending))
    assert [(found.state, found.tries) for found in sendings(office, 1)] == [("failed", 0)]
    assert list(run(office.tries())) == []


def test_a_message_is_sent_again_under_its_id_with_all_its_tries_before_it(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    (known,) = put(office, message("k1"))
    (one,) = leased(office)
    assert sent(office, one.sending)
    run(office.put_endpoint(endpoint("newer")))
    run(office.put_endpoint(endpoint("unwilling", types=("hold.expired",))))
    assert run(office.send_again(known.id, NOW + 7)) == SentAgain(2)
    found = leased(office, NOW + 7)
    assert [(due.endpoint.id, due.sending.tries, due.sending.before) for due in found] == [
        ("ep_a", 1, 1), ("newer", 0, 0),
    ]  # fmt: skip
    assert {due.message for due in found} == {known}
    assert all(sent(office, due.sending) for due in found)
    assert run(office.send_again(known.id, NOW, "unwilling")) == SentAgain(1)
    assert [due.endpoint.id for due in leased(office)] == ["unwilling"]
    with pytest.raises(UnknownName, match=r"^message: found 'msg_none'"):
        run(office.send_again("msg_none", NOW))


def test_all_messages_since_an_instant_are_sent_again_page_by_page(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, *(message(f"k{n}", at=NOW + n) for n in range(6)))
    for due in leased(office, each=10):
        assert sent(office, due.sending)
    assert run(office.send_again_since(NOW + 2, NOW, limit=3)) == SentAgain(3, 5)
    assert run(office.send_again_since(NOW + 2, NOW, limit=3, after=5)) == SentAgain(1)
    assert [due.message.key for due in leased(office, each=10)] == ["k2", "k3", "k4", "k5"]


def test_the_log_of_tries_comes_in_pages_of_a_message_or_an_endpoint(office: Any) -> None:
    for name in ("a", "b"):
        run(office.put_endpoint(endpoint(name)))
    put(office, message("k1"), message("k2"))
    for due in leased(office):
        assert sent(office, due.sending)

    def pages(**which: Any) -> list[tuple[int, str, int]]:
        found: list[tuple[int, str, int]] = [(0, "", 0)]
        while page := run(office.tries(limit=1, after=found[-1], **which)):
            found.append((page[0].message, page[0].endpoint, page[0].number))
        return found[1:]

    assert pages() == [(1, "a", 1), (1, "b", 1), (2, "a", 1), (2, "b", 1)]
    assert pages(message=2) == [(2, "a", 1), (2, "b", 1)]
    assert pages(endpoint="a") == [(1, "a", 1), (2, "a", 1)]
    assert pages(message=2, endpoint="b") == [(2, "b", 1)]


def test_what_ended_over_30_days_ago_is_forgotten_and_nothing_else(office: Any) -> None:
    for name in ("open", "paused"):
        run(office.put_endpoint(endpoint(name)))
    old, late = NOW - KEPT_MS - 1, NOW - KEPT_MS
    put(office, message("ended", at=old), message("young", at=late), message("key", at=old, until=NOW + 1), to="open")
    put(office, message("nobody's", at=old), to="none")
    for due in leased(office):
        assert sent(office, due.sending, old)
    put(office, message("waits", at=old), to="open")
    put(office, message("told late", at=old), to="paused")
    (one,) = [due for due in leased(office) if due.message.key == "told late"]
    assert sent(office, one.sending, late)
    put(office, message("paused long", at=old), to="paused")
    run(office.pause("paused", old))
    assert run(office.drop_old(NOW, limit=2)) == 2
    assert run(office.drop_old(NOW)) == 1
    assert run(office.drop_old(NOW)) == 0
    assert [found.key for found in run(office.messages())] == ["young", "key", "waits", "told late"]
    assert {found.message for found in run(office.tries())} == {2, 3, 6}
    assert run(office.drop_old(NOW + 1)) == 3  # the one that waits is kept, however old
    assert [found.key for found in run(office.messages())] == ["waits"]


def test_a_place_is_moved_from_where_it_was_or_nothing_is_written(office: Any) -> None:
    new = Watched(5, 0, 3, 2)
    assert run(office.advance(Watched(5), new, [message("k1")], NOW))
    assert not run(office.advance(Watched(5), new, [message("k2")], NOW))
    assert not run(office.advance(replace(new, updates=1), Watched(5, 0, 4, 2), [message("k2")], NOW))
    assert not run(office.advance(Watched(6, 0, 1, 0), Watched(6, 0, 2, 0), [message("k2")], NOW))
    assert run(office.advance(new, Watched(5, 1, 0, 2), [message("k1"), message("k3")], NOW))
    assert [found.key for found in run(office.messages())] == ["k1", "k3"]


def test_places_are_moved_together_but_for_those_that_somebody_else_has_moved(office: Any) -> None:
    assert run(office.advance(Watched(6), Watched(6, 0, 1, 0), (), NOW))

    def also(tables: Any) -> Sequence[Message]:
        return [message("also", 7)]

    steps = [
        Advance(Watched(5), Watched(5, 0, 3, 2), [message("k5")]),
        Advance(Watched(6), Watched(6, 0, 2, 0), [message("k6", 6)], [also]),
        Advance(Watched(7), Watched(7, 0, 1, 0), [message("k7", 7)], [also]),
    ]
    assert run(office.advance_all(steps, NOW)) == 2
    assert [found.key for found in run(office.messages())] == ["k5", "k7", "also"]
    assert run(office.advance_all(steps, NOW)) == 0
    assert run(office.advance_all([], NOW)) == 0
    assert run(office.advance(Watched(6, 0, 1, 0), Watched(6, 0, 2, 0), (), NOW))
    assert run(office.advance(Watched(7, 0, 1, 0), Watched(7, 0, 2, 0), (), NOW))


def test_what_has_ended_stays_so_whoever_changes_it_after_having_read_it_before(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    read = run(office.endpoint("ep_a"))
    run(office.put_endpoint(replace(read, ended=NOW)))
    run(office.put_endpoint(replace(read, secrets=())))
    assert run(office.endpoint("ep_a")).ended == NOW


def test_a_lease_of_a_clock_that_went_wrong_holds_up_nothing_once_it_is_right(office: Any) -> None:
    run(office.put_endpoint(endpoint()))
    put(office, message("k1"))
    assert len(leased(office, NOW + DAY)) == 1  # and its worker dies
    (again,) = leased(office, NOW)
    assert leased(office, NOW) == []
    assert sent(office, again.sending)


def test_slow_and_failing_endpoints_come_last_and_share_what_they_are_given(office: Any) -> None:
    for name in ("a", "b", "c"):
        run(office.put_endpoint(endpoint(name)))
    put(office, message("first"), to="c")
    (one,) = leased(office)
    assert run(office.finish(one.sending, tried(one.sending, NOW, 500, "500"), "waiting", due=NOW))
    put(office, *(message(f"k{n}") for n in range(6)))
    put(office, message("late", at=NOW), to="a", at=NOW + 1)

    def given(limit: int, slow_limit: int) -> list[str]:
        found = run(office.lease(limit, NOW + 2, LEASE, 4, slow={"b"}, slow_limit=slow_limit))
        return [due.endpoint.id for due in found]

    assert given(5, 0) == ["a"] * 4
    assert given(5, 0) == []
    assert len(given(9, 3)) == 3
    assert len(given(9, 100)) == 5  # of both at most four each


def test_rows_of_others_stand_and_fall_with_the_place(office: Any) -> None:
    rule = "topups.put_rule"

    def also(tables: Any) -> Sequence[Message]:
        tables.run(rule, 5, 1_000_000, "small", 3, NOW)
        return [message("from also")]

    def fails(tables: Any) -> Sequence[Message]:
        tables.run(rule, 6, 1_000_000, "small", 3, NOW)
        raise UnknownName("pack", "none", "one")

    assert run(office.advance(Watched(5), Watched(5, 0, 1, 1), (), NOW, [also]))
    assert not run(office.advance(Watched(5), Watched(5, 0, 1, 1), (), NOW, [also]))
    with pytest.raises(UnknownName):
        run(office.advance(Watched(6), Watched(6, 0, 1, 1), [message("k6")], NOW, [fails]))
    assert [found.key for found in run(office.messages())] == ["from also"]
    assert [found.account for found in run(office.topup_rules())] == [5]
    assert run(office.advance(Watched(6), Watched(6, 0, 1, 1), (), NOW))  # it had not moved


def test_several_workers_never_have_the_same_sending(place: str, office: Any) -> None:
    for name in ("a", "b"):
        run(office.put_endpoint(endpoint(name)))
    put(office, *(message(f"k{n}") for n in range(30)))
    offices, start = [office_at(place) for _ in range(4)], threading.Barrier(4)
    done: list[tuple[int, str]] = []

    def work(mine: Any) -> None:
        start.wait()
        while found := leased(mine, limit=3):
            for due in found:
                assert sent(mine, due.sending)
                done.append((due.sending.message, due.sending.endpoint))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in offices]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for mine in offices:
        run(mine.close())
    # Who finds nothing may have come while others had all that one endpoint may have leased; what is left waits.
    for due in leased(office, NOW + LEASE, each=100):
        done.append((due.sending.message, due.sending.endpoint))
    assert sorted(done) == [(number, name) for number in range(1, 31) for name in ("a", "b")]
    assert len(run(office.tries())) == sum(one.state == "sent" for one in sendings(office, *range(1, 31)))

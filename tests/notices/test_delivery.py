"""Delivery: what is due is sent until it is taken, by the table of waits, whatever receivers do and workers suffer."""

import json
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from spillover.engine.drive import drive
from spillover.notices import retries
from spillover.notices.delivery import EACH, LEASE_MS
from spillover.notices.sending import Outcome
from spillover.ports.notices import Endpoint, Message, Sending
from tests.notices.posts import Post
from tests.notices.receivers import Receiver, answering, silent

HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture
def post():
    with Post() as found:
        yield found


def test_a_message_is_sent_once_with_the_names_of_its_account_and_people(post):
    known = drive(post.ledger.tokens(post.id("acme"), ["ada"]))
    with Receiver() as receiver:
        endpoint = post.add(receiver.url)
        message = post.tell(type="hold.expired", subject_token=known["ada"], team_token="gone", key="job-1")
        assert post.deliver() == {"sent": 1}
        assert post.deliver() == {}
    (request,) = receiver.got
    assert json.loads(request.body) == {
        "type": "hold.expired", "timestamp": "2026-03-02T09:00:00.000Z",
        "data": {"account": "acme", "subject": "ada", "team": None, "key": "job-1"},
    }  # fmt: skip
    assert request.headers["webhook-id"] == message.id
    assert request.headers["webhook-timestamp"] == str(post.clock() // 1000)
    (sending,) = post.sendings(message)
    assert (sending.state, sending.tries) == ("sent", 1)
    (tried,) = post.tries(message, endpoint)
    assert (tried.number, tried.status, tried.error) == (1, 204, None)


def test_tries_follow_the_table_and_the_twelfth_is_the_last(post):
    with Receiver(answering(500, b"sorry")) as receiver:
        endpoint = post.add(receiver.url)
        message, begun = post.tell(), post.clock()
        moments = []
        while post.deliver():
            moments.append(post.clock() - begun)
            (sending,) = post.sendings(message)
            if sending.state != "waiting":
                break
            post.clock.set(sending.due - 1)
            assert post.deliver() == {}
            post.clock.set(sending.due)
    waits = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400]
    assert moments == [sum(waits[:count]) * 1_000 for count in range(12)]
    assert (sending.state, sending.tries, len(receiver.got)) == ("failed", 12, 12)
    assert {one.headers["webhook-id"] for one in receiver.got} == {message.id}
    assert [one.error for one in post.tries(message, endpoint)] == ["500: sorry"] * 12


FAILED = Outcome(500, 1, "500")
TABLE = [
    # tries, before, failing_since (hours ago), outcome, chance -> state, after so many ms, pause
    (0, 0, None, Outcome(204, 1), 0.0, ("sent", None, False)),
    (0, 0, None, FAILED, 0.0, ("waiting", 5_000, False)),
    (0, 0, None, FAILED, 0.9999, ("waiting", 5_999, False)),
    (10, 0, None, FAILED, 0.5, ("waiting", 95_040_000, False)),
    (11, 0, None, FAILED, 0.0, ("failed", None, False)),
    (12, 12, None, FAILED, 0.0, ("waiting", 5_000, False)),
    (23, 12, None, FAILED, 0.0, ("failed", None, False)),
    (0, 0, None, Outcome(503, 1, "503", 60_000), 0.0, ("waiting", 60_000, False)),
    (0, 0, None, Outcome(429, 1, "429", 2_000), 0.0, ("waiting", 5_000, False)),
    (0, 0, None, Outcome(503, 1, "503", 30 * DAY), 0.0, ("waiting", DAY, False)),
    (0, 0, None, Outcome(410, 1, "410"), 0.0, ("waiting", 5_000, True)),
    (0, 0, 71, FAILED, 0.0, ("waiting", 5_000, False)),
    (0, 0, 72, FAILED, 0.0, ("waiting", 5_000, True)),
    (11, 0, 72, FAILED, 0.0, ("failed", None, True)),
    (0, 0, 100, Outcome(204, 1), 0.0, ("sent", None, False)),
]


@pytest.mark.parametrize(("tries", "before", "failing", "outcome", "chance", "wanted"), TABLE)
def test_what_follows_a_try_is_told_by_the_table(tries, before, failing, outcome, chance, wanted):
    now = 1_772_442_000_000
    since = 0 if failing is None else now - failing * HOUR
    endpoint = Endpoint("ep_a", "https://hooks.example/", (), failing_since=since)
    follows = retries.after(Sending(1, "ep_a", tries, before), endpoint, outcome, now, chance)
    state, after, pause = wanted
    assert (follows.state, follows.pause) == (state, pause)
    if after is not None:
        assert follows.due - now == after


def test_the_wait_that_a_receiver_asks_for_is_kept(post):
    with Receiver(answering(503, Retry_After="90")) as receiver:
        post.add(receiver.url)
        message = post.tell()
        assert post.deliver() == {"waiting": 1}
    (sending,) = post.sendings(message)
    assert sending.due - post.clock() == 90_000


def test_who_is_gone_for_good_is_paused_at_once_and_sent_what_waits_when_resumed(post):
    with Receiver(answering(410)) as receiver:
        endpoint = post.add(receiver.url)
        first = post.tell()
        assert post.deliver() == {"waiting": 1}
        assert post.endpoint(endpoint).state == "paused"
        second = post.tell()
        post.clock.turn(days=2)
        assert post.deliver() == {}
        receiver.manners = answering(204)
        assert drive(post.desk.resume(endpoint)).waiting == 2
        assert post.deliver() == {"sent": 2}
        assert post.endpoint(endpoint).state == "open"
    assert {one.headers["webhook-id"] for one in receiver.got[1:]} == {first.id, second.id}
    assert len(receiver.got) == 3


def test_who_answers_nothing_well_for_three_days_is_paused(post):
    with Receiver(answering(500)) as receiver:
        endpoint = post.add(receiver.url)
        post.tell()
        assert post.deliver() == {"waiting": 1}
        post.clock.turn(hours=71)
        assert post.deliver() == {"waiting": 1}
        assert post.endpoint(endpoint).state == "failing"
        post.clock.turn(hours=1)
        assert post.deliver() == {"waiting": 1}
        assert post.endpoint(endpoint).state == "paused"
        assert drive(post.desk.resume(endpoint)).state == "open"
        assert post.deliver() == {"waiting": 1}
        assert post.endpoint(endpoint).state == "failing"  # the three days begin anew


def test_what_is_sent_by_a_worker_that_dies_before_it_writes_is_sent_again_under_its_id(post):
    with Receiver() as receiver:
        post.add(receiver.url)
        message, killed = post.tell(), post.another()
        assert killed._begin() == 1  # and nothing that it does after this is seen
        receiver.wait(1)
        assert post.deliver() == {}  # it may be at it still
        post.clock.turn(milliseconds=LEASE_MS)
        assert post.deliver() == {"sent": 1}
        killed.close()
    assert [one.headers["webhook-id"] for one in receiver.got] == [message.id] * 2
    assert killed.counted == {"lost": 1}
    assert [one.tries for one in post.sendings(message)] == [1]


def test_several_workers_send_a_message_once(post):
    with Receiver() as receiver:
        post.add(receiver.url)
        messages = [post.tell() for _ in range(20)]
        workers = [post.another() for _ in range(3)]
        while sum(worker.step(1.0) for worker in workers):
            pass
        for worker in workers:
            worker.close()
    assert sorted(one.headers["webhook-id"] for one in receiver.got) == sorted(one.id for one in messages)
    assert {one.state for one in post.sendings(*messages)} == {"sent"}


def test_one_that_never_answers_keeps_nobody_else_waiting(post):
    with Receiver(silent) as slow, Receiver() as quick:
        post.add(slow.url)
        post.add(quick.url)
        for _ in range(30):
            post.tell()
        while len(quick.got) < 30:
            post.worker.step()
        assert len(slow.got) <= EACH
        slow.ended.set()


def test_an_endpoint_that_is_bound_to_an_account_is_told_of_no_other(post):
    with Receiver() as receiver:
        post.add(receiver.url, accounts=["other"], types=["hold.expired", "balance.below"])
        post.tell("acme")
        post.tell(None)
        post.tell("other", type="window.filled")
        wanted = post.tell("other")
        assert post.deliver() == {"sent": 1}
    assert [one.headers["webhook-id"] for one in receiver.got] == [wanted.id]
    assert json.loads(receiver.got[0].body)["data"] == {"account": "other"}


def test_of_an_account_that_was_erased_meanwhile_nothing_is_sent(post):
    with Receiver() as receiver:
        post.add(receiver.url)
        message = post.tell("acme")
        post.access.accounts.erase("acme")
        assert post.deliver() == {"dropped": 1}
        assert post.deliver() == {}
    assert receiver.got == []
    assert [one.state for one in post.sendings(message)] == ["failed"]


def test_while_a_secret_is_rotated_receivers_of_either_can_verify(post):
    with Receiver() as receiver:
        made = drive(post.desk.add(receiver.url))
        changed = drive(post.desk.rotate(made.id, keeps=HOUR))
        assert (changed.secrets, changed.secret != made.secret) == (2, True)
        for _ in range(2):
            post.tell()
            assert post.deliver() == {"sent": 1}
            post.clock.turn(hours=1)
    during, after = receiver.got
    assert [_signs(made.secret, during), _signs(changed.secret, during)] == [True, True]
    assert [_signs(made.secret, after), _signs(changed.secret, after)] == [False, True]


def _signs(secret, request):
    moment = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    wanted = Webhook(secret).sign(request.headers["webhook-id"], moment, request.body.decode())
    return wanted in request.headers["webhook-signature"].split(" ")


def test_a_message_that_was_given_up_is_sent_again_on_demand_under_its_id(post):
    with Receiver(answering(500)) as receiver:
        post.add(receiver.url)
        message = post.tell()
        while post.deliver() == {"waiting": 1}:
            post.clock.set(post.sendings(message)[0].due)
        assert post.sendings(message)[0].state == "failed"
        assert drive(post.desk.send_again(message=message.id)).sendings == 1
        assert post.deliver() == {"waiting": 1}  # with all its tries before it
        receiver.manners = answering(204)
        assert drive(post.desk.send_again(since=0)).sendings == 1
        assert post.deliver() == {"sent": 1}
    assert {one.headers["webhook-id"] for one in receiver.got} == {message.id}


def test_a_test_goes_to_the_one_endpoint_whatever_it_wants(post):
    with Receiver() as receiver, Receiver() as other:
        endpoint = post.add(receiver.url, accounts=["acme"], types=["hold.expired"])
        post.add(other.url)
        told = drive(post.desk.test(endpoint))
        assert post.deliver() == {"sent": 1}
    (request,) = receiver.got
    assert (json.loads(request.body)["type"], request.headers["webhook-id"]) == ("endpoint.test", told.message)
    assert other.got == []


def test_what_waits_for_an_endpoint_that_was_removed_is_not_sent(post):
    with Receiver() as receiver:
        endpoint = post.add(receiver.url)
        message = post.tell()
        assert drive(post.desk.remove(endpoint)).state == "ended"
        post.tell()
        assert post.deliver() == {}
    assert receiver.got == []
    assert [one.state for one in post.sendings(message)] == ["failed"]


def test_a_message_that_cannot_be_made_fails_by_itself_and_not_its_neighbours(post):
    with Receiver() as receiver:
        endpoint = post.add(receiver.url)
        now = post.clock()
        (odd,) = drive(post.notices.put_messages([Message("odd", 0, "audit.finding", now, b"[not json")], now))
        post.tell()
        assert post.deliver() == {"waiting": 1, "sent": 1}
    assert post.tries(odd, endpoint)[0].error.startswith("cannot be made")
    assert len(receiver.got) == 1


def test_the_log_shows_what_is_asked_for_page_by_page(post):
    with Receiver() as receiver, Receiver(answering(500)) as other:
        wanted = post.add(receiver.url, types=["hold.expired"])
        post.add(other.url)
        about = [post.tell("acme" if place % 2 else "other", type="hold.expired").id for place in range(5)]
        post.tell(type="window.filled")
        post.deliver()
        post.clock.turn(minutes=1)
        post.deliver()
        (first, *_) = drive(post.desk.log(message=about[0])).messages
        assert [len(one.tries) for one in sorted(first.sendings, key=lambda one: one.endpoint != wanted)] == [1, 2]
        seen, after = [], 0
        while after is not None:
            page = drive(post.desk.log(endpoint=wanted, limit=2, after=after))
            seen += page.messages
            after = page.after
        assert [one.id for one in seen] == about
        assert {sending.endpoint for one in seen for sending in one.sendings} == {wanted}
        assert [one.id for one in drive(post.desk.log(account="acme")).messages[:2]] == about[1::2]

"""Receivers that answer slowly, or not at all: however many there are, others are told in time."""

from spillover.engine.drive import drive
from spillover.notices.delivery import AT_ONCE, SLOW_AT_ONCE, SLOW_MS
from spillover.notices.sending import Outcome
from tests.notices.posts import Post
from tests.notices.receivers import Receiver, silent


def test_however_many_receivers_are_silent_others_are_told_meanwhile():
    with Post(seconds=30.0) as post, Receiver(silent) as deaf, Receiver() as receiver:
        slow = [post.add(deaf.url) for _ in range(AT_ONCE + 1)]
        post.tell()
        message = post.tell()
        for id_ in slow:  # as if each had failed once
            post.notices._desk.write(lambda tables, id_=id_: tables.run("endpoints.failing", id_, post.clock()))
        post.worker.step(0.0)
        deaf.wait(SLOW_AT_ONCE)
        quick = post.add(receiver.url)
        drive(post.notices.send_again(message.id, post.clock(), quick))
        while not post.worker.counted["sent"]:
            post.worker.step()
        assert len(deaf.got) == SLOW_AT_ONCE
        deaf.ended.set()


def test_who_takes_messages_but_slowly_is_slow_until_it_is_quick_again(monkeypatch):
    takes = [SLOW_MS]
    monkeypatch.setattr("spillover.notices.delivery.send", lambda *_: Outcome(200, takes[0]))
    with Post() as post:
        id_ = post.add("http://127.0.0.1:9/")
        for slow in ({id_}, set()):
            post.tell()
            assert post.deliver() == {"sent": 1}
            assert post.worker._slow == slow
            takes[0] = SLOW_MS - 1

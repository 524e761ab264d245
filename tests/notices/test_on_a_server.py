"""Webhooks on PostgreSQL: watched, sent, looked at by the doctor, with handles of the worker's own."""

import json

from spillover import connect
from spillover.access.clock import system_clock
from spillover.bootstrap.addresses import address_of
from spillover.bootstrap.examining import doctor
from spillover.bootstrap.noticing import Worker, desk_over, open_ledger, policy_of
from spillover.bootstrap.rungs import open_office
from spillover.engine.drive import drive
from spillover.notices.sending import Rules
from tests.notices.receivers import Receiver
from tests.support import policy


def test_what_the_books_tell_is_sent_and_the_doctor_says_how_it_stands(postgres_server):
    url = postgres_server.new_database()
    address = address_of(url)
    with Receiver() as receiver, connect(url, policy=policy(), settle=False) as access:
        worker = Worker(address, Rules(allow_private=True))
        worker.run()
        ledger, office = open_ledger(address, 10_000), open_office(address, 10_000)
        desk = desk_over(office, ledger, lambda: policy_of(ledger), system_clock, allow_private=True)
        assert not [sign for sign in doctor(url) if sign.what == "webhooks"]
        endpoint = drive(desk.add(receiver.url, accounts=[])).id
        access.accounts.put("acme", plan="plus")
        access.credits.add("acme", "50", key="lot")
        assert access.consume("acme", "video.seconds", 10, key="one")
        access.settle()
        worker.run()
        assert worker.counted == {"sent": 1}
        drive(desk.pause(endpoint))
        signs = {sign.what: sign.level for sign in doctor(url)}
        assert (signs["webhooks"], signs[f"webhooks to {endpoint}"]) == ("fine", "watch")
        for opened in (office, ledger):
            drive(opened.close())
        worker.close()
    told = json.loads(receiver.got[0].body)
    assert (told["type"], told["data"]["account"]) == ("balance.exhausted", "acme")

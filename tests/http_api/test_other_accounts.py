"""Who is bound to one account or feature reaches no other, whatever is tried at whichever endpoint.

Nothing here trusts what the table says of bounds: what is answered must hold no secret of the other account, and the
other account's rows must be as before.
"""

import json
from contextlib import closing

import pytest

from spillover.http_api.table import ENDPOINTS
from tests.http_api.attacks import OTHER, OWN, SECRETS, attempts
from tests.http_api.conftest import STARTER
from tests.http_api.served import Served
from tests.http_api.standing_still import Watch, digest_where

BOUND = {
    "their customer": None,
    "an administrator of one account": {"scopes": ["admin"], "accounts": [OWN]},
    "an administrator of one feature of it": {"scopes": ["admin"], "accounts": [OWN], "features": ["chat.messages"]},
}
OF_NOBODY = {
    "policies/list", "policies/get", "policies/check", "/healthz", "/readyz", "/openapi.json", "/docs", "packs/list",
}  # fmt: skip
"""What is no account's: a new endpoint that says so of itself is to be thought about, and put here."""


def last_of_all(endpoint):
    """What ends an account comes last, so that there is something left to attack."""
    return endpoint.path in ("accounts/suspend", "accounts/erase"), endpoint.path == "accounts/erase"


TRIES = 3
TABLE = sorted(ENDPOINTS, key=last_of_all)


class Town:
    """A service with two accounts. All that belongs to the other has a secret in it."""

    def __init__(self, service):
        self.service, self.connection = service, service.connection()
        self.keys = {"root": ""}
        self.make()
        self.keys["root"] = self.ask("keys/make", {"name": "root", "scopes": ["admin"]})["key"]
        for name, told in BOUND.items():
            made = self.ask("keys/make", {"name": name, **told}) if told else self.ask("tokens/make", {"account": OWN})
            self.keys[name] = made["key"] if told else made["token"]
        for at in range(3):
            self.ask("keys/make", {"name": f"{SECRETS[0]} {at}", "scopes": ["read"], "accounts": [OTHER]})
        self.watch = Watch(service.folder / "served.db")

    def make(self):
        for account, secret in ((OWN, "own"), (OTHER, SECRETS[0])):
            self.ask("accounts/put", {"account": account, "plan": "starter", "reason": secret})
        for at in range(5):
            asked = {"account": OTHER, "credits": SECRETS[1], "reason": SECRETS[0], "key": f"{SECRETS[0]} {at}"}
            self.ask("credits/add", {**asked, "ref": "other-payment"})
        self.ask("credits/add", {"account": OWN, "credits": "100", "key": "own"})
        usage = {"account": OTHER, "feature": "video.seconds", "usage": 7}
        self.ask("consume", {**usage, "key": "other-event", "subject": SECRETS[3]})
        hold = {"account": OTHER, "feature": "video.seconds", "estimate": 3, "lasts": 3_600_000, "subject": SECRETS[3]}
        self.ask("holds/open", {**hold, "key": "other-hold"})
        self.ask("settle", {})

    def close(self):
        self.connection.close()
        self.watch.close()

    def ask(self, verb, body):
        answer = self.service.post(verb, body, Authorization=f"Bearer {self.keys['root']}") if self.keys["root"] else (
            self.service.post(verb, body)
        )  # fmt: skip
        assert answer.status == 200, answer.body
        return answer.json

    def tried(self, attempt, who):
        """(status, all that was answered)"""
        heads = {**dict(attempt.headers), "Authorization": f"Bearer {self.keys[who]}"}
        for _ in range(TRIES):
            try:
                self.connection.request(attempt.method, attempt.path, attempt.body, heads)
                answer = self.connection.getresponse()
                break
            except ConnectionError:  # it was closed after the answer before, to a body that nobody read
                self.connection.close()
        with answer:
            told = answer.read()
        return answer.status, told.decode("utf-8", "replace") + str(answer.headers)


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    with Served(tmp_path_factory.mktemp("town"), policy=STARTER) as service, closing(Town(service)) as found:
        yield found


@pytest.mark.parametrize("who", BOUND)
def test_no_endpoint_lets_one_account_read_or_change_another(town, who):
    served = 0
    for endpoint in TABLE:
        before = digest_where(town.watch, OTHER)
        for attempt in attempts(endpoint):
            status, told = town.tried(attempt, who)
            assert status < 500, (endpoint.path, attempt, told)
            for secret in (*SECRETS, f'"account":"{OTHER}"'):
                assert secret not in told, (endpoint.path, attempt.what, told)
            served += status == 200
        assert digest_where(town.watch, OTHER) == before, endpoint.path
        if endpoint.path == "accounts/suspend":
            town.ask("accounts/put", {"account": OWN, "plan": "starter", "state": "active"})
    assert served > (0 if "feature" in who else 20)  # else it was the form of all requests that was refused
    if who != "their customer":
        town.ask("accounts/put", {"account": OWN, "plan": "starter"})


def test_the_same_attempts_by_who_may_find_what_is_secret(town):
    """Else the search for secrets would find nothing anywhere."""
    told = {
        endpoint.path: "".join(town.tried(attempt, "root")[1] for attempt in attempts(endpoint))
        for endpoint in TABLE if endpoint.customer
    }  # fmt: skip
    assert {path for path, text in told.items() if f'"account":"{OTHER}"' in text} == set(told)
    secret = {path for path, text in told.items() if any(secret in text for secret in SECRETS)}
    assert secret >= {"lots/list", "balance"}


def test_nobody_learns_whether_another_account_exists(town):
    for endpoint in TABLE:
        fields = () if endpoint.takes is None else endpoint.takes.__struct_fields__
        named = "subject" if endpoint.raw else "account"
        if named not in fields or endpoint.path == "log":
            continue
        for who in BOUND:
            heads = {"Authorization": f"Bearer {town.keys[who]}"}
            answers = [
                town.service.try_example(endpoint, {**endpoint.example, named: name}, **heads)
                for name in (OTHER, "nobody-at-all")
            ]
            assert {answer.status for answer in answers} == {403}, (endpoint.path, who)
            assert answers[0].body == answers[1].body, endpoint.path


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_what_an_endpoint_takes_is_what_it_is_bound_by(endpoint):
    fields = () if endpoint.takes is None else endpoint.takes.__struct_fields__
    if endpoint.about == "nothing":
        assert endpoint.path in OF_NOBODY
        assert not {"account", "requests", "subject"} & set(fields)
    if endpoint.about in ("account", "hold", "feature"):
        assert "account" in fields
    if "account" in fields and endpoint.about != "all":
        assert endpoint.about in ("account", "hold", "feature")
    if "feature" in fields:
        assert endpoint.about in ("feature", "requests")
    if "requests" in fields or endpoint.raw:
        assert endpoint.about in ("requests", "all")


def test_a_token_of_another_service_or_with_other_claims_opens_nothing(town):
    import jwt

    good = town.keys["their customer"]
    claims = jwt.decode(good, options={"verify_signature": False})
    head = jwt.get_unverified_header(good)
    bent = [
        jwt.encode({**claims, "sub": OTHER}, "x" * 32, algorithm="HS256"),
        jwt.encode({**claims, "sub": OTHER}, None, algorithm="none"),
        good.rpartition(".")[0] + ".",
        ".".join([*jwt.encode({**claims, "sub": OTHER}, "x" * 32).split(".")[:2], good.split(".")[2]]),
        json.dumps(head),
    ]  # fmt: skip
    for endpoint in TABLE:
        if endpoint.scope == "open":
            continue
        for token in bent:
            answer = town.service.try_example(endpoint, dict(endpoint.example), Authorization=f"Bearer {token}")
            assert answer.status == 401, (endpoint.path, token)

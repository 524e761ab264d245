"""Who may: for each endpoint a key of each scope, keys that are bound, and a customer's token."""

import json
import subprocess
import time

import pytest

from spillover.engine.drive import drive
from spillover.http_api.endpoint import Caller
from spillover.http_api.gate import require_bounds
from spillover.http_api.problems import Refused
from spillover.http_api.table import ENDPOINTS, find
from spillover.http_api.taking import OfAccount
from spillover.model.account import NEVER
from spillover.office import tokens
from spillover.office.sqlite import SQLiteOffice
from tests.http_api.conftest import STARTER
from tests.http_api.served import PROGRAM, Served, environment

REFUSED = (401, 403)
CALLERS = {
    "read": {"scopes": ["read"]},
    "decide": {"scopes": ["decide"]},
    "admin": {"scopes": ["admin"]},
    "acme's": {"scopes": ["admin"], "accounts": ["acme"]},
    "other's": {"scopes": ["admin"], "accounts": ["other"]},
    "chat's": {"scopes": ["admin"], "features": ["chat.messages"]},
    "video's": {"scopes": ["admin"], "features": ["video.seconds", "chat.messages"]},
}
WIDTH = {"read": 0, "decide": 1, "admin": 2}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A service with a key of each sort, all texts by their names."""
    with Served(tmp_path_factory.mktemp("guarded"), "--log-level", "debug", policy=STARTER) as found:
        for name in ("acme", "other"):
            found.post("accounts/put", {"account": name, "plan": "starter"})
        found.post("holds/open", {"account": "acme", "feature": "video.seconds", "estimate": 1, "key": "job-1"})
        first = made(found, {"scopes": ["admin"]}, "")
        found.keys = {name: made(found, told, first) for name, told in CALLERS.items()}
        answer = found.post("tokens/make", {"account": "acme"}, Authorization=f"Bearer {first}").json
        found.keys["acme's customer"] = answer["token"]
        other = found.post("tokens/make", {"account": "other"}, Authorization=f"Bearer {first}").json
        found.keys["other's customer"] = other["token"]
        found.first = first
        yield found


def made(service, told, by):
    head = {"Authorization": f"Bearer {by}"} if by else {}
    answer = service.post("keys/make", {"name": "test", **told}, **head)
    assert answer.status == 200, answer.body
    assert answer.headers["cache-control"] == "no-store"
    return answer.json["key"]


def asked_of(endpoint):
    """The accounts and features that the example of an endpoint names."""
    example = endpoint.example
    several = example.get("requests") or [example]
    accounts = {one["account"] for one in several if "account" in one}
    features = {one["feature"] for one in several if "feature" in one}
    if endpoint.path == "events":
        accounts, features = {example["subject"]}, {example["type"]}
    if endpoint.about == "hold" and example["key"] == "job-1":
        features = {"video.seconds"}
    return accounts, features


def is_open_to(endpoint, name):
    """As the table and decision 0007 say it."""
    accounts, features = asked_of(endpoint)
    if endpoint.scope == "open":
        return True
    if name.endswith("customer"):
        return endpoint.customer and (name == "acme's customer" or endpoint.about == "nothing")
    told = CALLERS[name]
    if WIDTH[told["scopes"][0]] < WIDTH[endpoint.scope]:
        return False
    if endpoint.about == "nothing" or not (told.get("accounts") or told.get("features")):
        return True
    if endpoint.about == "all" or (told.get("features") and endpoint.about == "account"):
        return False
    if told.get("accounts"):
        return accounts <= set(told["accounts"])
    return features <= set(told["features"])


@pytest.mark.parametrize("name", [*CALLERS, "acme's customer", "other's customer"])
def test_a_key_opens_what_the_table_says_and_nothing_else(guarded, name):
    for endpoint in ENDPOINTS:
        if endpoint.path == "accounts/erase":
            continue  # else the account is gone for the next; its bounds are those of accounts/suspend
        answer = guarded.try_example(endpoint, dict(endpoint.example), Authorization=f"Bearer {guarded.keys[name]}")
        assert (answer.status not in REFUSED) == is_open_to(endpoint, name), (endpoint.path, name, answer.body)
        if answer.status == 403:
            assert answer.json["type"] == "urn:spillover:problem:forbidden"


def test_without_a_key_or_with_a_wrong_one_only_what_is_open_opens(guarded):
    good = guarded.first
    wrong = [
        None, "Bearer x", "Bearer ", "Basic YTpi", f"Bearer {good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        f"Bearer sp_{'a' * 12}_{'A' * 43}", "Bearer a.b.c", f"Bearer {good}x",
    ]  # fmt: skip
    for endpoint in ENDPOINTS:
        for given in wrong:
            head = {} if given is None else {"Authorization": given}
            answer = guarded.try_example(endpoint, dict(endpoint.example), **head)
            if endpoint.scope == "open":  # whatever a proxy sends along
                assert answer.status == 200, endpoint.path
            else:
                assert answer.status == 401, (endpoint.path, given)
                assert answer.headers["www-authenticate"] == "Bearer"


def test_a_key_bound_to_a_feature_bills_its_own_expired_hold_and_no_other(guarded):
    head = {"Authorization": f"Bearer {guarded.first}"}
    for feature in ("video.seconds", "chat.messages"):
        asked = {"account": "other", "feature": feature, "estimate": 1, "key": f"gone-{feature}", "lasts": 1000}
        assert guarded.post("holds/open", asked, **head).status == 200
    deadline = time.monotonic() + 30
    while guarded.get("holds/list", head, account="other").json["holds"] and time.monotonic() < deadline:
        time.sleep(0.05)
    chats = {"Authorization": "Bearer " + guarded.keys["chat's"]}
    denied = guarded.post("holds/commit", {"account": "other", "key": "gone-video.seconds", "usage": 1}, **chats)
    assert denied.status == 403
    billed = guarded.post("holds/commit", {"account": "other", "key": "gone-chat.messages", "usage": 1}, **chats)
    assert (billed.status, billed.json["late"]) == (200, True)


def test_a_revoked_key_opens_nothing_and_a_rotated_one_goes_on_for_its_time(guarded):
    head = {"Authorization": f"Bearer {guarded.first}"}
    text = made(guarded, {"scopes": ["read"]}, guarded.first)
    own = {"Authorization": f"Bearer {text}"}
    assert guarded.get("balance", own, account="acme").status == 200
    id = text.split("_")[1]
    new = guarded.post("keys/rotate", {"id": id, "keeps": 60_000}, **head).json["key"]
    assert guarded.get("balance", own, account="acme").status == 200
    assert guarded.get("balance", {"Authorization": f"Bearer {new}"}, account="acme").status == 200
    newer = guarded.post("keys/rotate", {"id": id, "keeps": 0}, **head).json["key"]
    assert [guarded.get("balance", {"Authorization": f"Bearer {one}"}, account="acme").status
            for one in (text, new, newer)] == [401, 401, 200]  # fmt: skip
    assert guarded.post("keys/revoke", {"id": id, "reason": "leaked"}, **head).json["revoked"] is True
    assert guarded.get("balance", {"Authorization": f"Bearer {newer}"}, account="acme").status == 401


def test_rotating_says_nothing_of_ends_keeps_them_and_the_old_secret_goes_on_for_a_day(guarded):
    """As `spillover keys rotate` does."""
    head = {"Authorization": f"Bearer {guarded.first}"}
    lasting = made(guarded, {"scopes": ["read"]}, guarded.first)
    ending = made(guarded, {"scopes": ["read"], "expires": "2034-01-01T00:00:00Z"}, guarded.first)
    ends = []
    for text in (lasting, ending):
        told = guarded.post("keys/rotate", {"id": text.split("_")[1]}, **head).json
        ends.append(told["ends"])
        for one in (text, told["key"]):
            assert guarded.get("balance", {"Authorization": f"Bearer {one}"}, account="acme").status == 200
    assert ends == [None, "2034-01-01T00:00:00.000Z"]
    office = SQLiteOffice(str(guarded.folder / "served.db"))
    try:
        new, old = drive(office.key(lasting.split("_")[1])).secrets
    finally:
        drive(office.close())
    assert new.until == NEVER
    assert abs(old.until - time.time() * 1000 - 86_400_000) < 600_000


def test_a_rotation_that_cannot_be_is_refused_by_its_field(guarded):
    head = {"Authorization": f"Bearer {guarded.first}"}
    id = made(guarded, {"scopes": ["read"]}, guarded.first).split("_")[1]
    for words, field in (({"keeps": -1}, "keeps"), ({"expires": "2001-01-01T00:00:00Z"}, "until")):
        told = guarded.post("keys/rotate", {"id": id, **words}, **head)
        assert (told.status, told.json["field"]) == (422, field)


def test_a_key_whose_only_account_was_erased_opens_nobodys():
    bound = Caller("test", "", ("admin",), ("",))
    for account in ("", "acme"):
        with pytest.raises(Refused, match="bound to other accounts"):
            require_bounds(find("GET", "/v1/balance"), bound, OfAccount(account))
    with pytest.raises(Refused):
        require_bounds(find("GET", "/v1/log"), bound, None)


def test_a_key_that_another_process_revoked_has_ended_within_five_seconds(guarded):
    text = made(guarded, {"scopes": ["read"]}, guarded.first)
    own = {"Authorization": f"Bearer {text}"}
    assert guarded.get("balance", own, account="acme").status == 200
    db = f"sqlite:///{guarded.folder / 'served.db'}"
    command = [*PROGRAM, "keys", "revoke", text.split("_")[1], "--db", db]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    deadline = time.monotonic() + 30
    while (status := guarded.get("balance", own, account="acme").status) == 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status == 401


def test_a_token_of_another_secret_or_another_time_opens_nothing(guarded):
    now = int(time.time() * 1000)
    forged = tokens.make("acme", 600_000, now, b"x" * 32)
    for text in (forged, guarded.keys["acme's customer"][:-2] + "AA"):
        assert guarded.get("balance", {"Authorization": f"Bearer {text}"}, account="acme").status == 401


def test_what_administrators_do_is_in_the_log_with_how_it_ended(guarded):
    head = {"Authorization": f"Bearer {guarded.first}"}
    guarded.post("credits/add", {"account": "other", "credits": "1", "key": "log-1", "reason": "to be seen"}, **head)
    guarded.post("credits/add", {"account": "other", "credits": "2", "key": "log-1", "reason": "again"}, **head)
    acts = guarded.get("log", head, account="other").json["acts"]
    added = [act for act in acts if act["verb"] == "credits.add" and act["details"].get("key") == "log-1"]
    assert [act["reason"] for act in added] == ["to be seen", "again"]
    assert added[0]["outcome"] == "done"
    assert "used before with another request" in added[1]["outcome"]
    assert added[0]["by"] == "test"
    assert added[0]["details"]["credits"] == "1"


def test_no_secret_is_in_the_logs(guarded):
    logged = guarded.errors.read_text()
    assert '"path":"/v1/keys/make"' in logged
    for text in guarded.keys.values():
        secret = text.split("_", 2)[2] if text.startswith("sp_") else text.rpartition(".")[2]
        assert secret not in logged
    head = {"Authorization": f"Bearer {guarded.first}"}
    acts = json.dumps(guarded.get("log", head, limit=1000).json)
    assert all(text.split("_", 2)[2] not in acts for text in guarded.keys.values() if text.startswith("sp_"))


def test_without_keys_a_page_elsewhere_reaches_nothing(served):
    asked = {"account": "acme"}
    for heads in ({"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"Origin": "null"}):
        assert served.ask("GET", "/v1/balance?account=acme", **heads).status == 403, heads
        assert served.ask("POST", "/v1/accounts/suspend", asked, **heads).status == 403, heads
    own = {"Origin": f"http://127.0.0.1:{served.port}"}
    assert served.ask("GET", "/v1/balance?account=acme", **own).status == 200


def test_without_keys_another_address_than_loopback_is_refused_in_one_line(tmp_path):
    (tmp_path / "policy.yaml").write_text(STARTER)
    flags = ["--db", f"sqlite:///{tmp_path / 'x.db'}", "--policy", str(tmp_path / "policy.yaml")]
    ended = subprocess.run(
        [*PROGRAM, "serve", *flags, "--host", "0.0.0.0"], capture_output=True, text=True, timeout=60, check=False,
        env=environment(),
    )  # fmt: skip
    assert ended.returncode == 2
    assert "--host: found 0.0.0.0, expected 127.0.0.1 while there is no API key" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1

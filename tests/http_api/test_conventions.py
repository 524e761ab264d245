"""What callers know from elsewhere: idempotency, rate limit fields, entity tags, traces, CloudEvents, decisions."""

import pytest

CLIP = {"account": "acme", "feature": "video.seconds", "usage": 1}


def test_a_denial_answers_200_with_allowed_false_and_both_ways_out(served):
    answer = served.post("consume", {**CLIP, "usage": 5000})
    assert (answer.status, answer.json["allowed"]) == (200, False)
    assert answer.json["denial"]["status"] == 402
    assert answer.json["denial"]["unlock"] == "49,950 more credits unlock it"


@pytest.mark.parametrize("written", ['"a \\"quoted\\" key"', "plain-key"])
def test_idempotency_key_is_the_key_where_the_body_gives_none(served, written):
    first = served.post("consume", CLIP, Idempotency_Key=written)
    again = served.post("consume", CLIP, Idempotency_Key=written)
    plain = written.strip('"').replace("\\", "") if written.startswith('"') else written
    assert first.json["key"] == plain
    assert first.headers["idempotency-replayed"] is None
    assert again.headers["idempotency-replayed"] == "true"
    assert {**first.json, "replayed": True} == again.json


def test_the_same_key_in_body_and_header_is_one_and_two_are_refused(served):
    assert served.post("consume", {**CLIP, "key": "both"}, Idempotency_Key='"both"').status == 200
    two = served.post("consume", {**CLIP, "key": "both"}, Idempotency_Key='"other"')
    assert (two.status, two.json["type"], two.json["field"]) == (400, "urn:spillover:problem:two-keys", "key")


def test_an_extension_takes_its_key_from_the_header_and_not_the_holds(served):
    served.post("holds/open", {"account": "acme", "feature": "chat.messages", "estimate": 1, "key": "ext-hold"})
    asked = {"account": "acme", "key": "ext-hold", "lasts": 60_000}
    first = served.post("holds/extend", asked, Idempotency_Key="ext-1")
    again = served.post("holds/extend", asked, Idempotency_Key="ext-1")
    assert (first.status, again.headers["idempotency-replayed"]) == (200, "true")
    assert first.json["due"] == again.json["due"]


def test_windows_and_ceilings_are_told_beside_a_decision(served):
    served.post("accounts/put", {"account": "limits", "plan": "starter"})
    answer = served.post("consume", {"account": "limits", "feature": "chat.messages"})
    assert answer.headers["ratelimit-policy"] == '"burst";q=20;w=60, "five_hour";q=45;w=18000, "weekly";q=300;w=604800'
    burst, session, week = (part.split(";") for part in answer.headers["ratelimit"].split(", "))
    assert [burst[:2], session[:2], week[:2]] == [['"burst"', "r=19"], ['"five_hour"', "r=44"], ['"weekly"', "r=299"]]
    assert session[2] in ("t=18000", "t=17999")
    assert 604_700 < int(week[2][2:]) <= 604_800
    assert 1 <= int(burst[2][2:]) <= 3


def test_an_allowance_that_is_used_up_is_told_empty_only_where_no_later_layer_pays(served):
    served.post("accounts/put", {"account": "spent", "plan": "starter"})
    asked = {"account": "spent", "feature": "video.seconds"}
    used_up = served.post("consume", {**asked, "usage": 5})
    assert '"daily";r=0;t=' in used_up.headers["ratelimit"]
    served.post("credits/add", {"account": "spent", "credits": "10", "key": "spent-1"})
    by_credits = served.post("consume", {**asked, "usage": 1})
    assert by_credits.json["legs"][0]["layer"] == "credits"
    assert by_credits.headers["ratelimit-policy"] == '"daily";q=5;w=86400'
    assert '"daily";r=0' in by_credits.headers["ratelimit"]  # the 10 credits are gone: nobody pays any more


def test_while_credits_pay_the_empty_allowance_is_left_out(served):
    served.post("accounts/put", {"account": "rich", "plan": "starter"})
    served.post("credits/add", {"account": "rich", "credits": "1000", "key": "rich-1"})
    answer = served.post("consume", {"account": "rich", "feature": "video.seconds", "usage": 6})
    assert answer.json["allowed"]
    assert answer.headers["ratelimit-policy"] == '"daily";q=5;w=86400'
    assert answer.headers["ratelimit"] is None


def test_older_names_come_only_when_asked_for(served):
    served.post("accounts/put", {"account": "older", "plan": "starter"})
    served.post("credits/add", {"account": "older", "credits": "12.5", "key": "older-1"})
    asked = {"account": "older", "feature": "chat.messages"}
    plain = served.post("consume", asked)
    assert not [name for name in plain.headers if name.lower().startswith("x-")]
    told = served.post("consume", asked, RateLimit_Profile="x-ratelimit, openai, codex").headers
    assert (told["x-ratelimit-limit"], told["x-ratelimit-remaining"]) == ("20", "18")
    assert told["x-ratelimit-limit-tokens"] == "20"
    assert told["x-codex-primary-window-minutes"] == "300"
    assert told["x-codex-secondary-window-minutes"] == "10080"
    assert told["x-codex-primary-used-percent"] == "4.4"
    assert int(told["x-codex-primary-reset-at"]) > 1_700_000_000
    assert (told["x-codex-credits-has-credits"], told["x-codex-credits-balance"]) == ("true", "12.50")
    assert served.post("consume", asked, RateLimit_Profile="github").status == 422


def test_an_overview_that_has_not_changed_is_not_sent_again(served):
    first = served.get("overview", account="other")
    tag = first.headers["etag"]
    same = served.get("overview", {"If-None-Match": f'W/"x", {tag}'}, account="other")
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", tag)
    served.post("consume", {**CLIP, "account": "other"})
    assert served.get("overview", {"If-None-Match": tag}, account="other").status == 200


def test_a_map_in_a_query_is_written_with_brackets(served):
    unknown = served.get("overview", account="acme", attributes={"team": "blue"})
    assert unknown.status == 404  # the starter's policy declares no team
    assert "team" in unknown.json["detail"]
    assert served.get("overview", account="acme", attributes={"resolution": "720p"}).status == 200


def test_a_trace_comes_back_and_goes_into_the_log(served):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert served.post("consume", CLIP, traceparent=trace).headers["traceparent"] == trace
    assert served.post("consume", CLIP, traceparent="00-zz-01").headers["traceparent"] is None
    assert '"trace":"4bf92f3577b34da6a3ce929d0e0e4736"' in served.errors.read_text()


EVENT = {
    "specversion": "1.0", "id": "1", "source": "/gateway", "subject": "acme", "type": "video.seconds", "user": "ada",
    "data": {"seconds": 2}, "resolution": "1080p", "time": "2026-01-01T00:00:00Z",
}  # fmt: skip
STRUCTURED = {"Content_Type": "application/cloudevents+json; charset=utf-8"}


def test_a_cloud_event_is_recorded_once_however_it_is_written(served):
    first = served.post("events", EVENT, **STRUCTURED)
    assert (first.status, first.json["allowed"], first.json["key"]) == (200, True, "/gateway 1")
    assert first.json["charged"]["credits"] in ("0", "25", "50")
    heads = {f"ce-{name}": value for name, value in EVENT.items() if name != "data"}
    binary = served.ask("POST", "/v1/events", {"seconds": 2}, **heads, Content_Type="application/json")
    assert (binary.status, binary.json["replayed"]) == (200, True)
    assert served.post("events", {**EVENT, "data": 3}, **STRUCTURED).status == 409
    other = served.post("events", {**EVENT, "source": "/other"}, **STRUCTURED)
    assert other.json["replayed"] is False


def test_a_batch_of_cloud_events_is_answered_one_by_one(served):
    batch = [{**EVENT, "id": "b1"}, {**EVENT, "id": "b2", "type": "no.such"}, {"id": "b3"}, {**EVENT, "id": "b1"}]
    answer = served.post("events", batch, Content_Type="application/cloudevents-batch+json")
    told = answer.json["answers"]
    assert [one["problem"] and one["problem"]["status"] for one in told] == [None, 404, 422, None]
    assert [one["decision"] and one["decision"]["replayed"] for one in told] == [False, None, None, True]


def test_many_requests_are_answered_each_for_itself(served):
    served.post("accounts/put", {"account": "many", "plan": "starter"})
    clip = CLIP | {"account": "many", "key": "m1"}
    asked = [clip, clip | {"usage": 2}, clip | {"account": "nobody"}]
    told = served.post("consume-many", {"requests": asked}).json["answers"]
    assert [one["problem"] and one["problem"]["status"] for one in told] == [None, 409, 404]


def test_instants_are_milliseconds_or_text(served):
    for at in (1_767_225_600_000, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"):
        assert served.get("balance-at", account="acme", at=at).json["at"] == "2026-01-01T00:00:00.000Z"


def test_a_method_that_an_endpoint_does_not_have_is_told_with_those_that_it_has(served):
    answer = served.ask("GET", "/v1/consume")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert served.ask("HEAD", "/healthz").status == 200

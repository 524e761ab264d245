"""The overview tells in one call what the single reports tell, consistently, and never states a rule of its own."""

from __future__ import annotations

import pytest

from spillover.engine.limits import LimitStanding
from spillover.model.errors import InvalidInput, UnknownName
from tests.engine.houses import URLS, clock, engine, policy, url_of

MESSAGES, TOKENS, SECONDS = "codex.messages", "codex.tokens", "sora.seconds"
HOUR, DAY = 3_600_000, 86_400_000


@pytest.fixture(params=[f"{face} {url}" for face in ("plain", "async") for url in URLS])
def house(request, tmp_path):
    face, url = request.param.split()
    turning = clock()
    with engine(url_of(url, tmp_path), face, clock=turning) as access:
        yield access, turning


def limits_of(access, feature: str, **options) -> dict[str, LimitStanding]:
    (found,) = [one for one in access.overview("acme", **options).features if one.feature == feature]
    return {limit.name: limit for limit in found.limits}


def test_terms_balances_holds_and_what_is_next_stand_in_one_answer(house):
    access, turning = house
    now = turning()
    access.accounts.put("acme", zone="Europe/Paris", consent=False)
    access.credits.add("acme", "2", key="late", paid="2.00 EUR", ref="ch", expires=now + 3 * DAY)
    access.credits.add("acme", "1", key="soon", expires=now + DAY, scope={"subject": ["ada"]})
    access.credits.add("acme", "1", key="to come", effective=now + HOUR)
    access.open_hold("acme", TOKENS, {"output": 1000}, key="h", subject="ada")
    access.accounts.plan("acme", "free", when=now + 2 * HOUR)
    access.limits.set("acme", MESSAGES, "daily", 9, key="l", until=now + 5000)
    told = access.overview("acme")
    assert (told.plan, told.next_plan, told.next_at) == ("plus", "free", now + 2 * HOUR)
    assert (told.state, told.consent, told.zone, told.billing_day) == ("active", False, "Europe/Paris", now)
    assert told.policy == access.policy.hash
    standing = access.balance("acme").measures[0]
    assert (told.measures[0].available, told.measures[0].held) == (standing.available, 10_000) == (2_990_000, 10_000)
    assert [(lot.lot.id, lot.available, lot.held) for lot in told.measures[0].lots] == [
        (2, 990_000, 10_000), (1, 2_000_000, 0), (3, 1_000_000, 0)
    ]  # fmt: skip
    assert told.measures[0].lots[0].lot.scope == (("subject", ("ada",)),), "names, not tokens"
    (hold,) = told.holds
    assert (hold.key, hold.subject, hold.due, hold.units, hold.amount) == ("h", "ada", now + 60_000, 10_000, 10_000)
    assert (hold.usage, hold.lots) == ({"output": 1000}, ((2, 10_000),))
    assert [(one.kind, one.name, one.at - now, one.amount) for one in told.next] == [
        ("limit ends", "codex.messages/daily", 5000, 9),
        ("hold ends", "h", 60_000, 10_000),
        ("lot starts", "3", HOUR, 1_000_000),
        ("plan", "free", 2 * HOUR, 0),
        ("lot ends", "2", DAY, 1_000_000),
        ("lot ends", "1", 3 * DAY, 2_000_000),
    ]


def test_limits_tell_their_room_and_when_they_reset(house):
    access, turning = house
    now = turning()
    access.credits.add("acme", "100", key="c")
    for number in range(5):
        access.consume("acme", MESSAGES, subject="ada", key=f"{number}")
    access.open_hold("acme", MESSAGES, subject="bo", key="h")
    access.consume("acme", SECONDS, 4)
    midnight = now // DAY * DAY + DAY
    limits = limits_of(access, MESSAGES, subject="ada")
    kinds = {name: (limit.kind, limit.max, limit.used, limit.room, limit.scope) for name, limit in limits.items()}
    assert kinds == {
        "parallel": ("ceiling", 2, 1, 1, ""),
        "burst": ("ceiling", 20, 5, 15, "ada"),
        "hourly": ("window", 3, 3, 0, ""),
        "daily": ("window", 6, 3, 3, ""),
        "monthly": ("spending", 40_000_000, 15_000_000, 25_000_000, ""),
    }
    assert {name: limit.resets_at for name, limit in limits.items()} == {
        "parallel": None,
        "burst": now + 15_000,
        "hourly": now + HOUR + HOUR // 12,
        "daily": midnight,
        "monthly": now // DAY * DAY + 30 * DAY,
    }
    assert "burst" not in limits_of(access, MESSAGES)
    assert limits_of(access, MESSAGES, subject="nobody yet")["burst"].room == 20
    five = limits_of(access, SECONDS)["five"]
    assert (five.used, five.room, five.resets_at) == (4, 6, now + 5 * HOUR)


@pytest.mark.parametrize("name", ["hourly", "daily", "five", "burst"])
def test_at_the_reset_there_is_more_room_and_not_a_millisecond_before(house, name):
    access, turning = house
    feature = SECONDS if name == "five" else MESSAGES
    fresh = limits_of(access, feature, subject="ada")[name]
    assert (fresh.used, fresh.room) == (0, fresh.max)
    access.consume("acme", feature, 1, subject="ada")
    used = limits_of(access, feature, subject="ada")[name]
    assert (used.used, used.room) == (1, used.max - 1)
    turning.set(used.resets_at - 1)
    assert limits_of(access, feature, subject="ada")[name].room == used.room
    turning.turn(milliseconds=1)
    after = limits_of(access, feature, subject="ada")[name]
    assert (after.used, after.room) == (0, after.max)


def test_what_was_used_beyond_a_maximum_that_was_lowered_is_told(house):
    access, _ = house
    for number in range(3):
        access.consume("acme", MESSAGES, subject="ada", key=f"{number}")
    for name in ("hourly", "daily", "burst"):
        access.limits.set("acme", MESSAGES, name, 1, key=name)
    limits = limits_of(access, MESSAGES, subject="ada")
    assert {(limits[name].max, limits[name].used, limits[name].room) for name in ("hourly", "daily", "burst")} == {
        (1, 3, 0)
    }


def test_room_is_what_a_request_finds(house):
    access, _ = house
    access.consume("acme", SECONDS, 3)
    room = limits_of(access, SECONDS)["five"].room
    assert access.check("acme", SECONDS, room)
    assert not access.check("acme", SECONDS, room + 1)


def test_today_is_the_accounts_own_and_tells_who_paid(house):
    access, turning = house
    access.accounts.put("acme", zone="America/New_York")
    access.credits.add("acme", "100", key="c")
    access.consume("acme", SECONDS, 12, attributes={"team": "blue"})
    access.consume("acme", MESSAGES, attributes={"team": "red"})
    access.settle()
    today = access.overview("acme").today
    assert (today.since, today.until) == (turning() - 4 * HOUR, turning() + 20 * HOUR)  # 9:00 UTC is 4:00 there
    assert today.charged == 2_000_000
    assert [(row.group, row.charged) for row in today.features] == [((MESSAGES,), 0), ((SECONDS,), 2_000_000)]
    assert [(use.layer, use.units) for use in today.features[1].layers] == [("allowance", 10), ("credits", 2)]
    ((name, rows),) = today.attributes
    assert (name, [(row.group, row.charged) for row in rows]) == ("team", [(("blue",), 2_000_000), (("red",), 0)])
    turning.turn(hours=20)
    assert access.overview("acme").today.features == ()
    assert access.overview("acme", at=turning() - 1).today == today


def test_an_overview_tells_of_gifts_and_brings_what_is_due_into_force(house):
    access, turning = house
    access.accounts.put("new", "gifted")
    midnight = turning() // DAY * DAY + DAY
    told = access.overview("new")
    assert [(one.kind, one.at, one.amount) for one in told.next] == [("gift", midnight, 10), ("lot ends", midnight, 10)]
    turning.set(midnight)
    units = next(one for one in access.overview("new").measures if one.measure == SECONDS)
    assert units.available == 14


def test_who_is_unknown_or_asked_wrongly_is_refused(house):
    access, _ = house
    with pytest.raises(UnknownName):
        access.overview("nobody")
    for wrong in ({"at": "now"}, {"at": 5}, {"subject": ""}, {"subject": 5}):
        with pytest.raises(InvalidInput):
            access.overview("acme", **wrong)


def test_what_is_available_and_held_belongs_together_though_the_account_changes_between(monkeypatch):
    turning = clock()
    with engine("memory://", clock=turning) as access, engine("memory://", clock=turning, policy=policy()) as _:
        access.credits.add("acme", "1", key="c")
        store, opened = access.desk.store, []
        holds = store.holds

        async def meanwhile(account):
            found = await holds(account)
            if not opened:
                opened.append(1)
                wish = access.take_in("acme", TOKENS, {"output": 500}, "between", {"hold": None})
                assert await access.desk.decide([wish])
            return found

        access.open_hold("acme", TOKENS, {"output": 100}, key="h")
        monkeypatch.setattr(store, "holds", meanwhile)
        told = access.overview("acme")
        assert told.measures[0].available + told.measures[0].held == 1_000_000
        assert len(told.holds) == 2


PER_TEAM = """
spillover: 1
attributes: [team, size]
features:
  f: {unit: unit, count: units, price: [{when: {size: big}, credits: 2}, {credits: 1}]}
plans:
  plus:
    rules:
      - for: [f]
        ceilings:
          - {name: team, max: 9, ever: true, per: team, when_missing: skip}
          - {name: size, max: 8, ever: true, per: size, when_missing: skip}
        waterfall: [{from: allowance, windows: [{name: all, max: 100, ever: true}]}]
"""


@pytest.mark.parametrize("face", ["plain", "async"])
def test_limits_per_attribute_are_told_for_the_values_asked_for(face):
    with engine("memory://", face, clock=clock(), policy=policy(PER_TEAM)) as access:
        access.accounts.put("acme", "plus")
        access.consume("acme", "f", 3, attributes={"team": "blue", "size": "big"})

        def told(**options):
            (found,) = access.overview("acme", **options).features
            return [(limit.name, limit.per, limit.scope, limit.used, limit.room) for limit in found.limits]

        everyone = ("all", "", "", 3, 97)
        assert told() == told(subject="ada") == [everyone]
        blue, red = ("team", "team", "blue", 3, 6), ("team", "team", "red", 0, 9)
        assert told(attributes={"team": "blue"}) == [blue, everyone]
        assert told(attributes={"team": "red"}) == [red, everyone]
        assert told(attributes={"team": "blue", "size": "big"}) == [blue, ("size", "size", "big", 3, 5), everyone]
        with pytest.raises(UnknownName, match="expected one that the policy declares: size, team"):
            access.overview("acme", attributes={"colour": "blue"})
        for wrong in ("team", {"team": ""}, {"team": 5}, {"subject": "ada"}):
            with pytest.raises(InvalidInput):
                access.overview("acme", attributes=wrong)

"""What an operator published, scheduled or withdrew is not taken back by who opens with a file."""

from __future__ import annotations

import logging

import pytest

import spillover
from spillover.model.errors import InvalidInput, PolicyError
from tests.engine.houses import POLICY, clock, engine, policy

DAY = 86_400_000
OLD, NEW, OTHER = (policy(POLICY.replace("credits: 1}", f"credits: {price}}}")) for price in (1, 2, 3))


@pytest.fixture(params=["plain", "async"])
def face(request):
    return request.param


@pytest.fixture
def turning():
    return clock()


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "p1.yaml"
    file.write_text(POLICY)
    return file


@pytest.fixture
def url(tmp_path, turning, file):
    url = f"sqlite:///{tmp_path}/x.db"
    spillover.connect(url, policy=file, clock=turning, settle=False).close()
    return url


def opened(url, turning, **options):
    return spillover.connect(url, clock=turning, settle=False, **options)


def test_a_file_that_was_replaced_is_not_published_again_and_one_line_says_what_decides(
    url, file, turning, caplog, face
):
    with opened(url, turning) as access:
        access.policies.publish(NEW)
    turning.turn(days=1)
    for given in (file, str(file)):
        caplog.clear()
        with engine(url, face, policy=given, clock=turning) as access:
            assert access.policy == NEW
            assert len(access.policies.list()) == 2
        [record] = [one for one in caplog.records if one.name == "spillover"]
        line = record.getMessage()
        assert record.levelno == logging.WARNING
        assert "\n" not in line
        for part in (f"{file} (hash {OLD.hash[:12]})", f"no. 2 (hash {NEW.hash[:12]}", "Leave policy= out",
                     f"`spillover policy publish {file}`", "force=True"):  # fmt: skip
            assert part in line
    with opened(url, turning, policy=file, force=True) as access:
        assert access.policy == OLD
        assert [one.hash for one in access.policies.list()] == [OLD.hash, NEW.hash, OLD.hash]


def test_a_file_that_is_in_force_or_new_opens_without_a_word(url, file, turning, caplog):
    opened(url, turning, policy=file).close()
    with opened(url, turning, policy=NEW) as access:
        assert access.policy == NEW
        assert access.policies.list()[-1].reason == "connect"
    assert [one for one in caplog.records if one.name == "spillover"] == []


def test_a_file_that_was_withdrawn_or_is_scheduled_is_not_published_by_who_opens_with_it(url, turning, caplog):
    with opened(url, turning) as access:
        access.policies.publish(NEW, when=turning() + DAY)
    with opened(url, turning, policy=NEW) as access:
        assert access.policy == OLD
        assert "scheduled here, no. 2 for 2026-03-03 09:00:00 UTC" in caplog.text
        access.policies.withdraw(2)
    with opened(url, turning, policy=NEW) as access:
        assert access.policy == OLD
        assert "published here and withdrawn" in caplog.text
        turning.turn(days=2)
        assert access.policy == OLD


def test_a_new_file_replaces_nothing_that_is_scheduled_unless_forced(url, turning, caplog):
    with opened(url, turning) as access:
        access.policies.publish(NEW, when=turning() + DAY)
    with pytest.raises(PolicyError, match=r"no\. 2 \(2026-03-03 09:00:00 UTC\).*force=True$") as refused:
        opened(url, turning, policy=OTHER)
    assert "\n" not in str(refused.value)
    with opened(url, turning) as access:
        assert (access.policy, len(access.policies.list())) == (OLD, 2)
    with opened(url, turning, policy=OTHER, force=True) as access:
        assert access.policy == OTHER
        assert "replaces what was scheduled: no. 2 (2026-03-03 09:00:00 UTC)" in caplog.text
        turning.turn(days=2)
        assert access.policy == OTHER


def test_publishing_answers_with_what_it_replaces_and_what_still_comes(url, turning, face):
    with engine(url, face, policy=None, clock=turning) as access:
        access.policies.publish(NEW, when=turning() + DAY, reason="prices", actor="ann")
        access.policies.publish(OTHER, when=turning() + 2 * DAY)
        same = access.policies.publish(OLD)
        assert (same.changed, [one.number for one in same.coming]) == (False, [2, 3])
        then = access.policies.publish(NEW, when=turning() + DAY + 1)
        assert (then.changed, then.publication.number) == (False, 2)
        done = access.policies.publish(OLD, when=turning() + DAY, reason="back")
        assert [one.number for one in done.replaces] == [2, 3]
        listed = access.policies.list()
        assert [(one.reason, one.actor) for one in listed[1:]] == [("prices", "ann"), ("", ""), ("back", "")]


def test_what_was_scheduled_and_is_withdrawn_does_not_come_also_in_an_engine_that_has_learnt_of_it(url, turning, face):
    with engine(url, face, policy=None, clock=turning) as access, opened(url, turning) as other:
        access.policies.publish(NEW, when=turning() + DAY)
        other.run(other.desk.tend())
        done = access.policies.withdraw(2, reason="not agreed", actor="ann")
        assert (done.publication.hash, done.coming) == (NEW.hash, ())
        last = access.policies.list()[-1]
        assert (last.withdraws, last.reason, last.actor) == (2, "not agreed", "ann")
        other.run(other.desk.tend())
        turning.turn(days=1)
        assert access.policy == other.policy == OLD
        with pytest.raises(InvalidInput, match=r"no\. 1, whose instant has come"):
            access.policies.withdraw(1)
        for wrong in ({"reason": 5}, {"actor": "a\nb"}):
            with pytest.raises(InvalidInput):
                access.policies.publish(NEW, **wrong)
            with pytest.raises(InvalidInput):
                access.policies.withdraw(1, **wrong)

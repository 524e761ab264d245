"""What every office promises, whatever database keeps it."""

from __future__ import annotations

import msgspec
import pytest

from spillover.model.errors import BoundExceeded, InvalidInput, StoreError
from spillover.office import accepting
from spillover.office.keys import revoked, rotated
from spillover.ports.office import Act, Office
from tests.office.support import DAY, NOW, act, key_of, office_at, run


def test_a_key_is_read_as_it_was_put_and_none_for_another_id(office: Office) -> None:
    key, _ = key_of("checkout", ("decide", "read"), ("acme", "søren & co / 2"), ("video.seconds",), NOW + DAY)
    run(office.put_key(key))
    assert run(office.key(key.id)) == key
    assert run(office.key("another")) is None
    assert run(office.key("nul\0")) is None
    assert run(office.key("")) is None


def test_keys_come_in_the_order_of_making_and_stay_there_when_they_are_rotated_or_revoked(office: Office) -> None:
    assert list(run(office.keys())) == []
    made = [key_of(name, accounts=("acme", "bolt")[:count])[0] for name, count in (("c", 2), ("a", 0), ("b", 1))]
    for key in made:
        run(office.put_key(key))
    assert list(run(office.keys())) == made
    made[0] = rotated(made[0], NOW + DAY, NOW + 5, NOW, lambda count: b"n" * count)[0]
    made[1] = revoked(made[1], NOW + 7)
    made[2] = msgspec.structs.replace(made[2], accounts=("bolt",), name="renamed")
    for key in made:
        run(office.put_key(key))
    assert list(run(office.keys())) == made


def test_acts_are_numbered_from_1_and_read_as_they_were_written(office: Office) -> None:
    first = run(office.begin(act("credits.add", "acme", NOW, b'{"credits":"5"}', "order 7")))
    second = run(office.begin(act("policies.publish", "", NOW + 1, b"", "")))
    assert (first, second) == (1, 2)
    run(office.end(2, "PolicyError: line 3", NOW + 9))
    assert list(run(office.acts())) == [
        Act(1, NOW, "ada", "credits.add", "acme", "order 7", b'{"credits":"5"}', "", 0),
        Act(2, NOW + 1, "ada", "policies.publish", "", "", b"", "PolicyError: line 3", NOW + 9),
    ]


def test_an_act_ends_once_and_later_words_change_nothing(office: Office) -> None:
    number = run(office.begin(act()))
    run(office.end(number, "done", NOW + 1))
    run(office.end(number, "failed", NOW + 2))
    run(office.end(99, "done", NOW + 2))
    assert [(found.outcome, found.ended) for found in run(office.acts())] == [("done", NOW + 1)]


def test_acts_are_found_by_time_and_account_and_in_pages(office: Office) -> None:
    for at, account in ((0, "acme"), (1, "bolt"), (2, "acme"), (3, ""), (4, "acme")):
        run(office.begin(act(account=account, at=NOW + at)))

    def numbers(**wanted: object) -> list[int]:
        return [found.number for found in run(office.acts(**wanted))]  # type: ignore[arg-type]

    assert numbers() == [1, 2, 3, 4, 5]
    assert numbers(account="acme") == [1, 3, 5]
    assert numbers(account="nobody") == []
    assert numbers(since=NOW + 1, until=NOW + 4) == [2, 3, 4]
    assert numbers(account="acme", since=NOW + 1, until=NOW + 4) == [3]
    assert numbers(limit=2) == [1, 2]
    assert numbers(limit=2, after=2) == [3, 4]
    assert numbers(account="acme", limit=1, after=1) == [3]
    assert numbers(after=5) == []


def test_events_that_were_accepted_are_all_known_and_what_was_cut_off_is_not(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "PAGE", 2)
    marks = [accepting.mark_of(17, 0, sequence, "a key") for sequence in range(5)]
    assert len({*marks, accepting.mark_of(17, 0, 4, "another key"), accepting.mark_of(18, 0, 4, "a key")}) == 7
    run(office.begin(act(verb=accepting.VERB)))  # killed before its ending
    for mark in [*marks, marks[0]]:
        run(office.begin(act(verb="accounts.put")))
        run(accepting.accept(office, mark, account="", reason=f"about {mark}", actor="ann", at=NOW))
    found = run(accepting.accepted(office))
    assert {mark: one.reason for mark, one in found.items()} == {mark: f"about {mark}" for mark in marks}


def test_a_name_is_found_however_its_letters_were_composed(office: Office) -> None:
    run(office.begin(act(account="Zoe\u0308")))
    assert [found.account for found in run(office.acts(account="Zo\u00eb"))] == ["Zo\u00eb"]


def test_the_first_signing_key_stays(office: Office) -> None:
    assert run(office.signing_key(b"a" * 32)) == b"a" * 32
    assert run(office.signing_key(b"b" * 48)) == b"a" * 32


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (act(account="\n"), "account: found '\\n', expected 1 to 128 printable characters, no blanks at the ends"),
        (act(verb="a\0b"), "verb: found 'a\\x00b', expected at most 4,096 characters, without NUL"),
        (act(reason="\ud800"), "reason: found '\\ud800', expected at most 4,096 characters, without NUL"),
    ],
)
def test_what_no_database_keeps_is_refused_in_one_line_and_nothing_is_written(
    office: Office, wrong: Act, said: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        run(office.begin(wrong))
    assert str(refused.value) == said
    with pytest.raises(BoundExceeded, match=r"^bytes of an act's details: found 4194305, expected at most 4194304; "):
        run(office.begin(act(details=b" " * ((4 << 20) + 1))))
    assert list(run(office.acts())) == []


def test_an_ending_is_written_whatever_its_text_but_not_without_one(office: Office) -> None:
    for said in ("a\0b \ud800", "x" * 10_000):
        run(office.end(run(office.begin(act())), said, NOW))
    assert [found.outcome for found in run(office.acts())] == ["a\u2400b ?", "x" * 4096]
    with pytest.raises(InvalidInput, match=r"^outcome: found nothing, expected how it ended"):
        run(office.end(1, "", NOW))


def test_odd_pages_and_weak_secrets_are_refused_in_one_line(office: Office) -> None:
    for limit in (0, 10_001, True):
        with pytest.raises(InvalidInput, match=r"^limit: found .*, expected from 1 to 10,000 rows$"):
            run(office.acts(limit=limit))
    with pytest.raises(InvalidInput, match=r"^fresh: found 31 bytes, expected at least 32 random bytes$"):
        run(office.signing_key(b"x" * 31))


def test_what_was_kept_is_there_for_who_opens_it_next(url: str) -> None:
    first = office_at(url)
    key, _ = key_of(accounts=("acme",))
    run(first.put_key(key))
    run(first.begin(act()))
    run(first.signing_key(b"k" * 32))
    for _ in range(2):
        run(first.close())
    with pytest.raises(StoreError):
        run(first.keys())
    second = office_at(url)
    assert list(run(second.keys())) == [key]
    assert [found.number for found in run(second.acts())] == [1]
    assert run(second.signing_key(b"l" * 32)) == b"k" * 32
    run(second.close())

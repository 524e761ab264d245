"""Publications: what a new one replaces is named, and one that is still to come can be taken back."""

from __future__ import annotations

import pytest

from spillover.core.publications import in_force, replaced, to_come
from spillover.model.errors import InvalidInput, UnknownName
from spillover.model.reports import Publication
from tests.ledger.support import Books, run


def publish(books: Books, name: str, at: int, since: int | None = None, **why: str):
    return run(books.ledger.publish(name, f"{{{name}}}", at=at, since=since, **why))


def numbers(found) -> list[int]:
    return [one.number for one in found]


def deciding(books: Books, *instants: int) -> list[str | None]:
    return [run(books.ledger.policy_document(at=at)) for at in instants]


def test_a_publication_says_why_and_by_whom(books: Books) -> None:
    done = publish(books, "a", 10, reason="launch", actor="ann")
    assert done.publication == Publication(1, "a", 10, 10, "launch", "ann")
    assert run(books.ledger.publications()) == (done.publication,)
    for wrong in ({"reason": 5}, {"actor": "x" * 10_000}):
        with pytest.raises(InvalidInput):
            publish(books, "b", 11, **wrong)


def test_what_a_new_one_replaces_is_named_and_what_comes_before_it_still_comes(books: Books) -> None:
    publish(books, "a", 10)
    publish(books, "b", 10, 100)
    publish(books, "c", 10, 200)
    later = publish(books, "d", 20, 150)
    assert (later.changed, numbers(later.replaces), numbers(later.coming)) == (True, [3], [2])
    now = publish(books, "e", 30)
    assert (numbers(now.replaces), numbers(now.coming)) == ([2, 4], [])
    assert deciding(books, 29, 30, 100, 150, 200) == ["{a}", "{e}", "{e}", "{e}", "{e}"]


def test_what_is_in_force_then_anyway_is_not_published_again_and_the_answer_says_by_which(books: Books) -> None:
    publish(books, "a", 10)
    publish(books, "b", 10, 100)
    now = publish(books, "a", 20)
    assert (now.changed, now.publication.number, numbers(now.coming)) == (False, 1, [2])
    then = publish(books, "b", 20, 120)
    assert (then.changed, then.publication.number, numbers(then.coming)) == (False, 2, [])
    assert len(run(books.ledger.publications())) == 2


def test_one_that_is_withdrawn_never_comes_and_both_stay_on_record(books: Books) -> None:
    publish(books, "a", 10)
    publish(books, "b", 10, 100)
    publish(books, "c", 10, 200)
    done = run(books.ledger.withdraw(2, at=50, reason="not agreed", actor="ann"))
    assert (done.publication.number, numbers(done.coming), done.returns) == (2, [3], ())
    assert run(books.ledger.publications())[1:] == (
        Publication(2, "b", 100, 10), Publication(3, "c", 200, 10),
        Publication(4, "b", 100, 50, "not agreed", "ann", withdraws=2),
    )  # fmt: skip
    assert deciding(books, 99, 100, 199, 200) == ["{a}", "{a}", "{a}", "{c}"]
    assert publish(books, "b", 60, 100).changed, "it can be published again"
    assert deciding(books, 100) == ["{b}"]


def test_what_a_withdrawn_one_would_have_replaced_comes_again(books: Books) -> None:
    publish(books, "a", 10)
    publish(books, "b", 10, 200)
    assert numbers(publish(books, "c", 10, 100).replaces) == [2]
    done = run(books.ledger.withdraw(3, at=50))
    assert (numbers(done.coming), numbers(done.returns)) == ([2], [2])
    assert deciding(books, 100, 200) == ["{a}", "{b}"]


def test_what_has_come_is_withdrawn_already_or_never_was_cannot_be_withdrawn(books: Books) -> None:
    publish(books, "a", 10)
    publish(books, "b", 10, 100)
    publish(books, "c", 10, 200)
    run(books.ledger.withdraw(3, at=50))
    before = run(books.ledger.publications())
    for number, at, found in (
        (1, 50, "come"), (2, 100, "come"), (3, 60, "withdrawn already"), (4, 60, "which withdrew no. 3"),
    ):  # fmt: skip
        with pytest.raises(InvalidInput, match=f"no. {number}, .*{found}.*still to come"):
            run(books.ledger.withdraw(number, at=at))
    for number in (0, 5, "2", True):
        with pytest.raises(UnknownName):
            run(books.ledger.withdraw(number, at=60))
    assert run(books.ledger.publications()) == before


def test_a_clock_that_is_behind_cannot_withdraw_what_another_saw_come(books: Books) -> None:
    publish(books, "a", 10)
    publish(books, "b", 10, 100)
    publish(books, "c", 150, 300)
    with pytest.raises(InvalidInput, match="come"):
        run(books.ledger.withdraw(2, at=90))


@pytest.mark.parametrize(
    ("rows", "lost", "coming"),
    [
        ("1:10@10 2:100@10", [], [2]),
        ("1:10@10 2:100@10 3:20@20", [2], []),
        ("1:10@10 2:100@10 3:100@20", [2], [3]),
        ("1:10@10 2:100@10 3:99@20", [2], [3]),
        ("1:10@10 2:100@10 3:101@20", [], [2, 3]),
        ("1:10@10 2:100@10 3:50@20 4:50@30-3", [], [2]),
        ("1:10@10 2:100@10 3:120@120", [], []),
        ("1:10@10 2:10@10", [], []),
    ],
)
def test_replaced_is_what_was_scheduled_and_never_comes_and_it_stays_so(rows, lost, coming) -> None:
    found = []
    for row in rows.split():
        number, _, rest = row.partition(":")
        since, _, at = rest.partition("@")
        at, _, withdraws = at.partition("-")
        found.append(Publication(int(number), number, int(since), int(at), withdraws=int(withdraws or 0)))
    now = max(one.at for one in found)
    assert numbers(to_come(found, now)) == coming
    assert sorted(replaced(found)) == lost
    ever = {one.number for at in range(1000) if (one := in_force(found, at))}
    assert not ever & set(lost)

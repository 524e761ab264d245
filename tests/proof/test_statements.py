"""A statement proves itself: chain, running balances and sums; whatever byte is changed is found."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from spillover.model.errors import InvalidInput
from spillover.proof import Finding, Proved, check
from spillover.proof.chain import canonical, genesis, link
from tests.proof.support import damage, told


def test_a_statement_of_every_kind_of_row_is_proved():
    found = check(told().statement)
    assert isinstance(found, Proved)
    assert found.sentence.startswith(f"{told().statement.count(chr(10).encode()) - 1} balance updates of account")
    assert "nobody signed it" in found.sentence


def test_any_byte_that_is_changed_is_found():
    damage(told().statement, 300, random.Random(3))


@pytest.mark.soak
def test_10000_of_10000_changed_bytes_are_found():
    damage(told().statement, 10_000, random.Random(4))


def test_a_line_that_is_taken_out_put_in_or_moved_is_found():
    head, *rows = told().statement.splitlines(keepends=True)
    for changed in ([*rows[:-1]], rows[1:], [*rows, rows[-1]], [rows[1], rows[0], *rows[2:]], []):
        assert isinstance(check(b"".join([head, *changed])), Finding)
    with pytest.raises(InvalidInput):
        check(told().statement[:-1])


LOT_AFTER, ACCOUNT_AFTER, LOT, DELTA, KIND, SOURCE, MEASURE, NUMBER = 8, 9, 4, 5, 2, 6, 3, 1
FIRST_DEBIT = 0


def put(column: int, value: object) -> Callable[[list], None]:
    return lambda row: row.__setitem__(column, value)


@pytest.mark.parametrize(
    ("number", "change", "said"),
    [
        (1, put(LOT_AFTER, 7), "leaves 7 and 50000, expected 50000 and 50000"),
        (1, put(ACCOUNT_AFTER, 7), "leaves 50000 and 7"),
        (1, put(DELTA, -1), "moves lot/1 by -1"),
        (1, put(NUMBER, 2), "is number 2"),
        (FIRST_DEBIT, put(DELTA, -99_000_000), "below 0"),
        (FIRST_DEBIT, put(MEASURE, "codex.tokens"), "but lot/1 is of credits"),
        (FIRST_DEBIT, put(SOURCE, "lot/9"), "from lot/9"),
        (1, put(DELTA, 0), "leaves 50000 and 50000, expected 0 and 0"),
    ],
)  # fmt: skip
def test_a_forger_who_computes_the_chain_anew_meets_the_balances(number, change, said):
    rows = [json.loads(line)["row"] for line in told().statement.splitlines()[1:]]
    number = number or next(row[NUMBER] for row in rows if row[KIND] == "debit" and row[LOT])
    found = check(chained(number, change))
    assert isinstance(found, Finding)
    assert said in found.sentence
    assert f"row {number} " in found.sentence


def test_a_sum_that_does_not_close_is_found():
    """An overshoot whose refund and debt are not all of it leaves its book open."""
    rows = [json.loads(line)["row"] for line in told().statement.splitlines()[1:]]
    owed = next(row for row in rows if row[KIND] == "owed" and not row[LOT])
    number = owed[NUMBER]

    def less(row: list) -> None:
        row[DELTA] -= 1
        row[ACCOUNT_AFTER] -= 1

    found = check(chained(number, less, upto=number))
    assert isinstance(found, Finding)
    assert "the book overshoot of credits sums to -1" in found.sentence


def chained(number: int, change: Callable[[list], None], upto: int | None = None) -> bytes:
    """The statement with one row changed, and its chain computed anew."""
    rows = [json.loads(line)["row"] for line in told().statement.splitlines()[1:]][:upto]
    change(rows[number - 1])
    last, lines = genesis("balance_updates", told().account), []
    for row in rows:
        last = link(last, row)
        lines.append(canonical({"hash": last.hex(), "row": row}))
    head = {"spillover_statement": 1, "account": told().account, "count": len(rows), "head": last.hex()}
    return b"\n".join([canonical(head), *lines]) + b"\n"

"""Tables are narrow, and cut nothing off however narrow the terminal is."""

import io

from spillover.pictures.paper import paper
from spillover.pictures.tables import table
from spillover.pictures.wording import short_times
from tests.pictures.support import NOW, shown

COLUMNS = ("name", ">count", ">owed", "~why")
ROWS = [("first[bold]", "12", "", "because of one thing and of another"), ("b", "3", "", "so")]


def test_a_column_that_is_empty_throughout_is_left_out_and_two_blanks_part_the_others():
    assert shown(table(COLUMNS, ROWS)).splitlines() == [
        "name         count  why",
        "first[bold]     12  because of one thing and of another",
        "b                3  so",
    ]


def test_only_what_may_fold_is_folded_while_that_helps():
    lines = shown(table(COLUMNS, ROWS), width=40).splitlines()
    assert lines[1] == "first[bold]     12  because of one thing"
    assert max(len(line) for line in lines) <= 40


def test_nothing_is_ever_cut_off():
    wide = [("a-name-without-any-end-" * 3, "12", "", "why")]
    text = shown(table(COLUMNS, wide), width=30)
    assert max(len(line) for line in text.splitlines()) <= 30
    assert "".join(line[:20].strip() for line in text.splitlines()[1:]).startswith("a-name-without")
    assert text.count("-") == wide[0][0].count("-")


def test_a_table_without_rows_shows_its_columns():
    assert shown(table(COLUMNS, [])).split() == ["name", "count", "owed", "why"]


def test_a_year_that_all_times_share_is_said_once():
    year = 366 * 86_400_000
    assert short_times([NOW, 0, 2**53 - 1]) == (["03-02 10:00", "", "never"], "Times are UTC, 2026.")
    assert short_times([NOW, NOW + year])[0] == ["2026-03-02 10:00", "2027-03-03 10:00"]
    assert short_times([NOW, NOW + year])[1] == "Times are UTC."
    assert short_times([0]) == ([""], "")


def test_a_pipe_gets_no_blanks_at_the_ends_of_lines(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stdout", pipe)
    print("one  \n  two \n", file=paper())
    assert pipe.getvalue() == "one\n  two\n\n"

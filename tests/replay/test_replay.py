"""A replay of a small trace: what is counted, what a second run changes (nothing), and what stops it."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

import spillover
from spillover.engine.answers import Decision
from spillover.engine.items import Answer
from spillover.model.errors import InvalidInput, TraceError
from spillover.replay import Summary, render
from spillover.replay.requests import Entry
from tests.replay import books
from tests.replay.support import HEADER, MAP, POLICY, Bench, bench, csv_text, rows_of_usage, shape, url_of, written


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("trace"))


class Log:
    """Every answer, by account and key."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}

    def __call__(self, entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
        for entry, answer in zip(entries, answers, strict=True):
            assert (entry.ask.account, entry.ask.key) not in self.answers
            self.answers[entry.ask.account, entry.ask.key] = answer

    def grants(self) -> dict[tuple[str, str], tuple[object, ...]]:
        return {
            key: (answer.legs, answer.at, answer.units, answer.sequence)
            for key, answer in self.answers.items()
            if isinstance(answer, Decision) and answer.allowed
        }


def test_every_layer_splits_and_denials_of_each_kind_occur_and_add_up(small: Bench) -> None:
    log = Log()
    summary = small.replay(observe=log)
    assert summary.requests == len(log.answers) == summary.rows - summary.skipped
    assert summary.requests == summary.granted + summary.denials
    assert summary.split > 50
    assert {(use.feature, use.layer) for use in summary.layers} == {
        ("images", "allowance"), ("images", "units"), ("images", "credits"),
        ("tokens", "allowance"), ("tokens", "credits"), ("tokens", "overage"),
    }  # fmt: skip
    assert {denied.kind for denied in summary.denied} == {"ceiling", "spending", "credits", "cap", "plan"}
    assert not summary.granted_before
    assert not summary.refused
    decisions = [answer for answer in log.answers.values() if isinstance(answer, Decision)]
    assert sum(len(decision.legs) > 1 for decision in decisions) == summary.split
    assert sum(use.requests for use in summary.layers) == sum(len(decision.legs) for decision in decisions)


def test_what_the_answers_drew_is_what_the_books_say_was_spent(small: Bench, tmp_path: Path) -> None:
    summary = small.replay(tmp_path / "x.db")
    credits = next(held for held in summary.holdings if held.measure == "credits")
    gifts = next(held for held in summary.holdings if held.measure == "images")
    drawn = {layer: [use for use in summary.layers if use.layer == layer] for layer in ("units", "credits", "overage")}
    assert credits.spent == sum(use.charged.micro_credits for use in drawn["credits"])
    assert credits.advanced == sum(use.charged.micro_credits for use in drawn["overage"])
    assert gifts.spent == sum(use.units for use in drawn["units"])
    for held in (credits, gifts):
        assert held.given == held.spent + held.left + held.gone
        assert held.gone, "lots had expired when the trace ended"
        assert (held.held, held.owed) == (0, 0)
    assert books.sound(tmp_path / "x.db")


def test_a_second_replay_answers_every_grant_as_before_and_changes_nothing(small: Bench, tmp_path: Path) -> None:
    first_log, second_log = Log(), Log()
    path = tmp_path / "x.db"
    first = small.replay(path, observe=first_log)
    before = books.sound(path)
    second = small.replay(path, observe=second_log, group=37)
    assert books.sound(path) == before
    assert second_log.grants() == first_log.grants()
    assert (second.granted, second.granted_before) == (0, first.granted)
    assert second.denials == first.denials
    assert shape(second) == shape(first)


@pytest.mark.parametrize("group", [1, 7, 128])
def test_groups_and_stores_make_no_difference(small: Bench, group: int, tmp_path: Path) -> None:
    in_memory, in_file = Log(), Log()
    small.replay(observe=in_memory, group=128)
    small.replay(tmp_path / "x.db", observe=in_file, group=group, limit=300)
    known = {key: in_memory.answers[key] for key in in_file.answers}
    assert len(known) == 300
    for key, answer in in_file.answers.items():
        expected = known[key]
        assert isinstance(answer, Decision)
        assert isinstance(expected, Decision)
        assert (answer.allowed, answer.legs, answer.units) == (expected.allowed, expected.legs, expected.units)
        assert (answer.denial and answer.denial.blocked_by) == (expected.denial and expected.denial.blocked_by)


def test_parts_are_the_whole_and_no_account_is_in_two(small: Bench, tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.db", tmp_path / "parts.db"
    small.replay(whole, limit=600)
    logs = [Log() for _ in range(3)]
    parts = [small.replay(path, part=f"{n}/3", limit=600, observe=log) for n, log in enumerate(logs, 1)]
    assert sum(part.requests for part in parts) == 600
    accounts = [{account for account, _ in log.answers} for log in logs]
    assert sum(map(len, accounts)) == len(set.union(*accounts)) == sum(part.accounts for part in parts)
    assert books.sound(path) == books.sound(whole)


def test_a_packed_trace_and_cloudevents_are_the_same_usage(small: Bench, tmp_path: Path) -> None:
    rows = rows_of_usage(300)
    packed = tmp_path / "trace.csv.gz"
    packed.write_bytes(gzip.compress(csv_text(rows).encode()))
    names = dict(zip(HEADER, range(len(HEADER)), strict=True))
    lines = []
    for number, row in enumerate(rows, 1):
        data = {name: row[at] for name, at in names.items() if row[at] != ""}
        event = {"specversion": "1.0", "id": str(number), "source": "/meter", "type": row[names["what"]], "data": data}
        lines.append(json.dumps(event))
    events = tmp_path / "trace.jsonl"
    events.write_text("\n".join(lines))
    as_events = MAP.replace("feature: {column: what", "feature: {column: type").replace("{what: note}", "{type: note}")
    as_events = re.sub(r"(column: |\[)(t|who|seat|model|n|in|out|cached)\b", r"\1data.\2", as_events)
    (tmp_path / "events").mkdir()
    first = written(tmp_path, packed, MAP, POLICY).replay()
    second = written(tmp_path / "events", events, as_events, POLICY).replay()
    assert first.requests > 200
    assert (first.denied, first.layers, first.holdings) == (second.denied, second.layers, second.holdings)


def spoilt(folder: Path, *bad: str, at: int = 200) -> Bench:
    one = bench(folder, 400)
    lines = one.trace.read_bytes().split(b"\r\n")
    one.trace.write_bytes(b"\r\n".join([*lines[:at], *(line.encode() for line in bad), *lines[at:]]))
    return one


BAD = {
    "1e3,acct-1,s,IMG,large,1,,,": "t: found '1e3', expected a number of s",
    "9,acct-1,s,IMG,large,1.5,,,": "n: found '1.5', expected a whole number from 0 to 2^53 - 1",
    "9,acct-1,s,IMG,large,NaN,,,": "n: found 'NaN', expected a whole number from 0 to 2^53 - 1",
    "9,acct-1,s,IMG,large,,,,": "usage.images: found an empty cell, expected a whole number (or when_empty in the map)",
    "9,acct-1,s,IMG,large,0,,,": "usage: found {'images': 0}, expected at least one unit",
    "9,acct-1,s,TXT,,,5,6,1": "in: found 5, less than cached together, expected a count that is not below 0",
    "9,acct-1,s,PDF,large,1,,,": "what: found 'PDF', expected one of the map's values: IMG, TXT",
    "9,,s,IMG,large,1,,,": "account: found '', expected 1 to 128 printable characters, no blanks at the ends",
    "9999999999,acct-1,s,IMG,large,1,,,": "at: found 11774720799000, expected milliseconds since 1970",
    "9,acct-1,s,IMG": "row: found 4 fields, expected 9, as in the header",
    "9,acct-1,s,IMG," + "m" * 65 + ",1,,,": "attributes.model: found 'mmm",
}


@pytest.mark.parametrize("bad", BAD, ids=[value.partition(":")[0] + str(n) for n, value in enumerate(BAD.values())])
def test_a_bad_row_stops_at_its_line_and_can_be_skipped(bad: str, tmp_path: Path) -> None:
    one = spoilt(tmp_path, bad)
    with pytest.raises(TraceError) as caught:
        one.replay()
    assert f"{one.trace}:201: {BAD[bad]}" in str(caught.value)
    assert str(caught.value).endswith("; mend it, or skip bad rows")
    skipped = one.replay(skip_bad=True)
    assert (skipped.bad, skipped.rows) == (1, 401)
    assert skipped.first_bad[0].startswith(f"{one.trace}:201: {BAD[bad]}")


def test_bad_rows_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    summary = spoilt(tmp_path, *BAD).replay(skip_bad=True)
    assert (summary.bad, len(summary.first_bad)) == (len(BAD), 5)


def test_what_was_decided_before_a_bad_row_stays_and_the_mended_trace_goes_on(tmp_path: Path) -> None:
    one, path = spoilt(tmp_path, "9,acct-1,s,IMG,large,1.5,,,", at=350), tmp_path / "x.db"
    with pytest.raises(TraceError):
        one.replay(path, group=16)
    granted = len(books.granted_keys(path))
    assert granted > 100
    mended = bench(tmp_path, 400)
    summary = mended.replay(path)
    assert summary.granted_before == granted
    (tmp_path / "at-once").mkdir()
    at_once = bench(tmp_path / "at-once", 400)
    at_once.replay(tmp_path / "y.db")
    assert books.sound(path) == books.sound(tmp_path / "y.db")


def test_requests_that_are_no_question_are_counted_as_refused_with_their_lines(tmp_path: Path) -> None:
    rows = [("1", "a", "s", "IMG", "large", "1", "", "", ""), ("2", "a", "s", "IMG", "large", "2", "", "", "")]
    trace = tmp_path / "t.csv"
    trace.write_text(csv_text([*rows, ("3", "b", "s", "IMG", "large", "1", "", "", "")]))
    same_key = written(tmp_path, trace, MAP + "key: {is: always}\n", POLICY).replay()
    assert (same_key.granted, same_key.refusals) == (2, 1)
    (refused,) = same_key.refused
    assert refused.error == "KeyReused"
    assert refused.examples[0].startswith(f"{trace}:3: key 'always' of account 'a' was used before")
    nobody = written(tmp_path, trace, MAP.partition("accounts:")[0], POLICY).replay()
    assert (nobody.granted, nobody.accounts, nobody.holdings) == (0, 2, ())
    assert [(refused.error, refused.requests) for refused in nobody.refused] == [("UnknownName", 3)]


def test_a_plan_that_a_row_does_not_give_makes_it_a_bad_row(tmp_path: Path) -> None:
    one = bench(tmp_path, 100)
    by_model = "{column: model, values: {small: pro, large: gold, '': free}}"
    one.map.write_text(MAP.replace("{share: {free: 80, pro: 20}}", by_model))
    with pytest.raises(InvalidInput, match=r"accounts\.plan\.values\.large: found 'gold'"):
        one.replay()
    one.map.write_text(MAP.replace("{share: {free: 80, pro: 20}}", "{column: model}"))
    with pytest.raises(TraceError, match=r"trace\.csv:2: accounts\.plan: found '.*', expected one of"):
        one.replay()
    assert one.replay(skip_bad=True).requests == 0


def test_accounts_open_with_the_terms_and_lots_of_the_map_at_their_first_row(small: Bench, tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    small.replay(path, limit=200)
    with spillover.connect(url_of(path), settle=False) as access:
        profile = access.accounts.put("acct-0")
        lots = {lot.id: lot for lot in profile.lots}
    assert (profile.plan, profile.zone) == ("free", "Europe/Paris")
    assert profile.version == 1 + len(profile.lots), "nothing was given twice"
    bought = lots[len(lots)]
    assert (bought.promotional, bought.effective - profile.anchor) == (False, 6 * 3_600_000)


def test_progress_tells_how_many_of_how_many(small: Bench) -> None:
    told: list[tuple[int, int | None]] = []
    summary = small.replay(progress=lambda done, total: told.append((done, total)), limit=300)
    assert len(told) == 3
    assert told[-1] == (300 + summary.skipped, 300 + summary.skipped)
    assert all(done <= (total or 0) for done, total in told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"part": "5/4"}, "part: found '5/4', expected which part of how many, such as 2/4"),
        ({"part": "0/4"}, "part: found '0/4'"),
        ({"part": "half"}, "part: found 'half'"),
        ({"group": 129}, "group: found 129, expected a whole number from 1 to 128"),
        ({"limit": -1}, "limit: found -1"),
        ({"durability": "lax"}, "durability: found 'lax'"),
    ],
)
def test_options_are_checked_before_anything_is_written(options: dict[str, object], said: str, small: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        small.replay(**options)
    assert said in str(caught.value)


def test_a_trace_with_only_a_header_is_a_summary_of_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text(csv_text([]))
    summary = written(tmp_path, trace, MAP, POLICY).replay()
    assert (summary.requests, summary.rows, summary.layers, summary.speed.decisions_per_s) == (0, 0, (), 0.0)
    assert "asked" in shown(summary)


def test_the_summary_is_json_and_a_table(tmp_path: Path) -> None:
    summary = spoilt(tmp_path, "9,acct-1,s,IMG,large,1.5,,,").replay(skip_bad=True)
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
    text = shown(summary)
    for said in ("granted", "denied: spending daily", "allowance", "gifted: images", "decisions a second", "assumed:"):
        assert said in text
    assert "1 bad row skipped, the first of them:" in text
    assert shown(summary, 50).strip()


def shown(summary: Summary, width: int = 160) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(render(summary))
    return out.getvalue()

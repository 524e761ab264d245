"""A map's mistakes name file, line, path, what was found and what was expected; nothing is fed before it is sound."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from spillover.model.errors import InvalidInput
from spillover.policy import read_policy, read_policy_text
from spillover.replay import map_schema, read_map, read_map_text
from spillover.replay.binding import bind
from tests.replay.support import EXAMPLES, HOLDS, MAP, POLICY, TRACES, bench

LEAST = "spillover_map: 1\ntime: {column: t, unit: s}\naccount: {column: who}\nfeature: {is: images}\n"


def mistake(text: str, trace: str = "x.csv") -> str:
    with pytest.raises(InvalidInput) as caught:
        bind(read_map_text(text, "map.yaml"), read_policy_text(POLICY), trace)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "map.yaml:1: map: found an empty document, expected a mapping with spillover_map"),
        ("spillover_map: 2\n", "map.yaml:1: spillover_map: found 2, expected 1, the form of maps"),
        ("spillover_map: 1\ntimes: {column: t}\n", "map.yaml:2: times: found an unknown key, expected time perhaps"),
        ("spillover_map: 1\n", "map.yaml:1: time: found nothing, expected time, which a trace in CSV does not tell"),
        (
            LEAST.replace("is: images", "column: f, values: {A: movies}"),
            "feature.values.A: found 'movies', expected one",
        ),
        (LEAST.replace("unit: s", "epoch: 2026-01-01T00:00:00Z"), 'time.epoch: found "2026-01-01T00:00:00Z", expected'),
        (LEAST.replace("unit: s", "unit: s, epoch: today"), 'time.epoch: found "today", expected the instant'),
        (LEAST.replace("unit: s", "unit: h"), 'map.yaml:2: time.unit: found "h", expected rfc3339'),
        (
            LEAST.replace("unit: s", "unit: s, nested: {parent: p, conversation: c, marker: {k: m}}"),
            "order: found nothing, expected time, as nested",
        ),
    ],
)
def test_a_mistake_names_its_place(text: str, said: str) -> None:
    assert said in mistake(text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("time: {column: t}", "time: found this key twice (first on line 2), expected each key once"),
        ("format: xml", 'format: found "xml", expected csv or cloudevents'),
        ("usage: {images: 8}", "usage.images: found 8, expected a column"),
        ("usage: {images: {column: n, is: 1}}", "usage.images: found a mapping with column, is, expected a column"),
        ("usage: {image: {column: n}}", "usage.image: found image, expected one of the policy's counts"),
        ("subject: {bucket: {into: 2}}", "subject.bucket.of: found nothing, expected a list of 1"),
        ("subject: {bucket: {of: [a], into: 0}}", "subject.bucket.into: found 0, expected how many"),
        ("subject: {bucket: {of: [a], into: 2, name: x}}", 'subject.bucket.name: found "x", expected what a bucket'),
        ("attributes: {team: {column: t}}", "attributes.team: found team, expected one of the policy's attributes"),
        ("skip: [{}]", "skip[0].when: found nothing, expected a mapping of columns"),
        ("hold: {}", "hold.ends: found nothing, expected when a row ended"),
        ("hold: {outcome: {is: commit}}", "hold.ends: found nothing, expected when a row ended"),
        ("hold: {ends: took}", 'hold.ends: found "took", expected when a row ended'),
        (
            "hold: {ends: {column: a, lasting: b}}",
            "hold.ends: found a mapping with column, lasting, expected when a row ended",
        ),
        (
            "hold: {ends: {column: a, unit: s}}",
            "hold.ends: found a mapping with column, unit, expected when a row ended",
        ),
        ("hold: {ends: {lasting: a, unit: h}}", 'hold.ends.unit: found "h", expected what numbers in lasting count'),
        (
            "hold: {ends: {lasting: a}, outcome: {column: o, values: {X: commit}, else: lost}}",
            "hold.outcome.else: found 'lost', expected one of commit, release, nothing",
        ),
        ("hold: {ends: {lasting: a}, estimate: {image: {is: 1}}}", "hold.estimate.image: found image, expected one of"),
        ("hold: {ends: {lasting: a}, lasts: 2d}", "hold.lasts: found 2d, expected a time from 1s to 24h"),
        ("accounts: {lots: []}", "accounts.plan: found nothing, expected its plan"),
        ("accounts: {plan: {share: {free: half}}}", 'accounts.plan.share.free: found "half", expected a whole number'),
        ("accounts: {plan: {share: {free: 60}}}", "accounts.plan.share: found 60 hundredths together, expected 100"),
        (
            "accounts: {plan: {is: gold}}",
            "accounts.plan.is: found 'gold', expected one of the policy's plans: free, pro",
        ),
    ],
)
def test_a_mistake_in_a_line_names_its_place(line: str, said: str) -> None:
    assert f"map.yaml:5: {said}" in mistake(f"{LEAST}{line}\n")


@pytest.mark.parametrize(
    ("lot", "said"),
    [
        ("", ": found an empty mapping, expected a lot"),
        ("credits: 1, units: 1, of: images", ": found a mapping with credits, units, of, expected a lot"),
        ("credits: 1.0000001", ": found '1.0000001', expected a number with at most six"),
        ("credits: '0'", ": found 0, expected more than 0"),
        ("units: 1, of: x", ".of: found 'x', expected one of the policy's features: images, tokens"),
        ("credits: 1, plans: [x]", ".plans[0]: found 'x', expected one of the policy's plans"),
        (
            "credits: 1, after: 2d, expires: 1d",
            ": found 1577923200000, expected milliseconds since 1970, after the effe",
        ),
        ("credits: 1, paid: 5 euros", '.paid: found "5 euros", expected what was paid for it'),
    ],
)
def test_a_mistake_in_a_lot_names_its_place(lot: str, said: str) -> None:
    assert f"accounts.lots[0]{said}" in mistake(f"{LEAST}accounts: {{plan: {{is: free}}, lots: [{{{lot}}}]}}\n")


def test_several_mistakes_are_all_named() -> None:
    said = mistake(LEAST + "attributes: {a: {column: a}}\nusage: {b: {column: b}}\n")
    assert "attributes.a" in said
    assert "(and 1 more: line 6 usage.b)" in said


def test_cloudevents_need_no_columns() -> None:
    bound = bind(read_map_text("spillover_map: 1\n"), read_policy_text(POLICY), "usage.jsonl.gz")
    assert bound.format == "cloudevents"
    assert bound.columns == {"time", "subject", "type", "source", "id"}


def test_what_the_trace_does_not_tell_is_said() -> None:
    text = MAP.replace("account: {column: who}", 'account: {bucket: {of: ["#"], into: 200, name: "user-{n}"}}')
    bound = bind(read_map_text(text), read_policy_text(POLICY), "x.csv")
    assert bound.assumptions == (
        "account: rows are dealt into 200 by the hash of row number",
        "plan: dealt by the hash of the account's name (free 80 %, pro 20 %)",
        "first lots: given at the account's first row, as the map says",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "absent.yaml:1: map: found no such file"),
        (b"spillover_map: \xff", "absent.yaml:1: map: found the byte 0xFF, expected text in UTF-8"),
        (b"#" * 1_000_001, "found more than 1,000,000 bytes"),
    ],
)
def test_a_map_that_cannot_be_read_names_its_file(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "absent.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_map(path)
    assert said in str(caught.value)


def test_a_mistake_in_the_map_leaves_no_database(tmp_path: Path) -> None:
    one = bench(tmp_path, 10)
    one.map.write_text(MAP + "colour: red\n")
    with pytest.raises(InvalidInput, match="colour: found an unknown key"):
        one.replay(tmp_path / "x.db")
    assert not (tmp_path / "x.db").exists()


def test_the_schema_is_valid_and_another_validator_accepts_the_maps_of_the_repository() -> None:
    schema = json.loads(map_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for name in (*TRACES, *HOLDS):
        trace_map = read_map(EXAMPLES / name / "map.yaml")
        jsonschema.Draft202012Validator(schema).validate(trace_map.document)
        assert bind(trace_map, read_policy(EXAMPLES / name / "policy.yaml"), "requests.csv.gz").columns

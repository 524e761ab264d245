"""The demonstration: the same day for the same seed, told to its end, and honest about what did not hold."""

import re
import subprocess
import sys
from collections import Counter

import pytest
from msgspec.structs import replace

from spillover.core.intake import TIME_MAX
from spillover.demo import story
from spillover.demo.day import DAY, DAY_START, requests
from spillover.demo.people import PLANS, people
from spillover.model.errors import InvalidInput
from spillover.policy import read_policy
from spillover.replay import read_map

SEED = 7


def test_the_same_seed_makes_the_same_day_and_another_seed_another():
    day = requests(people(50, SEED), SEED)
    assert day == requests(people(50, SEED), SEED)
    assert day != requests(people(50, SEED + 1), SEED + 1)


def test_the_day_is_one_day_in_order_under_keys_of_their_own():
    day = requests(people(200, SEED), SEED)
    times = [use.time for use in day]
    assert times == sorted(times)
    assert (times[0][:10], times[-1][:10]) == ("2026-03-02", "2026-03-02")
    assert len({use.request for use in day}) == len(day)
    assert DAY_START + DAY < TIME_MAX


def test_both_products_and_all_plans_are_in_it():
    day = requests(people(300, SEED), SEED)
    assert {use.plan for use in day} == set(PLANS)
    features = Counter(use.feature for use in day)
    assert set(features) == {"codex.messages", "codex.tokens", "sora.seconds"}
    assert min(features.values()) > 50


def test_its_policy_and_map_are_sound():
    from importlib.resources import as_file, files

    for name, read in (("policy.yaml", read_policy), ("map.yaml", read_map)):
        with as_file(files("spillover.demo").joinpath(name)) as path:
            read(path)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A small demonstration, in a process of its own."""
    folder = tmp_path_factory.mktemp("demo") / "kept"
    command = [sys.executable, "-m", "spillover.demo", "--users", "60", "--seed", "7", "--keep", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    return folder, done.stdout


def test_one_request_is_paid_by_three_layers_and_a_denial_shows_its_ways_out(told):
    _, out = told
    assert "5 seconds included, 4 seconds gifted, 11 seconds for 275 credits" in out
    assert "The same answer: " in out
    assert "unlock 475 more credits unlock it" in out
    assert "opens  in 9 h (2026-03-02 23:00:00 UTC)" in out


def test_a_job_is_held_committed_for_less_and_a_clip_refunded(told):
    _, out = told
    assert re.search(r"the job runs +held: 30 seconds included, .* 50 +250 +300\n", out)
    assert re.search(r"it is done +committed: 30 seconds included, .* 225 +0 +300\n", out)
    assert re.search(r"refunded +100 credits back .* 225 +0 +225\n", out)
    assert "In his statement: refund black frames." in out


def test_every_act_is_numbered_and_what_it_showed_held(told):
    _, out = told
    assert re.findall(r"^(\d)  ", out, re.MULTILINE) == ["1", "2", "3", "4", "5", "6", "7", "8", "9"]
    assert len(re.findall(r" yes *$", out, re.MULTILINE)) == 4
    assert "NO" not in re.findall(r" (yes|NO) *$", out, re.MULTILINE)
    assert "the digest of all books is the same" in out


def test_what_is_kept_can_be_looked_at_with_the_command_line(told):
    from tests.cli.support import run

    folder, _ = told
    assert {"policy.yaml", "map.yaml", "day.csv", "demo.db"} <= {path.name for path in folder.iterdir()}
    url = f"sqlite:///{folder / 'demo.db'}"
    assert run("audit", "--db", url, "--json").document["ok"] is True
    shown = run("account", "show", "maya", "--db", url, "--json").document
    assert shown["measures"][0]["settled"]["credits"] == "25"


def test_it_overwrites_nothing(told):
    folder, _ = told
    done = subprocess.run(
        [sys.executable, "-m", "spillover.demo", "--keep", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "found files in" in done.stderr


def test_the_same_seed_ends_in_the_same_books(tmp_path, capsys):
    digests = []
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        assert story.tell(tmp_path / name, 5, SEED, kept=False) is True
        digests += re.findall(r"^[0-9a-f]{64}$", capsys.readouterr().out, re.MULTILINE)
    assert len(digests) == 2
    assert digests[0] == digests[1]


def test_it_says_so_if_the_books_are_not_whole(tmp_path, monkeypatch, capsys):
    real = story.audit

    def spoilt(*args, **options):
        report = real(*args, **options)
        books = (*report.books[:-1], replace(report.books[-1], amount=report.books[-1].amount + 1))
        return replace(report, ok=False, books=books)

    monkeypatch.setattr(story, "audit", spoilt)
    assert story.tell(tmp_path, 5, SEED, kept=False) is False
    out = capsys.readouterr().out
    assert re.search(r"every book sums to zero +NO", out)
    assert re.search(r"the audit found nothing +NO", out)
    assert re.search(r"requests sent twice were charged once +yes", out)


def test_a_refusal_ends_it_with_one_line(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from spillover.demo.__main__ import main

    def refuse(*_, **__):
        raise InvalidInput("disk", "none", "one")

    monkeypatch.setattr(story, "tell", refuse)
    done = CliRunner().invoke(main, ["--keep", str(tmp_path)])
    assert done.exit_code == 1
    assert "disk: found none, expected one" in done.output

"""The program as shells and scripts meet it: statuses, streams, interruptions, closed pipes, and how soon it starts."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.support import PROGRAM, launch

ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "SPILLOVER_DB")}


def test_statuses_and_streams(folder):
    done = launch("init", where=folder)
    assert (done.returncode, done.stderr) == (0, "")
    denial = launch("explain", "acme", "video.seconds", "500", "--json", where=folder)
    assert (denial.returncode, denial.stderr) == (0, "")
    assert json.loads(denial.stdout)["allowed"] is False
    assert launch("settle", where=folder).returncode == 0
    assert launch("audit", where=folder).returncode == 0
    refused = launch("explain", "nobody", "video.seconds", "1", where=folder)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert launch("account", where=folder).returncode == 2
    assert launch("account", "list", "--db", "sqlite:///none.db", where=folder).returncode == 2
    assert not (folder / "none.db").exists()


def test_without_colour_or_unicode_it_still_reads(folder):
    launch("init", where=folder)
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "NO_COLOR": "1"}
    done = subprocess.run(
        [*PROGRAM, "explain", "acme", "video.seconds", "8"], cwd=folder, env=environment, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "5 seconds included, 3 seconds for 30 credits" in done.stdout
    assert " \n" not in done.stdout
    assert "####" in done.stdout


@pytest.mark.parametrize("arguments", [("policy", "schema"), ("account", "statement", "acme", "--json")])
def test_a_reader_that_goes_away_is_no_error(folder, arguments):
    launch("init", where=folder)
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*PROGRAM, *arguments], cwd=folder, env=ENVIRONMENT, stdout=writing, stderr=subprocess.PIPE, timeout=60,
        check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


POLICY = """
spillover: 1
features: {chat.messages: {count: requests}}
plans:
  free:
    rules: [{for: [chat.messages], waterfall: [{from: allowance, windows: [{name: all, max: 9, ever: true}]}]}]
"""
MAP = """
spillover_map: 1
time: {column: time}
account: {column: account}
feature: {is: chat.messages}
accounts: {plan: {is: free}}
"""


def test_an_interrupted_replay_ends_quietly_and_can_go_on(folder):
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "map.yaml").write_text(MAP)
    with (folder / "trace.csv").open("w") as trace:
        trace.write("time,account\n")
        trace.writelines(f"2026-03-02T10:00:00Z,user-{n % 50}\n" for n in range(1_000_000))
    command = ["replay", "trace.csv", "--map", "map.yaml", "--policy", "policy.yaml", "--db", "sqlite:///spillover.db"]
    with subprocess.Popen(
        [*PROGRAM, *command], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:  # fmt: skip
        until = time.monotonic() + 30
        while not (folder / "spillover.db-wal").exists() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, error = running.communicate(timeout=30)
    assert (running.returncode, out, error) == (130, b"", b"")
    assert launch("settle", where=folder).returncode == 0
    assert launch("audit", where=folder).returncode == 0
    again = json.loads(launch(*command, "--limit", "200", "--json", where=folder).stdout)
    assert again["requests"] == 200
    assert again["granted"] + again["granted_before"] == 200
    assert again["granted_before"] > 0


def test_a_fault_of_the_program_is_one_line_as_well(folder):
    code = (
        "import spillover.cli.policy as p, sys\n"
        "p.policy.commands['schema'].callback = lambda: 1 // 0\n"
        "from spillover.cli.main import run\n"
        "sys.exit(run(['policy', 'schema']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert done.stderr.startswith("spillover: a fault of the program (ZeroDivisionError: ")
    assert done.stderr.count("\n") == 1


def test_it_starts_without_loading_what_one_command_does_not_need(folder):
    code = "import sys; import spillover.cli.main; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"rich", "apsw", "ruamel", "jsonschema_rs", "zoneinfo", "asyncio", "multiprocessing"}


def test_a_service_is_served_without_loading_what_only_a_backtest_needs(folder):
    code = (
        "import sys; from spillover.bootstrap import serving\n"
        "serving.serve = lambda *_, backtest: print(backtest.__name__, *sys.modules)\n"
        "from spillover.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "serve", "--db", "sqlite:///x.db"], cwd=folder, env=ENVIRONMENT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    name, *loaded = done.stdout.split()
    assert name == "backtest_apart"
    assert not {"spillover.backtest", "spillover.replay", "rich"}.intersection(loaded)


def test_progress_is_shown_to_a_terminal_only_and_never_on_stdout(folder):
    import pty

    launch("init", where=folder)
    controller, terminal = pty.openpty()
    done = subprocess.run(
        [*PROGRAM, "settle", "--json"], cwd=folder, env={**ENVIRONMENT, "TERM": "xterm"}, stdout=subprocess.PIPE,
        stderr=terminal, timeout=60, check=False,
    )  # fmt: skip
    os.close(terminal)
    shown = os.read(controller, 65536)
    os.close(controller)
    assert json.loads(done.stdout) == {"due": 0, "settled": 0, "parked": 0, "quarantined": 0}
    assert b"settling" in shown


def test_erasing_asks_at_a_terminal_and_takes_no_for_an_answer(folder):
    import pty

    launch("init", where=folder)
    for answer, left in ((b"n\n", 0), (b"y\n", 2)):
        controller, terminal = pty.openpty()
        with subprocess.Popen(
            [*PROGRAM, "account", "erase", "acme"], cwd=folder, env=ENVIRONMENT, stdin=terminal, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as asking:  # fmt: skip
            os.close(terminal)
            os.write(controller, answer)
            _, error = asking.communicate(timeout=30)
        os.close(controller)
        assert b"cannot be undone" in error
        assert asking.returncode == 0
        assert launch("account", "show", "acme", where=folder).returncode == left

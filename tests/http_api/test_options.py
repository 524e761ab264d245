"""The options of `spillover serve`: one table, read from flags, environment and a file, all checked at the start."""

import re
import subprocess
from pathlib import Path

import pytest

from spillover.bootstrap.serving_options import OPTIONS, settled
from spillover.model.errors import InvalidInput
from tests.http_api.conftest import STARTER
from tests.http_api.served import PROGRAM, Served, environment

PAGE = Path(__file__).parents[2] / "docs" / "SERVICE.md"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path):
    file = tmp_path / "serve.toml"
    file.write_text('port = 1111\nhost = "::1"\ndeadline = 3\ndurability = "fast"\n')
    variables = {"SPILLOVER_PORT": "2222", "SPILLOVER_DEADLINE": "1.5"}
    found = settled({"port": "3333"}, variables, str(file))
    assert (found["port"], found["deadline"], found["host"], found["durability"]) == (3333, 1.5, "::1", "fast")
    assert settled({}, {}, None) == {option.name: option.default for option in OPTIONS}


WRONG = [
    ({"port": "0"}, {}, "", "--port"), ({"port": "http"}, {}, "", "--port"),
    ({}, {"SPILLOVER_DEADLINE": "soon"}, "", "SPILLOVER_DEADLINE"),
    ({}, {"SPILLOVER_DURABILITY": "quick"}, "", "SPILLOVER_DURABILITY"), ({}, {}, "port = true", "port"),
    ({}, {}, "prot = 1", "prot"), ({}, {}, "port", "--config"), ({"body_max": "12"}, {}, "", "--body-max"),
    ({}, {}, "drain = nan", "drain"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "variables", "text", "named"), WRONG)
def test_what_is_wrong_is_refused_by_where_it_stands(tmp_path, flags, variables, text, named):
    file = tmp_path / "serve.toml"
    file.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        settled(flags, variables, str(file))
    assert named in refused.value.field


def test_a_wrong_option_ends_the_program_with_one_line(tmp_path):
    command = [*PROGRAM, "serve", "--port", "70000"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment())
    assert ended.returncode == 2
    assert ended.stderr == "spillover: --port: found '70000', expected a whole number from 1 to 65,535\n"


def test_a_port_that_is_taken_is_told_in_one_line(served, tmp_path):
    command = [*PROGRAM, "serve", "--db", "memory://", "--policy", str(served.folder / "policy.yaml")]
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [*command, "--port", port], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
            env=environment(),
        )  # fmt: skip
    assert ended.returncode == 2
    assert f"address: found 127.0.0.1:{port} not to be had" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_second_service_does_not_share_the_port_of_the_first(served, tmp_path):
    command = [*PROGRAM, "serve", "--db", "memory://", "--policy", str(served.folder / "policy.yaml")]
    ended = subprocess.run(
        [*command, "--port", str(served.port)], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path,
        env=environment(),
    )  # fmt: skip
    assert ended.returncode == 2
    assert f"address: found 127.0.0.1:{served.port} not to be had" in ended.stderr


def test_the_page_lists_every_option_with_its_default():
    rows = re.findall(r"^\| `--([a-z-]+)` \| (.*?) \| (.*?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    told = {name: default for name, default, _ in rows}
    assert told == {
        option.name.replace("_", "-"): "" if option.default is None else f"`{option.default}`" for option in OPTIONS
    }


def test_several_processes_share_a_port_and_a_database_where_that_is_asked_for(tmp_path):
    with Served(tmp_path, "--share-port", "yes", policy=STARTER) as first:
        first.post("accounts/put", {"account": "acme", "plan": "starter"})
        (tmp_path / "second").mkdir()
        flags = ("--share-port", "yes", "--port", str(first.port))
        with Served(tmp_path / "second", *flags, db=f"sqlite:///{tmp_path / 'served.db'}") as second:
            second.port = first.port
            told = [
                second.post("consume", {"account": "acme", "feature": "video.seconds", "usage": 1}).json
                for _ in range(12)
            ]
            assert sum(one["allowed"] for one in told) == 5  # whichever of them answered

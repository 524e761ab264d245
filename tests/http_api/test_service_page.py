"""Every line for curl in docs/SERVICE.md is answered well, one after the other, right after `spillover init`."""

import re
import shlex
import subprocess
import time
from pathlib import Path

from tests.http_api.served import PROGRAM, SECONDS, Served, environment

PAGE = (Path(__file__).parents[2] / "docs" / "SERVICE.md").read_text("utf-8")
LINES = re.findall(r"^    (curl -s .+)$", PAGE, re.MULTILINE)
SHOP = {"policy.yaml", "new.yaml"}
"""Files that the lines send."""


def asked(served, line):
    """What curl would get for a line. A key is not sent: there is none."""
    words = shlex.split(line.partition(" | ")[0], comments=True)[2:]
    url, body, headers = "", None, {"Content-Type": "application/x-www-form-urlencoded"}
    while words:
        word = words.pop(0)
        match word:
            case "-d":
                body = words.pop(0).encode()
            case "--data-binary":
                name = words.pop(0).removeprefix("@")
                assert name in SHOP
                body = (served.folder / "shop" / "policy.yaml").read_bytes()
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers |= {} if name == "Authorization" else {name: value}
            case _:
                assert not url
                url = word.removeprefix("localhost:8080")
    return served.ask("GET" if body is None else "POST", url, body, **headers)


def test_the_lines_for_curl_are_answered_well_one_after_the_other(tmp_path):
    subprocess.run([*PROGRAM, "init", str(tmp_path / "shop")], check=True, capture_output=True, env=environment())
    assert len(LINES) >= 11
    with Served(tmp_path, db=f"sqlite:///{tmp_path / 'shop' / 'spillover.db'}") as served:
        for line in LINES:
            until = time.monotonic() + SECONDS
            while (answer := asked(served, line)).status == 425 and time.monotonic() < until:
                pass
            assert answer.status == 200, (line, answer.body)
            assert answer.json.get("allowed", True), (line, answer.body)

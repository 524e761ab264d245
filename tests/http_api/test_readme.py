"""README, "Over HTTP": its lines, one after the other in a shell, lead from nothing to the decision that it tells."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.http_api.served import SECONDS, environment, free_port

ROOT = Path(__file__).parents[2]
CURL = """\
#!{python}
# Stands in for curl on a machine that has none: curl -s URL -d BODY
import sys, urllib.request
_, _, url, *data = sys.argv
asked = urllib.request.Request("http://" + url, data[1].encode() if data else None)
sys.stdout.buffer.write(urllib.request.urlopen(asked).read())
"""
WAIT = "until curl -s localhost:{port}/healthz >/dev/null 2>&1; do kill -0 $! && sleep 0.05 || exit 9; done"
"""What a person does between the two lines: read that it listens."""


def lines():
    """The lines of the section: to install, to make, to serve, to ask."""
    section = (ROOT / "README.md").read_text("utf-8").partition("## Over HTTP")[2].partition("\n## ")[0]
    found = re.findall(r"^    (.*)$", section, re.MULTILINE)
    assert [line.split()[0] for line in found] == ["pip", "spillover", "spillover", "curl"]
    assert found[2].split("#")[0].strip().endswith("&")
    return section, found


def run_in_a_shell(folder, path, install):
    """Run them, on a free port. What is told and what was said."""
    section, (pip, init, serve, curl) = lines()
    port = free_port()
    script = [init, serve, WAIT.format(port=port), curl.replace("8080", str(port))]
    if install:
        script.insert(0, pip.replace("'spillover[serve]'", f"'{ROOT}[serve]'"))
    ended = "trap 'kill $! && wait $!' EXIT"
    made = subprocess.run(
        ["bash", "-euc", "\n".join([*script[:-2], ended, *script[-2:]])], cwd=folder, capture_output=True, text=True,
        check=False, timeout=10 * SECONDS,
        env=environment() | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "SPILLOVER_PORT": str(port)},
    )  # fmt: skip
    (sentence,) = re.findall(r'`("sentence":".*?")`', section)
    assert sentence in made.stdout, made.stdout + made.stderr
    assert '"allowed":true' in made.stdout


def with_curl(folder):
    """A folder of programs with curl in it, where the machine has none."""
    folder.mkdir()
    if shutil.which("curl") is None:
        (folder / "curl").write_text(CURL.format(python=sys.executable))
        (folder / "curl").chmod(0o755)
    return folder


def test_the_lines_of_the_readme_lead_from_a_policy_to_a_decision(tmp_path):
    programs = with_curl(tmp_path / "programs")
    run_in_a_shell(tmp_path, f"{programs}{os.pathsep}{Path(sys.executable).parent}", install=False)


@pytest.mark.soak
def test_the_lines_of_the_readme_lead_from_an_empty_environment_to_a_decision(tmp_path, capsys):
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "own")], check=True)
    programs = with_curl(tmp_path / "programs")
    begun = time.monotonic()
    run_in_a_shell(tmp_path, f"{tmp_path / 'own' / 'bin'}{os.pathsep}{programs}", install=True)
    with capsys.disabled():
        print(f"\nfrom nothing to a decision: {time.monotonic() - begun:.0f} s")

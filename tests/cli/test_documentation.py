"""What docs/COMMANDS.md shows is what the commands do."""

import re
import shlex
from pathlib import Path

from tests.cli.support import run


def test_the_day_of_support_and_finance_in_the_documentation_runs_after_init(folder):
    run("init")
    page = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text("utf-8")
    lines = re.findall(r"^    spillover (.+)$", page.partition("## Support and finance")[2].partition("\n## ")[0], re.M)
    assert len(lines) > 10
    for line in lines:
        command, _, printed = line.partition("#")
        done = run(*shlex.split(command))
        assert (done.status, done.error) == (0, ""), line
        assert printed.strip().removesuffix(" ...") in done.out or "all of it" in printed, line

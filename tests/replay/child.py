"""A replay in a process of its own: `python -m tests.replay.child JSON`, with the arguments of `replay`.

Says on its output (a file), after each group and in one write, account and key of every request that was granted; at
the end the summary, as a line of JSON that begins with "{".
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

import msgspec

from spillover.engine.answers import Decision
from spillover.engine.items import Answer
from spillover.replay import replay
from spillover.replay.requests import Entry

OUTPUT = 1


def say(entries: Sequence[Entry], answers: Sequence[Answer]) -> None:
    lines = [
        f"{answer.account}\t{answer.key}\n" for answer in answers if isinstance(answer, Decision) and answer.allowed
    ]
    # One write: a killed process has said all of a group, or nothing, or a part whose last line has no end.
    os.write(OUTPUT, ("".join(lines) or "\n").encode())


def main() -> None:
    summary = replay(**json.loads(sys.argv[1]), observe=say)
    os.write(OUTPUT, msgspec.json.encode(summary) + b"\n")


if __name__ == "__main__":
    main()

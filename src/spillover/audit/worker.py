"""A process that audits ranges of accounts for another: requests on stdin, answers on stdout, one JSON on each line."""

from __future__ import annotations

import gc
import sys
from typing import BinaryIO

import msgspec
from msgspec import Struct

from spillover.audit.part import Auditor, Part
from spillover.audit.snapshot import begin, open_to_read


class Request(Struct):
    """What to do next: begin the snapshot, or audit a range. At the end of the input the worker ends."""

    low: int = 0
    high: int = 0
    begin: bool = False


class Answer(Struct):
    """What was done: ready (nothing said), so many more events, or a range."""

    moved: int = 0
    part: Part | None = None


request_of = msgspec.json.Decoder(Request).decode
answer_of = msgspec.json.Decoder(Answer).decode
line_of = msgspec.json.Encoder().encode


def serve(path: str, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""

    def say(answer: Answer) -> None:
        answers.write(line_of(answer) + b"\n")
        answers.flush()

    connection = open_to_read(path)
    try:
        say(Answer())
        auditor: Auditor | None = None
        for line in requests:
            request = request_of(line)
            if request.begin:
                begin(connection)
                say(Answer())
                continue
            if auditor is None:
                auditor = Auditor(connection, None, lambda moved: say(Answer(moved)))
            say(Answer(part=auditor.part(request.low, request.high)))
    finally:
        connection.close()


def main() -> None:
    """`python -m spillover.audit.worker PATH`; not for people."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # what is made here is dropped at once, and holds no cycles
    serve(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()

"""A process that audits ranges of accounts for another: requests on stdin, answers on stdout, one JSON on each line."""

from __future__ import annotations

import gc
import sys
from typing import BinaryIO

import msgspec
from msgspec import Struct

from spillover.audit.books import open_books
from spillover.audit.part import Auditor, Part


class Request(Struct):
    """What to do next: open the books (the first), join a moment, or audit a range. At the end of the input the worker
    ends."""

    low: int = 0
    high: int = 0
    open: str = ""
    begin: str | None = None


class Answer(Struct):
    """What was done: ready (nothing said), so many more events, or a range."""

    moved: int = 0
    part: Part | None = None


request_of = msgspec.json.Decoder(Request).decode
answer_of = msgspec.json.Decoder(Answer).decode
line_of = msgspec.json.Encoder().encode


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""

    def say(answer: Answer) -> None:
        answers.write(line_of(answer) + b"\n")
        answers.flush()

    books = open_books(request_of(next(iter(requests))).open)
    try:
        say(Answer())
        auditor: Auditor | None = None
        for line in requests:
            request = request_of(line)
            if request.begin is not None:
                books.join(request.begin)
                say(Answer())
                continue
            if auditor is None:
                auditor = Auditor(books, None, lambda moved: say(Answer(moved)))
            say(Answer(part=auditor.part(request.low, request.high)))
    finally:
        books.close()


def main() -> None:
    """`python -m spillover.audit.worker`; not for people."""
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # what is made here is dropped at once, and holds no cycles
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()

"""A backtest for a service: in a process of its own, from a question to a document, both JSON."""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from spillover.backtest.run import backtest
from spillover.documents.backtests import Backtest
from spillover.policy import policy_from_document

THE_BOOKS = "the books of this service"
"""What the report calls its source: who asks over a network needs no path, nor the name of a server."""


class Question(Struct, frozen=True):
    """Books (a file, or a server's URL), the documents of both policies ("": the one in force), and how many requests
    at most."""

    books: str
    policy: str
    against: str
    limit: int


_question = msgspec.json.Decoder(Question).decode


def backtest_apart(question: bytes) -> bytes:
    """The document of a backtest. Raises as `backtest`."""
    asked = _question(question)
    against = policy_from_document(asked.against) if asked.against else None
    found = backtest(policy_from_document(asked.policy), database=asked.books, against=against, limit=asked.limit)
    told = replace(found, source=THE_BOOKS)
    if told.requests >= asked.limit:
        told = replace(told, notes=(*told.notes, f"Only the first {asked.limit:,} requests were asked."))
    return msgspec.json.encode(Backtest.of(told))

"""Logs as JSON lines on standard error: when, how bad, what, and the trace that it belongs to. No secrets go in."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from spillover.http_api.service import ACCESS

FIELDS = ("method", "path", "status", "ms", "who", "trace", "open", "where")
"""What a line tells besides, where it is given."""
LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO, "access": ACCESS,
          "debug": logging.DEBUG}  # fmt: skip
_encode = msgspec.json.Encoder().encode


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, Any] = {
            "at": at, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage(),
        }  # fmt: skip
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return _encode(line).decode()


def log_to(stream: TextIO = sys.stderr, level: str = "info") -> None:
    """From now on everything under "spillover" goes there, from this level on, and of others what is bad."""
    logging.addLevelName(ACCESS, "ACCESS")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root, ours = logging.getLogger(), logging.getLogger("spillover")
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    ours.setLevel(LEVELS[level])

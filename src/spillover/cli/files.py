"""Files that commands read and write whole; - stands for standard input and output."""

from __future__ import annotations

import sys
from pathlib import Path

from spillover.model.errors import InvalidInput

BYTES_MAX = 64_000_001
"""Bytes that are read, at most."""


def read_file(path: str) -> bytes:
    """What is in a file. Raises InvalidInput where it cannot be read."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(BYTES_MAX)
        with Path(path).open("rb") as stream:
            return stream.read(BYTES_MAX)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise InvalidInput(
            "file", f"{path}, which cannot be read ({said})", "a file, or - for standard input"
        ) from None


def write_file(path: str, content: bytes) -> None:
    """Write a file whole, over what was there. Raises InvalidInput where that cannot be done."""
    try:
        if path == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.buffer.flush()
            return
        Path(path).write_bytes(content)
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise InvalidInput(
            "file", f"{path}, which cannot be written ({said})", "a file, or - for standard output"
        ) from None

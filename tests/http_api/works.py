"""Work for processes of their own, with files in a folder as signs of how far it is."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from spillover.http_api.apart import Apart
from spillover.model.errors import UnknownName


def waits(question: bytes) -> bytes:
    """Says its process's number in `begun`, and goes on when there is `go`."""
    folder = Path(json.loads(question)["folder"])
    sign = folder / "begun.new"
    sign.write_text(str(os.getpid()))
    sign.rename(folder / "begun")
    while not (folder / "go").exists():
        time.sleep(0.01)
    return question


def refuses(question: bytes) -> bytes:
    raise UnknownName("account", "'nobody'", "one that was created")


def breaks(question: bytes) -> bytes:
    raise ZeroDivisionError("what nobody foresaw")


def dies(question: bytes) -> bytes:
    os.write(1, b'A{"half"')
    os._exit(9)


if __name__ == "__main__":  # who asks, to be killed
    from tests.http_api import works

    asyncio.run(Apart(works.waits, "a work", 600, "wait", folder=sys.argv[1]).ask())

"""CloudEvents 1.0 as JSON lines, one event on each: attributes are columns, what `data` holds is `data.NAME`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from spillover.policy.findings import as_text
from spillover.replay.rows import Fault, Lines, Row

DEPTH_MAX = 8
"""How deep `data` is looked into; deeper objects and all lists are no columns."""

DEFAULTS: dict[str, Any] = {
    "time": {"column": "time"},
    "account": {"column": "subject"},
    "feature": {"column": "type"},
    "key": {"template": "{source}/{id}"},
}
"""What a map need not say for CloudEvents: subject = account, type = feature, source and id = key."""

_decode = msgspec.json.Decoder(float_hook=str).decode  # numbers with a point stay as they were written


def event_rows(file: str) -> Iterator[Row | Fault]:
    """The events of a file; empty lines are passed over. Raises TraceError."""
    lines, number = Lines(file), 0
    for text in lines:
        fault = lines.unusable.pop(lines.number, None)
        if fault is None and not text.strip():
            continue
        number += 1
        yield fault or _row(text, number, lines.number)


def _row(text: str, number: int, line: int) -> Row | Fault:
    try:
        event = _decode(text)
    except (msgspec.DecodeError, RecursionError, ArithmeticError, UnicodeError) as error:
        return Fault(line, "event", f"a mistake of JSON ({error})", "one CloudEvent as JSON")
    if not isinstance(event, dict):
        return Fault(line, "event", f"a {type(event).__name__} of JSON", "one CloudEvent as a JSON object")
    if event.get("specversion") != "1.0":
        return Fault(line, "specversion", repr(event.get("specversion")), '"1.0"')
    for name in ("id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            return Fault(line, name, repr(event.get(name)), "text, as CloudEvents requires it")
    cells: dict[str, str] = {}
    _flatten(event, "", cells, DEPTH_MAX)
    cells["#"] = str(number)
    return Row(number, line, cells)


def _flatten(values: dict[str, Any], prefix: str, cells: dict[str, str], depth: int) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            if depth:
                _flatten(value, f"{prefix}{name}.", cells, depth - 1)
        elif value is not None and not isinstance(value, list):
            cells[prefix + name] = as_text(value)

"""Where a value of a request comes from in a row: a column, a constant, a template, a bucket; counts are whole numbers.

A bucket deals what a trace does not tell (users, say) by a hash, so the same row always falls to the same one:
BLAKE2b of the label, a zero byte and the columns' values joined by zero bytes, its first 8 bytes as a number, modulo.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from spillover.model.amounts import AMOUNT_MAX
from spillover.policy.findings import as_text

Cells = Mapping[str, str]
"""A row: column -> text. What a row lacks is empty; "#" is the row's number from 1."""

Text = Callable[[Cells], str]
Count = Callable[[Cells], int | None]
Outcome = tuple[tuple[str, ...], str]
"""A place in the map, and what an expression can give there."""

_HOLE = re.compile(r"\{([^{}]*)\}")
_WHOLE = re.compile(r"([0-9]{1,16})(?:\.0*)?")


class Unfit(Exception):
    """A row from which a value cannot be taken: in which column, what was found, what was expected."""

    def __init__(self, column: str, found: str, expected: str) -> None:
        super().__init__(column, found, expected)
        self.column, self.found, self.expected = column, found, expected


def dealt(label: str, values: Iterable[str], into: int) -> int:
    """The bucket, from 0, that these values fall into; see the head of this file."""
    content = "\0".join((label, *values)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big") % into


def text_of(written: Mapping[str, Any]) -> Text:
    """The expression that a map writes as a mapping with column, is, template or bucket."""
    source = _source_of(written)
    if "values" not in written:
        return source
    values = {found: as_text(stands_for) for found, stands_for in written["values"].items()}
    otherwise = as_text(written["else"]) if "else" in written else None
    column = str(written.get("column", "values"))

    def mapped(cells: Cells) -> str:
        found = source(cells)
        if found in values:
            return values[found]
        if otherwise is not None:
            return otherwise
        if not found:
            return ""
        shown = ", ".join(list(values)[:5])
        raise Unfit(column, repr(found), f"one of the map's values: {shown}{', ...' if len(values) > 5 else ''}")

    return mapped


def columns_of(written: Mapping[str, Any]) -> set[str]:
    """The columns that an expression, of text or of a count, reads."""
    found = {written["column"]} if "column" in written else set()
    found.update(written.get("minus", ()))
    found.update(_HOLE.findall(written.get("template", "")))
    found.update(written.get("bucket", {}).get("of", ()))
    return found - {"#"}


def outcomes_of(written: Mapping[str, Any]) -> list[Outcome] | None:
    """All that an expression can give, each with its place in the map; None where the trace decides."""
    if "share" in written:
        return [(("share", value), value) for value in written["share"]]
    if "values" in written:
        found: list[Outcome] = [(("values", name), as_text(value)) for name, value in written["values"].items()]
        return [*found, (("else",), as_text(written["else"]))] if "else" in written else found
    if "is" in written:
        return [(("is",), as_text(written["is"]))]
    return None


def count_of(written: Mapping[str, Any]) -> Count:
    """A count's expression. Gives None where a row has none and the map says nothing for that."""
    if "is" in written:
        fixed = int(written["is"])
        return lambda cells: fixed
    column: str = written["column"]
    less: tuple[str, ...] = tuple(written.get("minus", ()))
    empty: int | None = written.get("when_empty")

    def counted(cells: Cells) -> int | None:
        found = cells.get(column, "")
        if not found:
            return empty
        total = whole(column, found)
        for other in less:
            total -= whole(other, cells.get(other, "") or "0")
        if total < 0:
            raise Unfit(column, f"{found}, less than {', '.join(less)} together", "a count that is not below 0")
        return total

    return counted


def whole(column: str, found: str) -> int:
    """A whole number as a table writes it: 8, 8.0, never 8.5, 1e3 or NaN."""
    matched = _WHOLE.fullmatch(found)
    number = int(matched[1]) if matched else -1
    if not 0 <= number <= AMOUNT_MAX:
        raise Unfit(column, repr(found), "a whole number from 0 to 2^53 - 1")
    return number


def fits(when: Mapping[str, frozenset[str]], cells: Cells) -> bool:
    """Whether every column has one of its values."""
    return all(cells.get(column, "") in values for column, values in when.items())


def condition_of(written: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """A mapping of columns to a value or a list of values."""
    return {
        column: frozenset(map(as_text, values if isinstance(values, list) else [values]))
        for column, values in written.items()
    }


def _source_of(written: Mapping[str, Any]) -> Text:
    if "column" in written:
        column: str = written["column"]
        return lambda cells: cells.get(column, "")
    if "is" in written:
        fixed = as_text(written["is"])
        return lambda cells: fixed
    if "template" in written:
        template: str = written["template"]
        return lambda cells: _HOLE.sub(lambda hole: cells.get(hole[1], ""), template)
    return _bucket_of(written["bucket"])


def _bucket_of(written: Mapping[str, Any]) -> Text:
    columns: tuple[str, ...] = tuple(written["of"])
    into: int = written["into"]
    name = str(written.get("name", "{n}"))
    label = f"bucket {name}"

    def bucket(cells: Cells) -> str:
        number = dealt(label, (cells.get(column, "") for column in columns), into) + 1
        return name.replace("{n}", str(number))

    return bucket

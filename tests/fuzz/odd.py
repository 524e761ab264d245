"""Values that no caller should send, and some that look odd and are right."""

from __future__ import annotations

import enum
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import strategies as st


class Fancy(str):
    """As a template engine's safe string is one."""

    __slots__ = ()


class Text(str, enum.Enum):  # noqa: UP042  # the older form, which many have
    """A text that is a member of something."""

    ACME = "acme"
    VIDEO = "video"


class Number(enum.IntEnum):
    """A number that is a member of something."""

    ONE = 1


class Count(int):
    """As a number of another library is one."""


class Grumpy:
    """Nothing can be asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        raise RuntimeError("no")


class Agreeable:
    """It is equal to everything."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return True


def nested(depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(depth):
        found = {"a": found}
    return found


LONG = 10_000_000
HUGE: dict[str, Any] = {
    "10 MB of text": "x" * LONG,
    "10 MB of accents": "\u00e9" * (LONG // 2),
    "10 MB of combining marks": "e" + "\u0301" * (LONG // 2),
    "10 MB of bytes": b"x" * LONG,
    "10 MB of names": {"x" * LONG: "x" * LONG},
    "100,000 names": {str(number): 1 for number in range(100_000)},
    "100,000 items": ["x"] * 100_000,
}
TEXTS: dict[str, Any] = {
    "empty": "", "blank": " ", "blank before": " acme", "a line": "a\nb", "NUL": "a\0b", "only NUL": "\0",
    "a lone surrogate": "\ud800", "half a pair": "a\udfffb", "bidi": "a\u202eb", "isolate": "\u2066a\u2069",
    "zero width": "a\u200bb", "byte order": "\ufeffacme", "line separator": "a\u2028b", "private": "\ue000",
    "not a character": "\uffff", "beyond": "\U0010ffff", "emoji": "\U0001f600", "decomposed": "e\u0301",
    "composed": "\u00e9", "wide digits": "\uff11\u0662", "escape": "\x1b[31m", "quotes": "'\";--", "braces": "{0}%s",
    "path": "../../etc/passwd", "ours": "spillover:x", "long": "x" * 129, "longer": "x" * 501, "number": "1",
    "float": "1.5", "NaN": "NaN", "infinite": "Infinity", "exponent": "1e400", "tiny": "1e-400", "money": "45.00 EUR",
    "hash": "0" * 64, "percent": "%00", "a name": "acme", "fancy": Fancy("acme"), "member": Text.ACME,
}  # fmt: skip
NUMBERS: dict[str, Any] = {
    "0": 0, "1": 1, "-1": -1, "true": True, "false": False, "2^31": 2**31, "2^53 - 1": 2**53 - 1, "2^53": 2**53,
    "2^63 - 1": 2**63 - 1, "2^63": 2**63, "-2^63": -(2**63), "2^64": 2**64, "10^5000": 10**5000, "0.0": 0.0, "1.0": 1.0,
    "1.5": 1.5, "nan": float("nan"), "inf": float("inf"), "-inf": float("-inf"), "max": sys.float_info.max,
    "a decimal": Decimal("1.5"), "whole decimal": Decimal(1), "decimal nan": Decimal("NaN"),
    "signalling": Decimal("sNaN"), "decimal inf": Decimal("-Infinity"), "far decimal": Decimal("1E+999999"),
    "fraction": Fraction(1, 3), "complex": 1j, "member": Number.ONE, "of a library": Count(1),
}  # fmt: skip
OTHERS: dict[str, Any] = {
    "None": None, "bytes": b"acme", "bad bytes": b"\xff", "bytearray": bytearray(b"a"), "a list": [], "list": ["acme"],
    "a mapping": {}, "mapping": {"acme": 1}, "mixed": {1: "a", "b": "c", None: []},
    "numbers": {"seconds": float("nan")},
    "surrogates": {"\ud800": "\ud800"}, "undeclared": {"nobody": "\ud800", "other": "\0"}, "nothing": {"team": None},
    "values": {"team": ["blue", 1]}, "fancy": {Fancy("team"): Fancy("blue")}, "nested": {"a": {"b": [1, {}]}},
    "deep": nested(100_000), "a set": {"feature"}, "a tuple": (), "tuple": ("feature",), "texts": ("\ud800", "\0"),
    "a type": int, "an object": object(), "a function": len, "grumpy": Grumpy(), "agreeable": Agreeable(),
    "a range": range(3), "twice": ("day", "day"), "groups": ("team", "feature"),
}  # fmt: skip
ODD: dict[str, Any] = {
    f"{kind}: {name}": value
    for kind, some in (("text", TEXTS), ("number", NUMBERS), ("other", OTHERS), ("huge", HUGE))
    for name, value in some.items()
}

SMALL = {name: value for name, value in ODD.items() if not name.startswith("huge")}


class Odd(NamedTuple):
    """One of the odd values, by its name: some of them nobody can show."""

    name: str

    @property
    def value(self) -> Any:
        return SMALL[self.name]


_leaf = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), st.decimals(), st.binary(),
    st.text(st.characters(exclude_categories=())), st.sampled_from(list(TEXTS.values())),
    st.sampled_from([value for name, value in NUMBERS.items() if name != "10^5000"]),
)  # fmt: skip
ANY = st.one_of(
    _leaf,
    st.sampled_from(list(map(Odd, SMALL))),
    st.recursive(
        _leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.sampled_from(["seconds", "team", "feature", "subject"]) | st.text(), inner, max_size=4),
        ),
        max_leaves=6,
    ),
)
"""Anything that Python can hold, about."""


def plain(value: Any) -> Any:
    """The same without what subclasses add: what an accepted value has to mean."""
    try:
        return _plain(value)
    except RecursionError:
        return value


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or type(value) in (int, float, Decimal):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {_plain(name): _plain(one) for name, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | range):
        return type(value)(_plain(one) for one in value)  # type: ignore[call-arg]
    return value

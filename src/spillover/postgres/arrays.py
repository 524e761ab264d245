"""Columns as arrays: one parameter for each column, so that a batch of rows is one statement (`unnest`).

Packed here in one go: the driver's own way asks for each value how it is written, which costs more than the statement.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from psycopg.abc import AdaptContext
from psycopg.adapt import AdaptersMap, Buffer, Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

INT8, TEXT, BYTEA = 20, 25, 17
INT8_ARRAY, TEXT_ARRAY, BYTEA_ARRAY = 1016, 1009, 1001
_NULL = b"\xff\xff\xff\xff"
_length = struct.Struct(">i").pack
SHORT = 1024
_SHORT = tuple(_length(size) for size in range(SHORT))
"""Lengths that most values have, packed once."""


class Column:
    """One column's values, ready to be sent."""

    __slots__ = ("packed",)

    def __init__(self, packed: bytes) -> None:
        self.packed = packed


class Ints(Column):
    """A bigint[]."""


class Texts(Column):
    """A text[]."""


class Blobs(Column):
    """A bytea[]."""


def ints(values: Sequence[int | None]) -> Ints:
    """A column of whole numbers below 2^63."""
    if None in values:
        return Ints(_packed(INT8, [None if one is None else one.to_bytes(8, "big", signed=True) for one in values]))
    flat: list[int] = [8] * (2 * len(values))
    flat[1::2] = values  # type: ignore[assignment]
    return Ints(_head(INT8, len(values)) + struct.pack(">" + "iq" * len(values), *flat))


def texts(values: Sequence[str | None]) -> Texts:
    """A column of texts."""
    return Texts(_packed(TEXT, [None if one is None else one.encode() for one in values]))


def blobs(values: Sequence[bytes | None]) -> Blobs:
    """A column of bytes."""
    return Blobs(_packed(BYTEA, values))


def column(values: Sequence[Any]) -> Column:
    """A column of values of one type, which the first that is not None tells; of nothing but None, numbers."""
    for one in values:
        if isinstance(one, str):
            return texts(values)
        if isinstance(one, bytes):
            return blobs(values)
        if one is not None:
            break
    return ints(values)


def _head(oid: int, count: int) -> bytes:
    # Dimensions, whether there may be nulls, type of an element, length, lower bound; no dimension where it is empty.
    return struct.pack(">iiIii", 1, 1, oid, count, 1) if count else struct.pack(">iiI", 0, 0, oid)


def _packed(oid: int, values: Sequence[bytes | None]) -> bytes:
    parts: list[bytes] = [_NULL] * (2 * len(values))
    if None in values:
        parts[0::2] = [_NULL if one is None else _length(len(one)) for one in values]
        parts[1::2] = [one or b"" for one in values]
    else:
        parts[0::2] = [_SHORT[size] if size < SHORT else _length(size) for size in map(len, values)]  # type: ignore[arg-type]
        parts[1::2] = values  # type: ignore[assignment]
    return _head(oid, len(values)) + b"".join(parts)


class _Packed(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> Buffer | None:
        return obj.packed


class _IntsDumper(_Packed):
    oid = INT8_ARRAY


class _TextsDumper(_Packed):
    oid = TEXT_ARRAY


class _BlobsDumper(_Packed):
    oid = BYTEA_ARRAY


def register(adapters: AdaptersMap, context: AdaptContext | None = None) -> None:
    """One type for each kind of value (a true or false is 1 or 0): else a number's size would choose it, and each one
    be prepared anew.
    """
    adapters.register_dumper(int, Int8BinaryDumper)
    adapters.register_dumper(bool, Int8BinaryDumper)
    adapters.register_dumper(str, StrBinaryDumper)
    adapters.register_dumper(Ints, _IntsDumper)
    adapters.register_dumper(Texts, _TextsDumper)
    adapters.register_dumper(Blobs, _BlobsDumper)

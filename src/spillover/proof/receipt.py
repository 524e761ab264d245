"""A receipt: one past decision with all that it was made on, in one document that needs no database (docs/RECEIPTS.md).

It is written as one line of canonical JSON and a line end. Names of people stand in it as the random tokens of the
books, and only the ledger's erasable table can tell whose they are.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
from msgspec import Struct

from spillover.model.account import Profile
from spillover.model.errors import InvalidInput
from spillover.model.event import Event, decode_event
from spillover.model.hold import Hold
from spillover.proof.chain import canonical

FORM = 1
"""The version of the receipt's form."""
BYTES_MAX = 64_000_000
"""The largest proof that is read."""
DIGESTED = ("cells", "hold", "profile")
"""Fields that no hash of the books covers, each with a SHA-256 of its own, so that a change of it is named."""
A_RECEIPT = "a receipt, as `spillover explain --key KEY --receipt-out FILE` writes it"


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """Ed25519 over the canonical JSON of the document without `signature`; both in hexadecimal."""

    key: str
    value: str


class Receipt(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of an account, at its place (`epoch`, `sequence`), with what its decision was made on.

    `event` is its JSON byte for byte, `hash_before` and `hash` the chain of `usage_events` around it (hexadecimal).
    `profile` is the account's of that version, `cells` those that the rules may read, just before (0 where absent),
    `hold` the record of the hold that it extends or ends, `policy` the document that it was decided by.
    """

    spillover_receipt: int
    account: int
    epoch: int
    sequence: int
    event: str
    hash_before: str
    hash: str
    rules: int
    policy: str
    profile: Profile
    cells: dict[str, int]
    digests: dict[str, str]
    hold: Hold | None = None
    signature: Signature | None = None

    @property
    def decided(self) -> Event:
        """The event. Raises InvalidInput if it cannot be read."""
        try:
            return decode_event(self.event)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise InvalidInput("receipt", f"an event that cannot be read ({error})", A_RECEIPT) from None


def digest(value: object) -> str:
    """The SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


def document_of(receipt: Receipt) -> dict[str, Any]:
    """The receipt as plain values, without what it does not have."""
    document: dict[str, Any] = msgspec.to_builtins(receipt)
    return {name: value for name, value in document.items() if value is not None}


def with_digests(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the digests of what it holds."""
    return document | {"digests": {name: digest(document.get(name)) for name in DIGESTED}}


def write_receipt(receipt: Receipt) -> bytes:
    """The receipt as it is saved."""
    return canonical(document_of(receipt)) + b"\n"


def read_document(data: bytes, expected: str = A_RECEIPT) -> dict[str, Any]:
    """The JSON object that a proof is. Raises InvalidInput where a byte is not as proofs are written."""
    if len(data) > BYTES_MAX:
        raise InvalidInput("proof", f"{len(data):,} bytes", f"at most {BYTES_MAX:,}")
    try:
        document = json.loads(data)
        written = canonical(document) + b"\n"
    except (ValueError, RecursionError):
        raise InvalidInput("proof", "text that is not JSON in UTF-8", expected) from None
    if not isinstance(document, dict):
        raise InvalidInput("proof", f"a JSON {type(document).__name__}", expected)
    if written != data:
        raise InvalidInput(
            "proof", "JSON that is not in the canonical form", "one line of it and a line end, untouched"
        )
    return document


def read_receipt(data: bytes) -> Receipt:
    """The receipt that was saved. Raises InvalidInput for anything else; nothing is proved by reading it."""
    return receipt_of(read_document(data))


def receipt_of(document: dict[str, Any]) -> Receipt:
    """The receipt that a document is. Raises InvalidInput."""
    form = document.get("spillover_receipt")
    if type(form) is int and form > FORM:
        raise InvalidInput("receipt", f"form {form}", f"form {FORM}; a newer Spillover can read it")
    try:
        receipt = msgspec.convert(document, Receipt)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput("receipt", f"a document of another form ({error})", A_RECEIPT) from None
    if receipt.spillover_receipt != FORM:
        raise InvalidInput("receipt", f"form {receipt.spillover_receipt}", f"form {FORM}")
    return receipt

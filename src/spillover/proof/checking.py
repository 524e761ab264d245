"""What a proof proves, in one sentence, or the first thing that is wrong with it; from its bytes alone."""

from __future__ import annotations

import hashlib
from typing import Any

from msgspec import Struct

from spillover.core.words import ending_sentence, grant_sentence
from spillover.model.errors import InvalidInput, SpilloverError
from spillover.model.event import Event
from spillover.policy import policy_from_document
from spillover.proof.chain import HASH_LENGTH, event_row, link
from spillover.proof.evaluate import ENDS, evaluate
from spillover.proof.receipt import BYTES_MAX, DIGESTED, Receipt, Signature, digest, read_document, receipt_of
from spillover.proof.signing import is_signed_well
from spillover.proof.statement import check_rows, is_statement, read_head

UNSIGNED = "nobody signed it, so it proves itself and not its sender"


class Proved(Struct, frozen=True):
    """What was proved. `signed_by`: a public key in hexadecimal, "" where nobody signed."""

    kind: str
    account: int
    sentence: str
    signed_by: str = ""


class Finding(Struct, frozen=True):
    """The first thing that is wrong: the field, or what else it concerns, and the sentence."""

    name: str
    sentence: str


def check(data: bytes, key: str | None = None) -> Proved | Finding:
    """Check a receipt or a statement; with `key` (hexadecimal) it must be signed by that one.

    Raises InvalidInput for what is neither, or is of a newer form; NewerRules for a decision of newer rules.
    """
    if len(data) > BYTES_MAX:
        raise InvalidInput("proof", f"more than {BYTES_MAX:,} bytes", "a receipt or a statement")
    if is_statement(data):
        return _check_statement(data, key)
    return check_receipt(read_document(data, "a receipt or a statement of Spillover"), key)


def check_receipt(document: dict[str, Any], key: str | None = None) -> Proved | Finding:
    """Check a receipt as it was read. Raises as `check` does."""
    receipt = receipt_of(document)
    event = receipt.decided
    found = _place(receipt, event) or _content(document, receipt, event)
    found = found or _evaluated(receipt) or _signed(document, receipt.signature, key)
    if found is not None:
        return found
    what = f"event {receipt.epoch}.{receipt.sequence} of account {receipt.account}"
    said = f"{what}: hashes fit, rules {receipt.rules} give the same decision ({_decision(receipt, event)})"
    return Proved("receipt", receipt.account, f"{said}; {_by(receipt.signature)}", _signer(receipt.signature))


def _evaluated(receipt: Receipt) -> Finding | None:
    """Whether the rules give the same decision."""
    try:
        difference = evaluate(receipt)
    except SpilloverError:
        raise
    except Exception as error:  # a forged event may name what its policy has not
        said = f"{type(error).__name__}: {error}"
        return Finding("event", f"event: no rules could have made it, they fail at it ({said})")
    if difference is None:
        return None
    said = f"the receipt says {difference.recorded}, the rules say {difference.found}"
    return Finding(difference.name, f"{difference.name}: {said}")


def _place(receipt: Receipt, event: Event) -> Finding | None:
    """Whether the event stands where the receipt says, between the hashes around it."""
    before = receipt.hash_before
    if event.account != receipt.account:
        return Finding("account", f"account: the receipt says {receipt.account}, its event {event.account}")
    if len(before) != HASH_LENGTH or before.strip("0123456789abcdef"):
        return Finding("hash_before", f"hash_before: found {before[:70]!r}, expected 64 hexadecimal digits")
    row = event_row(receipt.epoch, receipt.sequence, event, receipt.event)
    if link(bytes.fromhex(before), row).hex() != receipt.hash:
        return Finding("hash", "hash: event, place and the hash before it do not give the hash after it")
    return None


def _content(document: dict[str, Any], receipt: Receipt, event: Event) -> Finding | None:
    """Whether what the decision was made on is what the event names, and untouched."""
    if receipt.rules != event.rules:
        return Finding("rules", f"rules: the receipt says {receipt.rules}, its event {event.rules}")
    if hashlib.sha256(receipt.policy.encode()).hexdigest() != event.policy:
        return Finding("policy", "policy: the document is not the one whose hash the event names")
    if (receipt.profile.account, receipt.profile.version) != (event.account, event.profile):
        return Finding("profile", f"profile: found version {receipt.profile.version}, expected {event.profile}")
    held = event.ends or (event.hold.id if event.kind == "extend" and event.hold else "")
    if (receipt.hold.id if receipt.hold else "") != held:
        return Finding("hold", f"hold: found {receipt.hold and receipt.hold.id!r}, expected {held!r}")
    if set(receipt.digests) != set(DIGESTED):
        return Finding("digests", f"digests: found those of {sorted(receipt.digests)}, expected {list(DIGESTED)}")
    for name in DIGESTED:
        if digest(document.get(name)) != receipt.digests[name]:
            return Finding(name, f"{name}: was changed, it does not have the digest that was written with it")
    return None


def _check_statement(data: bytes, key: str | None) -> Proved | Finding:
    document, head = read_head(data)
    wrong = check_rows(data, head)
    if wrong:
        return Finding("statement", wrong)
    found = _signed(document, head.signature, key)
    if found is not None:
        return found
    updates = f"{head.count:,} balance update{'' if head.count == 1 else 's'} of account {head.account}"
    said = f"{updates}: the chain up to {head.head[:12]}, running balances and sums fit"
    return Proved("statement", head.account, f"{said}; {_by(head.signature)}", _signer(head.signature))


def _signed(document: dict[str, Any], signature: Signature | None, key: str | None) -> Finding | None:
    if signature is None:
        return Finding("signature", f"signature: there is none, expected one by {key}") if key else None
    if not is_signed_well(document):
        return Finding("signature", "signature: it is not one of this content by the key that it names")
    if key and signature.key != key:
        return Finding("signature", f"signature: found one by {signature.key}, expected one by {key}")
    return None


def _signer(signature: Signature | None) -> str:
    return signature.key if signature else ""


def _by(signature: Signature | None) -> str:
    return f"signed by {signature.key}" if signature else UNSIGNED


def _decision(receipt: Receipt, event: Event) -> str:
    feature = policy_from_document(receipt.policy).features[event.feature]
    if event.kind in ENDS:
        return ending_sentence(feature, event.kind, event.legs, event.overshoot, event.late)
    return grant_sentence(feature, event.legs, event.overshoot)

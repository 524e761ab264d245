"""Policy documents into policies: from a file, from text, or from the canonical JSON that a database keeps."""

from __future__ import annotations

import hashlib
import os
from decimal import Decimal
from pathlib import Path as FilePath

import msgspec

from spillover.model.policy import Policy
from spillover.policy.compile import compile_draft, sound_parts
from spillover.policy.findings import Findings, Json, refused
from spillover.policy.source import DEPTH_MAX, NUMBER_LENGTH_MAX, VALUES_MAX, parse_yaml
from spillover.policy.structure import policy_form

BYTES_MAX = 1_000_000
"""The largest text of a policy."""

_encode = msgspec.json.Encoder(order="sorted", decimal_format="number").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """The policy in a file of YAML 1.2 (or JSON, which is YAML), in UTF-8 and at most a million bytes.

    Raises PolicyError with every mistake that was found, each with its line.
    """
    file = os.fspath(path)
    try:
        with FilePath(file).open("rb") as stream:
            content = stream.read(BYTES_MAX + 1)
    except FileNotFoundError:
        raise refused(file, 1, "no such file", "a policy in YAML") from None
    except IsADirectoryError:
        raise refused(file, 1, "a directory", "a file with a policy in YAML") from None
    except (OSError, ValueError) as error:
        found = f"a file that cannot be read ({getattr(error, 'strerror', None) or error})"
        raise refused(file, 1, found, "a policy in YAML") from None
    if len(content) > BYTES_MAX:
        raise refused(file, 1, f"more than {BYTES_MAX:,} bytes", "a smaller policy")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refused(file, line, f"the byte 0x{content[error.start]:02X}", "text in UTF-8") from None
    return read_policy_text(text, file)


def read_policy_text(text: str, file: str = "<policy>") -> Policy:
    """The policy in a text of YAML 1.2; `file` is what its mistakes name. Raises PolicyError with every mistake."""
    if len(text) > BYTES_MAX:
        raise refused(file, 1, f"more than {BYTES_MAX:,} characters", "a smaller policy")
    root, findings = parse_yaml(text, file)
    return _policy(root.plain(), findings)


def policy_from_document(json_text: str) -> Policy:
    """The policy that a `Policy.document` was written from, equal to it in all, the hash included.

    Raises PolicyError where the text is not such a document.
    """
    file = "<stored policy>"
    expected = "the canonical JSON of a policy"
    try:
        document: Json = _decode(json_text)
    except (msgspec.DecodeError, RecursionError, ArithmeticError, UnicodeError) as error:
        raise refused(file, 1, f"text that is not JSON ({error})", expected) from None
    beyond = _beyond_bounds(document)
    if beyond:
        raise refused(file, 1, beyond, expected)
    return _policy(document, Findings(file, lambda _: 1))


def _beyond_bounds(document: Json) -> str | None:
    """What no document read from YAML has, and what would cost too much to look at; None if there is no such thing."""
    seen, waiting = 0, [(document, 1)]
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > VALUES_MAX or depth > DEPTH_MAX:
            return f"more than {VALUES_MAX:,} values or {DEPTH_MAX} levels of nesting"
        if isinstance(value, dict | list):
            waiting += [(child, depth + 1) for child in (value.values() if isinstance(value, dict) else value)]
        elif isinstance(value, Decimal) and not -NUMBER_LENGTH_MAX <= int(value.as_tuple().exponent) <= 0:
            return "a number with an exponent"
        elif isinstance(value, int | Decimal) and abs(value) >= 10**NUMBER_LENGTH_MAX:
            return f"a number of more than {NUMBER_LENGTH_MAX} digits"
    return None


def _policy(document: Json, findings: Findings) -> Policy:
    policy_form().check(document, findings)
    draft = sound_parts(document, findings.paths())
    if draft is None:
        findings.raise_any()
        raise AssertionError("a document without mistakes has parts")
    compiled = compile_draft(draft, findings)
    findings.raise_any()
    canonical = _encode(document)
    return Policy(hashlib.sha256(canonical).hexdigest(), **compiled._asdict(), document=canonical.decode())

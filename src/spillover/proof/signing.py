"""Ed25519 keys and signatures, by the package `cryptography` (the extra `proof`); looked for only when it is needed.

A private key is a PEM file (PKCS #8, unencrypted, for its owner only); beside it stands the public one, FILE.pub.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from spillover.model.errors import InvalidInput, SpilloverError
from spillover.proof.chain import canonical

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KEY_MAX = 10_000
"""Bytes of a key file that are read."""
A_KEY = "a key file, as `spillover proof key FILE` makes it"


def new_key(path: str) -> str:
    """Make a pair of keys: the private one at `path`, the public one at `path`.pub; the public one in hexadecimal.

    Raises InvalidInput where one of the files is there already, or cannot be made.
    """
    forms, ed25519 = _cryptography()
    private: Ed25519PrivateKey = ed25519.Ed25519PrivateKey.generate()
    plain = forms.NoEncryption()
    secret = private.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, plain)
    public = private.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo)
    if os.path.exists(f"{path}.pub"):
        raise InvalidInput("key", f"a file at {path}.pub", "a name that is free; keys are not overwritten")
    _write_new(path, secret, 0o600)
    _write_new(f"{path}.pub", public, 0o644)
    return key_name(private.public_key())


def sign(document: dict[str, Any], path: str) -> dict[str, Any]:
    """The document with a signature by the private key at `path`. Raises InvalidInput for a file that is none."""
    private = _private(path)
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    value = private.sign(canonical(unsigned)).hex()
    return unsigned | {"signature": {"key": key_name(private.public_key()), "value": value}}


def is_signed_well(document: dict[str, Any]) -> bool:
    """Whether the signature in the document is that of its key over the rest. Its form was checked before."""
    _, ed25519 = _cryptography()
    from cryptography.exceptions import InvalidSignature

    signature = document["signature"]
    unsigned = {name: value for name, value in document.items() if name != "signature"}
    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(_hex(signature["key"], 32))
        key.verify(_hex(signature["value"], 64), canonical(unsigned))
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(written: str) -> str:
    """A public key in hexadecimal, from itself or from a file that holds it. Raises InvalidInput."""
    if re.fullmatch("[0-9a-f]{64}", written):
        return written
    forms, ed25519 = _cryptography()
    content = _read(written)
    try:
        if b"PRIVATE KEY" in content:
            found = forms.load_pem_private_key(content, None).public_key()
        else:
            found = forms.load_pem_public_key(content)
    except (ValueError, TypeError):
        raise InvalidInput(
            "key", f"{written}, which is no key", "a public key: FILE.pub, or 64 hexadecimal digits"
        ) from None
    if not isinstance(found, ed25519.Ed25519PublicKey):
        raise InvalidInput("key", f"a key of another kind in {written}", "an Ed25519 key")
    return key_name(found)


def key_name(key: Ed25519PublicKey) -> str:
    """A public key as it is written in proofs: 64 hexadecimal digits."""
    return key.public_bytes_raw().hex()


def _private(path: str) -> Ed25519PrivateKey:
    forms, ed25519 = _cryptography()
    try:
        found: object = forms.load_pem_private_key(_read(path), None)
    except (ValueError, TypeError):
        raise InvalidInput("key", f"{path}, which is no private key", A_KEY) from None
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise InvalidInput("key", f"a key of another kind in {path}", "an Ed25519 key")
    return cast("Ed25519PrivateKey", found)


def _hex(text: str, length: int) -> bytes:
    if not re.fullmatch(f"[0-9a-f]{{{2 * length}}}", text):
        raise ValueError(text)
    return bytes.fromhex(text)


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(KEY_MAX)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise InvalidInput("key", f"{path}, which cannot be read ({said})", A_KEY) from None


def _write_new(path: str, content: bytes, mode: int) -> None:
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise InvalidInput("key", f"a file at {path}", "a name that is free; keys are not overwritten") from None
    except OSError as error:
        raise InvalidInput("key", f"{path}, which cannot be made ({error.strerror})", "a file to write") from None
    with os.fdopen(number, "wb") as stream:
        stream.write(content)


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise SpilloverError(
            "signatures need the package cryptography; install it with: pip install 'spillover[proof]'"
        ) from None
    return serialization, ed25519

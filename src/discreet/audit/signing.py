"""Sign a report with a key of the installation, and check such a signature.

A signature shows that a report wasn't altered since it was signed with that key. It doesn't show
that the key's holder is honest, or audited the installation that the report names.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from discreet.domain.errors import BadInput
from discreet.postgres.private_files import read_private, write_private

__all__ = ["KEY_FILE", "Signed", "fingerprint_of", "own_key", "sign_page", "sign_record", "verify"]

KEY_FILE = "audit-key"
_PAGE_END = re.compile(rb"<!-- signed with Ed25519: ([0-9a-f]{64}) ([A-Za-z0-9+/=]{88}) -->\n?\Z")


@dataclass(frozen=True, slots=True)
class Signed:
    """A valid signature. ``fingerprint``: of the public key, to compare with the operator's."""

    fingerprint: str
    public_key: bytes


def own_key(home: Path) -> Ed25519PrivateKey:
    """Return the key of this installation, made at the first audit and private to its user.

    Raises:
        Unavailable: others can read the file or own it.
        BadInput: it isn't a key.
    """
    path = home / KEY_FILE
    text = read_private(path, "the key that signs audits")
    if text is None:
        key = Ed25519PrivateKey.generate()
        write_private(path, key.private_bytes_raw().hex() + "\n")
        return key
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text.strip()))
    except ValueError:
        raise BadInput(
            f"{path} isn't a key.", hint="Delete it. The next audit creates a new one."
        ) from None


def fingerprint_of(public_key: bytes) -> str:
    """Return the first 16 bytes of the SHA-256 of a public key, in groups of four digits."""
    digits = hashlib.sha256(public_key).hexdigest()[:32]
    return " ".join(digits[at : at + 4] for at in range(0, 32, 4))


def sign_record(record: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Return a report's record with its signature, for a JSON file."""
    return {
        "report": record,
        "signature": {
            "algorithm": "Ed25519",
            "public_key": key.public_key().public_bytes_raw().hex(),
            "value": base64.b64encode(key.sign(_bytes_of(record))).decode(),
        },
    }


def sign_page(page: str, key: Ed25519PrivateKey) -> str:
    """Return an HTML page with a last line that signs everything before it."""
    page = page.rstrip("\n") + "\n"
    public = key.public_key().public_bytes_raw().hex()
    value = base64.b64encode(key.sign(page.encode())).decode()
    return f"{page}<!-- signed with Ed25519: {public} {value} -->\n"


def verify(content: bytes) -> Signed:
    """Check the signature of a report, a page or a JSON file.

    Raises:
        BadInput: it has none, or it was altered.
    """
    end = _PAGE_END.search(content)
    if end is not None:
        return _checked(content[: end.start()], end[1].decode(), end[2].decode())
    try:
        whole = json.loads(content)
        signature = whole["signature"]
        if set(whole) != {"report", "signature"} or signature["algorithm"] != "Ed25519":
            raise KeyError
        return _checked(_bytes_of(whole["report"]), signature["public_key"], signature["value"])
    except (ValueError, KeyError, TypeError):
        raise BadInput("This isn't a signed report of sb audit.") from None


def _checked(content: bytes, public_key: str, value: str) -> Signed:
    try:
        public = bytes.fromhex(public_key)
        Ed25519PublicKey.from_public_bytes(public).verify(
            base64.b64decode(value, validate=True), content
        )
    except (InvalidSignature, ValueError):
        raise BadInput("This report was altered after it was signed.") from None
    return Signed(fingerprint_of(public), public)


def _bytes_of(record: Any) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

"""Encrypt secrets for the database: AES-256-GCM, with a key from the credentials file."""

from __future__ import annotations

import json
import os

__all__ = ["NotSealedSo", "seal", "unseal"]

VERSION = b"\x01"
NONCE_BYTES = 12
"""Random: about 2^32 secrets under one key before two equal nonces become likely."""


class NotSealedSo(Exception):
    """The secret was encrypted with another key or for another owner, or is damaged."""


def seal(key: bytes, text: str, *whose: str) -> bytes:
    """Encrypt a text. ``key``: 32 bytes; ``whose``: must be the same when decrypting."""
    # The import takes 20 ms, and most commands need no secret.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound_to(whose))


def unseal(key: bytes, sealed: bytes, *whose: str) -> str:
    """Decrypt a sealed text.

    Raises:
        NotSealedSo: the key or ``whose`` differs, or the data was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = len(VERSION) + NONCE_BYTES
    if sealed[: len(VERSION)] != VERSION:
        raise NotSealedSo
    try:
        text = AESGCM(key).decrypt(sealed[len(VERSION) : head], sealed[head:], _bound_to(whose))
    except (InvalidTag, ValueError):
        raise NotSealedSo from None
    return text.decode()


def _bound_to(whose: tuple[str, ...]) -> bytes:
    # As JSON, because ("ab", "c") and ("a", "bc") must differ.
    return VERSION + json.dumps(["channel secret", *whose]).encode()

"""Encrypt secrets for the database: AES-256-GCM, with a key from the credentials file."""

from __future__ import annotations

import json
import os

__all__ = ["NotSealedSo", "seal", "unseal"]

VERSION = b"\x01"
NONCE_BYTES = 12
"""Random: 2^32 secrets under one key before two nonces are likely to be equal."""


class NotSealedSo(Exception):
    """It was sealed with another key or for somebody else, or it was damaged."""


def seal(key: bytes, text: str, *whose: str) -> bytes:
    """Encrypt a text. ``key``: 32 bytes; ``whose``: what has to be the same to read it again."""
    # Takes 20 ms to import, and most commands need no secret.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(NONCE_BYTES)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, text.encode(), _bound_to(whose))


def unseal(key: bytes, sealed: bytes, *whose: str) -> str:
    """Return the text that was sealed.

    Raises:
        NotSealedSo: the key or ``whose`` is another one, or not a byte of it can be trusted.
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
    # As JSON: ("ab", "c") and ("a", "bc") are two.
    return VERSION + json.dumps(["channel secret", *whose]).encode()

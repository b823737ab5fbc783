"""One TLS context for all clients of a test process: each takes 20 ms to load its authorities."""

from __future__ import annotations

import ssl
from functools import cache

import certifi


def share_contexts() -> None:
    """Make clients that ask for the same authorities share a context, which none of them changes.

    A context without named authorities is made anew, because its caller may add some.
    """
    made = ssl.create_default_context
    shared = cache(made)

    def create(
        purpose: ssl.Purpose = ssl.Purpose.SERVER_AUTH,
        *,
        cafile: str | None = None,
        capath: str | None = None,
        cadata: str | bytes | None = None,
    ) -> ssl.SSLContext:
        of = shared if cafile or capath else made
        return of(purpose, cafile=cafile, capath=capath, cadata=cadata)

    ssl.create_default_context = create  # type: ignore[assignment]
    ssl.create_default_context(cafile=certifi.where())

"""Join the parts of an answer that was cut and continued."""

from __future__ import annotations

LEAST_OVERLAP, MOST_OVERLAP = 12, 2_000
"""Minimum and maximum characters that a model may have repeated at the seam."""


def join_parts(text: str, more: str) -> str:
    """Return the joined text, without what is repeated at the seam."""
    if not text:
        return more
    start = more.lstrip()
    for length in range(min(len(text), len(start), MOST_OVERLAP), LEAST_OVERLAP - 1, -1):
        if text.endswith(start[:length]):
            return text + start[length:]
    return text + more

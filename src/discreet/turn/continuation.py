"""Join the parts of an answer that went on after it was cut."""

from __future__ import annotations

LEAST_OVERLAP, MOST_OVERLAP = 12, 2_000
"""Characters that a model may have said again at the seam."""


def join_parts(text: str, more: str) -> str:
    """Return the text as it goes on, without what is said twice at the seam."""
    if not text:
        return more
    start = more.lstrip()
    for length in range(min(len(text), len(start), MOST_OVERLAP), LEAST_OVERLAP - 1, -1):
        if text.endswith(start[:length]):
            return text + start[length:]
    return text + more

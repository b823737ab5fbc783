"""Split long texts into parts that Telegram accepts. Pure and deterministic."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate

from discreet.channels.telegram.formatting import EntitySpan, Formatted, clip_formatted
from discreet.domain.cutting import cuts

MAX_UNITS = 4096
"""Maximum UTF-16 units of one message."""


def split(formatted: Formatted, limit: int = MAX_UNITS) -> list[Formatted]:
    """Return the parts, each at most ``limit`` UTF-16 units long; at least one."""
    text = formatted.text
    units = [0, *accumulate(2 if ord(c) > 0xFFFF else 1 for c in text)]
    blocks = [
        (span.start, span.start + span.length) for span in formatted.spans if span.style == "pre"
    ]
    parts, spans, taken = [], list[EntitySpan](), 0
    for start, end in cuts(text, units, blocks, limit):
        until = bisect_left(formatted.spans, units[end], lo=taken, key=lambda span: span.start)
        # Spans that continue from the previous part, and those that begin in this one.
        spans += formatted.spans[taken:until]
        spans = [span for span in spans if span.start + span.length > units[start]]
        taken = until
        parts.append(clip_formatted(Formatted(text, tuple(spans)), text[start:end], units[start]))
    return parts

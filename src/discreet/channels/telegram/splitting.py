"""Long texts in parts that Telegram takes. Pure, and the same parts each time."""

from __future__ import annotations

from itertools import accumulate

from discreet.channels.telegram.formatting import Formatted, clip
from discreet.domain.cutting import cuts

MAX_UNITS = 4096
"""UTF-16 units of one message."""


def split(formatted: Formatted, limit: int = MAX_UNITS) -> list[Formatted]:
    """The parts, each at most ``limit`` UTF-16 units long; at least one."""
    text = formatted.text
    units = [0, *accumulate(2 if ord(c) > 0xFFFF else 1 for c in text)]
    blocks = [
        (span.start, span.start + span.length) for span in formatted.spans if span.style == "pre"
    ]
    return [
        clip(formatted, text[start:end], units[start])
        for start, end in cuts(text, units, blocks, limit)
    ]

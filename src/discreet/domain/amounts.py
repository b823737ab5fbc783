"""Amounts and moments in words, for people."""

from __future__ import annotations

from datetime import datetime

__all__ = ["ago", "counted"]


def ago(moment: datetime | None) -> str:
    """Format a time relative to now: ``3 minutes ago``."""
    if moment is None:
        return "never"
    seconds = max(0, int((datetime.now(moment.tzinfo) - moment).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{counted(seconds // length, unit)} ago"
    return "just now"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 message``, ``2 messages``, ``3 memories``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {noun[:-1] + 'ies' if noun.endswith('ory') else noun + 's'}"

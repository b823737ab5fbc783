"""Callbacks for printing an answer in one piece."""

from __future__ import annotations

import sys

from discreet.domain.text import terminal_text


async def show_delay(why: str) -> None:
    """Say on standard error that it takes longer, and why."""
    print(f"sb: {terminal_text(why)}", file=sys.stderr)


async def not_shown(_: str) -> None:
    """Ignore partial text."""

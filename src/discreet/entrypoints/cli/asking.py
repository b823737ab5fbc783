"""Asks before something is done that can't be seen from its name."""

from __future__ import annotations

import sys

from discreet.domain.errors import BadInput


def agreed(question: str, *, yes: bool) -> bool:
    """Whether whoever sits there wants it; ``yes``: they said so already.

    Raises:
        BadInput: nobody can be asked, and nobody said so.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("This has to be agreed to.", hint="Look with --preview, then say --yes.")
    return input(f"{question} [y/N] ").strip().casefold() in ("y", "yes")

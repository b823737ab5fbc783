"""Ask for confirmation before a command makes a far-reaching change."""

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
        raise BadInput(
            "Confirmation required.", hint="Check with --preview, then repeat with --yes."
        )
    return input(f"{question} [y/N] ").strip().casefold() in ("y", "yes")

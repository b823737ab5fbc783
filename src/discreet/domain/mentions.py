"""Remove a mention in front of what is said to the agent, as groups write it."""

from __future__ import annotations

import re

_AFTER = r"(?:[!?.…؟]+(?=\s|$))?[\s,:;،؛，、：；！？。]*(?:[—–-]+\s*(?=/))?"
"""What separates it from the rest: ``@ada, …``, ``@ada! …``, ``@ada — /help``."""


def without_mention(said: str, mention: str) -> str:
    """Return what follows mentions in front, or the whole text if nothing does.

    ``mention``: a regular expression.
    """
    rest = re.sub(rf"^\s*(?:(?:{mention}){_AFTER})+", "", said, flags=re.IGNORECASE)
    return rest or said

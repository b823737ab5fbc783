"""What a session starts with, without having asked for it."""

from __future__ import annotations

from typing import LiteralString

from discreet.memory.kept import ALIVE, COLUMNS, OWN, Memory, memory_of
from discreet.scope import Rows

__all__ = ["get_knowledge_memories"]

BYTES_PER_TOKEN = 4
"""A rule of thumb for English; counted in UTF-8, for tokenizers work on bytes, so that other
scripts are not taken for cheaper than they are."""
MOST_KNOWN = 200
"""No budget holds more."""

# An owner may read every contact's memories, but starts with those that are no contact's.
_KNOWLEDGE: LiteralString = f"""
    SELECT {COLUMNS} FROM discreet.memories
     WHERE salience IN ('critical', 'high') AND {OWN}
       AND {ALIVE}
     ORDER BY salience = 'critical' DESC,
              date_trunc('day', greatest(updated_at, used_at), 'UTC') DESC, updated_at DESC, id
     LIMIT %(most)s"""


async def get_knowledge_memories(rows: Rows, budget: int) -> list[Memory]:
    """Critical memories, then high ones; of equals those that were changed or made use of on a
    later day first, then the newest.

    ``budget``: tokens, about. One that doesn't fit is left out, the next may still fit.
    """
    known: list[Memory] = []
    left = budget * BYTES_PER_TOKEN
    for row in await rows.fetch(_KNOWLEDGE, {"most": MOST_KNOWN}):
        size = len(row["content"].encode("utf-8", "replace"))
        if size <= left:
            left -= size
            known.append(memory_of(row))
    return known

"""The memories that a session starts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from discreet.domain.ids import MemoryId
from discreet.memory.types import ALIVE, COLUMNS, OWN, Memory, memory_of
from discreet.scope import Transaction

__all__ = ["get_knowledge_memories", "mark_used"]

BYTES_PER_TOKEN = 4
"""A rule of thumb for English; counted in UTF-8, for tokenizers work on bytes, so that other
scripts are not taken for cheaper than they are."""
MAX_KNOWN = 200
"""No budget holds more."""

# An owner may read every contact's memories, but starts with those that are no contact's.
_KNOWLEDGE: LiteralString = f"""
    SELECT {COLUMNS} FROM discreet.memories
     WHERE salience IN ('critical', 'high') AND {OWN}
       AND {ALIVE}
     ORDER BY salience = 'critical' DESC,
              date_trunc('day', greatest(updated_at, used_at), 'UTC') DESC, updated_at DESC, id
     LIMIT %(most)s"""
# At most once a day for each, so that reading seldom writes; whoever changes one goes first. The
# array is read once, whatever the planner believes of a table that nobody has analysed yet; with
# IN it looked through all of a scope's memories again for each of them.
_MARK: LiteralString = f"""
    UPDATE discreet.memories SET used_at = now() WHERE id = ANY (ARRAY(
      SELECT id FROM discreet.memories
       WHERE {OWN} AND id = ANY(%(ids)s) AND (used_at IS NULL OR used_at < now() - interval '1 day')
         FOR UPDATE SKIP LOCKED))"""


async def get_knowledge_memories(tx: Transaction, budget: int) -> list[Memory]:
    """Return critical memories, then high ones; of equals those that were changed or made use of on
    a later day first, then the newest.

    ``budget``: tokens, about. One that doesn't fit is left out, the next may still fit.
    """
    known: list[Memory] = []
    left = budget * BYTES_PER_TOKEN
    for row in await tx.fetch(_KNOWLEDGE, {"most": MAX_KNOWN}):
        size = len(row["content"].encode("utf-8", "replace"))
        if size <= left:
            left -= size
            known.append(memory_of(row))
    return known


async def mark_used(tx: Transaction, memory_ids: Sequence[MemoryId]) -> None:
    """Note that a turn of this scope made use of its own memories. What an owner's turn finds of a
    contact's is not noted: the contact would see, by the order of what is known, that it was."""
    await tx.execute(_MARK, {"ids": list(memory_ids)})

"""The memories with which a session starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

from discreet.domain.ids import MemoryId
from discreet.memory.types import ALIVE, COLUMNS, OWN, Memory, memory_of
from discreet.scope import Transaction

__all__ = ["get_knowledge_memories", "mark_used"]

BYTES_PER_TOKEN = 4
"""A rule of thumb for English. Counted in UTF-8 bytes, because tokenizers work on bytes; counting
characters would underestimate other scripts.
"""
MAX_KNOWN = 200
"""Maximum memories, whatever the budget."""

# An owner can read every contact's memories, but starts with those that belong to no contact.
_KNOWLEDGE: LiteralString = f"""
    SELECT {COLUMNS} FROM discreet.memories
     WHERE salience IN ('critical', 'high') AND {OWN}
       AND {ALIVE}
     ORDER BY salience = 'critical' DESC,
              date_trunc('day', greatest(updated_at, used_at), 'UTC') DESC, updated_at DESC, id
     LIMIT %(most)s"""
# Mark each row at most once a day, to write rarely, and skip rows locked by a writer. The array is
# evaluated once, whatever the planner assumes about a table without statistics; with IN, it scanned
# all memories of the scope again for each id.
_MARK: LiteralString = f"""
    UPDATE discreet.memories SET used_at = now() WHERE id = ANY (ARRAY(
      SELECT id FROM discreet.memories
       WHERE {OWN} AND id = ANY(%(ids)s) AND (used_at IS NULL OR used_at < now() - interval '1 day')
         FOR UPDATE SKIP LOCKED))"""


async def get_knowledge_memories(tx: Transaction, budget: int) -> list[Memory]:
    """Return critical memories, then high ones; each sorted by last change or use, then by age.

    ``budget``: approximate tokens. A memory that doesn't fit is skipped, and the next one may still
    fit.
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
    """Record that a turn of this scope used its own memories.

    Contacts' memories found by an owner's turn are not recorded: the order of its knowledge would
    reveal the access to the contact.
    """
    await tx.execute(_MARK, {"ids": list(memory_ids)})

"""Older versions of memories. A trigger in the database writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.errors import Conflict, NotFound
from discreet.domain.ids import AgentId, ContactId, MemoryId, TurnId
from discreet.memory.memories import get_memory
from discreet.memory.types import Memory, Salience
from discreet.scope import Transaction

__all__ = ["MemoryVersion", "get_memory_history", "restore_memory"]


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """A memory as it was until ``archived_at``, when ``change`` was applied.

    ``expire``: it was deleted some time after it expired.
    """

    memory_id: MemoryId
    version: int
    agent_id: AgentId
    contact_id: ContactId | None
    content: str
    summary: str
    topic_key: str | None
    topics: tuple[str, ...]
    salience: Salience
    source: str
    metadata: Mapping[str, Any]
    expires_at: datetime | None
    turn_id: TurnId | None
    created_at: datetime
    updated_at: datetime
    change: Literal["update", "delete", "expire"]
    archived_at: datetime


_HISTORY: LiteralString = """
    SELECT memory_id, version, agent_id, contact_id, content, summary, topic_key, topics, salience,
           source, metadata, expires_at, turn_id, created_at, updated_at, change, archived_at
      FROM discreet.memory_history WHERE memory_id = %(id)s
     ORDER BY version DESC"""
# A conflicting memory of the same party. An owner's scope can hold other parties' memories.
_IN_THE_WAY: LiteralString = """
    SELECT other.id, other.topic_key = old.topic_key AS by_topic FROM discreet.memory_history old
      JOIN discreet.memories other
        ON other.owner_id = old.owner_id AND other.agent_id = old.agent_id
       AND other.contact_id IS NOT DISTINCT FROM old.contact_id AND other.shared = old.shared
       AND other.id <> old.memory_id
     WHERE old.memory_id = %(id)s AND old.version = %(version)s
       AND (other.digest = md5(gate.normalize_text(old.content)) OR other.topic_key = old.topic_key)
     ORDER BY by_topic LIMIT 1"""


async def get_memory_history(tx: Transaction, memory_id: MemoryId) -> list[MemoryVersion]:
    """Return the older versions of a memory, newest first, even if it was forgotten.

    Raises:
        NotFound: this scope has never held such a memory.
    """
    found = await tx.fetch(_HISTORY, {"id": memory_id})
    if not found:
        await get_memory(tx, memory_id)
    return [MemoryVersion(**{**row, "topics": tuple(row["topics"])}) for row in found]


async def restore_memory(tx: Transaction, memory_id: MemoryId, version: int) -> Memory:
    """Restore an older version, including its party and expiry.

    The current state of the memory becomes a version in its history.

    Raises:
        NotFound: no such version in this scope.
        Conflict: another memory of the same scope now has the same text or the same topic key; the
            message names it.
    """
    params = {"id": memory_id, "version": version}
    other = await tx.fetch_one(_IN_THE_WAY, params)
    if other is not None:
        why = (
            "now has the topic key of that version"
            if other["by_topic"]
            else "now has the same text"
        )
        raise Conflict(f"Memory {other['id']} {why}.", hint="Forget that one first.")
    restored = await tx.value("SELECT gate.restore_memory(%(id)s, %(version)s)", params)
    if restored is None:
        raise NotFound("No such version of this memory.", hint="Its history lists the versions.")
    return await get_memory(tx, memory_id)

"""Older versions of memories. The database writes them, whoever changes a memory and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString

from discreet.domain.errors import NotFound
from discreet.domain.ids import AgentId, ContactId, MemoryId, TurnId
from discreet.memory.memories import Memory, Salience, get_memory
from discreet.scope import Rows

__all__ = ["MemoryVersion", "get_memory_history", "restore_memory"]


@dataclass(frozen=True, slots=True)
class MemoryVersion:
    """A memory as it was until ``archived_at``, when ``change`` was made to it."""

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
    change: Literal["update", "delete"]
    archived_at: datetime


_HISTORY: LiteralString = """
    SELECT memory_id, version, agent_id, contact_id, content, summary, topic_key, topics, salience,
           source, metadata, expires_at, turn_id, created_at, updated_at, change, archived_at
      FROM discreet.memory_history WHERE memory_id = %(id)s
     ORDER BY version DESC"""


async def get_memory_history(rows: Rows, memory_id: MemoryId) -> list[MemoryVersion]:
    """The older versions of a memory, newest first; also of one that was forgotten.

    Raises:
        NotFound: this scope holds no such memory and never did.
    """
    found = await rows.fetch(_HISTORY, {"id": memory_id})
    if not found:
        await get_memory(rows, memory_id)
    return [MemoryVersion(**{**row, "topics": tuple(row["topics"])}) for row in found]


async def restore_memory(rows: Rows, memory_id: MemoryId, version: int) -> Memory:
    """Brings an older version back, whose it was and when it expires included. What the memory is
    now becomes a version of its history.

    Raises:
        NotFound: no such version in this scope.
        Conflict: another memory of the same scope says the same by now.
    """
    restored = await rows.value(
        "SELECT gate.restore_memory(%(id)s, %(version)s)", {"id": memory_id, "version": version}
    )
    if restored is None:
        raise NotFound(
            "There is no such version of a memory.", hint="Its history lists those there are."
        )
    return await get_memory(rows, memory_id)

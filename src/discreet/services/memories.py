"""Memories of everybody, each labelled with whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, LiteralString

from discreet.contacts.labels import CONTACT_LABEL, whose
from discreet.domain.errors import NotFound
from discreet.domain.ids import AgentId, ContactId, MemoryId, OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.memory import history, memories
from discreet.memory.embedding import Embedder
from discreet.memory.history import MemoryVersion
from discreet.memory.indexing import index
from discreet.memory.memories import MemoryChange
from discreet.scope import OwnerScope, ScopedDatabase, Transaction


@dataclass(frozen=True, slots=True)
class LabelledMemory:
    """A memory as it is now. ``whose``: the contact's label, ``owner`` or ``shared``."""

    id: MemoryId
    agent_id: AgentId
    agent: str
    contact_id: ContactId | None
    whose: str
    content: str
    summary: str
    topic_key: str | None
    topics: tuple[str, ...]
    salience: str
    source: str
    version: int
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    metadata: Mapping[str, Any]
    used_at: datetime | None


_LABELLED: LiteralString = f"""
    SELECT m.id, m.agent_id, a.name AS agent, m.shared, m.contact_id,
           {CONTACT_LABEL.format(row="m")} AS contact_label,
           m.content, m.summary, m.topic_key, m.topics, m.salience, m.source, m.version,
           m.expires_at, m.created_at, m.updated_at, m.metadata, m.used_at"""


async def list_memories(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    contact_id: ContactId | None = None,
    limit: int = MAX_LISTED,
    skip: int = 0,
) -> list[LabelledMemory]:
    """Memories, the newest first; of one contact if it is named.

    Those that have expired are listed too, until they are removed.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _LABELLED
            + """
                  FROM (SELECT * FROM discreet.memories
                         WHERE %(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s
                         ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(skip)s) m
                  JOIN discreet.agents a ON a.id = m.agent_id
                 ORDER BY m.created_at DESC, m.id""",
            {"contact_id": contact_id, "limit": limit, "skip": skip},
        )
    return [_labelled(row) for row in found]


async def get_memory(db: ScopedDatabase, owner_id: OwnerId, memory_id: MemoryId) -> LabelledMemory:
    """One memory, also one that has expired.

    Raises:
        NotFound: the owner has no such memory now; it may have been forgotten.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await _get(tx, memory_id)


async def get_history(
    db: ScopedDatabase, owner_id: OwnerId, memory_id: MemoryId
) -> list[MemoryVersion]:
    """The older versions of a memory, newest first; also of one that was forgotten.

    Raises:
        NotFound: the owner has no such memory and never had.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await history.get_memory_history(tx, memory_id)


async def restore(
    db: ScopedDatabase, owner_id: OwnerId, memory_id: MemoryId, version: int | None = None
) -> LabelledMemory:
    """Brings an older version back, exactly as it was; the last one if none is named.

    Raises:
        NotFound: no such version.
        Conflict: another memory of the same scope is in its way.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        if version is None:
            older = await history.get_memory_history(tx, memory_id)
            if not older:
                raise NotFound("This memory has no older version to restore.")
            version = older[0].version
        await history.restore_memory(tx, memory_id, version)
        return await _get(tx, memory_id)


async def forget(db: ScopedDatabase, owner_id: OwnerId, memory_id: MemoryId) -> LabelledMemory:
    """Takes a memory away; what it was. Its history keeps it.

    Raises:
        NotFound: the owner has no such memory now.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        memory = await _get(tx, memory_id)
        await memories.forget(tx, memory_id)
    return memory


async def update(
    db: ScopedDatabase,
    owner_id: OwnerId,
    memory_id: MemoryId,
    change: MemoryChange,
    embedder: Embedder,
    *,
    expected: int | None = None,
) -> LabelledMemory:
    """Changes a memory of anybody's; its ``indexed`` is made here.

    Raises:
        NotFound: the owner has no such memory now.
        Conflict: it is at another version than ``expected``, or doubles another memory.
        BadInput: empty, too long, or an unknown salience.
    """
    if change.content is not None:
        (made,) = await asyncio.to_thread(index, [change.content], embedder)
        change = replace(change, indexed=made)
    async with db.begin(OwnerScope(owner_id)) as tx:
        await memories.update_memory(tx, memory_id, change, expected=expected)
        return await _get(tx, memory_id)


async def _get(tx: Transaction, memory_id: MemoryId) -> LabelledMemory:
    row = await tx.fetch_one(
        _LABELLED
        + " FROM discreet.memories m JOIN discreet.agents a ON a.id = m.agent_id"
        + " WHERE m.id = %(id)s",
        {"id": memory_id},
    )
    if row is None:
        raise NotFound(
            f"There is no memory {memory_id}.",
            hint=f"If it was forgotten: sb memories history {memory_id}",
        )
    return _labelled(row)


def _labelled(row: Mapping[str, Any]) -> LabelledMemory:
    values = dict(row)
    label = whose(values.pop("contact_label"), shared=values.pop("shared"))
    return LabelledMemory(**{**values, "whose": label, "topics": tuple(values["topics"])})

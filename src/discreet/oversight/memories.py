"""Memories of everybody, each labelled with whose it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from discreet.domain.ids import AgentId, ContactId, MemoryId, OwnerId
from discreet.oversight.whose import CONTACT_LABEL, whose
from discreet.scope import Door, OwnerScope

MOST_LISTED = 1000


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


async def list_memories(
    door: Door, owner_id: OwnerId, *, contact_id: ContactId | None = None, limit: int = MOST_LISTED
) -> list[LabelledMemory]:
    """Memories, the newest first; of one contact if it is named. At most ``limit``.

    Those that have expired are listed too, until they are removed.
    """
    async with door.enter(OwnerScope(owner_id)) as rows:
        found = await rows.fetch(
            f"""SELECT m.id, m.agent_id, a.name AS agent, m.shared, m.contact_id,
                       {CONTACT_LABEL.format(row="m")} AS contact_label,
                       m.content, m.summary, m.topic_key, m.topics, m.salience, m.source,
                       m.version, m.expires_at, m.created_at, m.updated_at
                  FROM (SELECT * FROM discreet.memories
                         WHERE %(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s
                         ORDER BY created_at DESC, id LIMIT %(limit)s) m
                  JOIN discreet.agents a ON a.id = m.agent_id
                 ORDER BY m.created_at DESC, m.id""",
            {"contact_id": contact_id, "limit": limit},
        )
    return [
        LabelledMemory(
            id=row["id"],
            agent_id=row["agent_id"],
            agent=row["agent"],
            contact_id=row["contact_id"],
            whose=whose(row["contact_label"], shared=row["shared"]),
            content=row["content"],
            summary=row["summary"],
            topic_key=row["topic_key"],
            topics=tuple(row["topics"]),
            salience=row["salience"],
            source=row["source"],
            version=row["version"],
            expires_at=row["expires_at"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
        )
        for row in found
    ]

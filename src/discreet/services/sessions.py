"""Sessions and their transcripts, as the owner sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from discreet.contacts.labels import CONTACT_LABEL, whose
from discreet.domain.errors import NotFound
from discreet.domain.ids import AgentId, ContactId, MessageId, OwnerId, SessionId
from discreet.domain.paging import MAX_LISTED
from discreet.scope import OwnerScope, ScopedDatabase

_SESSIONS = f"""
    SELECT s.id, s.agent_id, a.name AS agent, s.shared, s.contact_id,
           {CONTACT_LABEL.format(row="s")} AS contact_label,
           s.thread_key, s.created_at, s.ended_at,
           count(m.id) AS messages,
           count(m.id) FILTER (WHERE m.direction = 'in' AND m.state IN ('waiting', 'taken'))
             AS waiting,
           s.last_message_at
      FROM discreet.sessions s
      JOIN discreet.agents a ON a.id = s.agent_id
      LEFT JOIN discreet.messages m ON m.session_id = s.id
"""


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation. ``whose``: the contact's label, ``owner`` or ``shared``."""

    id: SessionId
    agent_id: AgentId
    agent: str
    contact_id: ContactId | None
    whose: str
    thread_key: str
    messages: int
    waiting: int
    last_message_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One message. ``speaker``: a name or an address, ``owner``, or the agent's name.

    ``state``: for what came in: waiting, taken, answered, failed; for an answer, its delivery:
    pending, sending, sent, failed.
    """

    id: MessageId
    at: datetime
    direction: Literal["in", "out"]
    speaker: str
    text: str
    state: str
    in_person: bool


@dataclass(frozen=True, slots=True)
class Transcript:
    """A session and its messages in their order."""

    session: Session
    lines: tuple[TranscriptLine, ...]


# Which sessions are listed is known before any message is counted.
_LISTED = """ JOIN (
        SELECT id FROM discreet.sessions
         WHERE %(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s
         ORDER BY last_message_at DESC NULLS LAST, created_at DESC, id
         LIMIT %(limit)s OFFSET %(skip)s) listed ON listed.id = s.id
   GROUP BY s.id, a.id
   ORDER BY s.last_message_at DESC NULLS LAST, s.created_at DESC, s.id"""


async def list_sessions(
    db: ScopedDatabase,
    owner_id: OwnerId,
    *,
    contact_id: ContactId | None = None,
    limit: int = MAX_LISTED,
    skip: int = 0,
) -> list[Session]:
    """Sessions, the one written in last first; of one contact if it is named."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            _SESSIONS + _LISTED, {"contact_id": contact_id, "limit": limit, "skip": skip}
        )
    return [_session(row) for row in found]


async def get_transcript(
    db: ScopedDatabase, owner_id: OwnerId, session_id: SessionId
) -> Transcript:
    """A session with all its messages.

    Raises:
        NotFound: the owner has no such session.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        session = await tx.fetch_one(
            _SESSIONS + " WHERE s.id = %(id)s GROUP BY s.id, a.id", {"id": session_id}
        )
        if session is None:
            raise NotFound(f"There is no session {session_id}.", hint="See: sb sessions list")
        lines = await tx.fetch(
            """SELECT m.id, m.created_at AS at, m.direction, m.text, m.in_person,
                      coalesce(o.state, m.state) AS state,
                      CASE WHEN m.in_person THEN 'owner'
                           WHEN m.direction = 'out' THEN %(agent)s
                           ELSE coalesce(nullif(m.sender_name, ''),
                                         (SELECT nullif(c.name, '') FROM discreet.contacts c
                                           WHERE c.id = m.sender_contact_id),
                                         nullif(m.sender_address, ''),
                                         (SELECT a.platform || ':' || a.platform_id
                                            FROM discreet.addresses a
                                           WHERE a.contact_id = m.sender_contact_id
                                           ORDER BY a.created_at LIMIT 1),
                                         m.sender_contact_id::text, 'owner') END AS speaker
                 FROM discreet.messages m
                 LEFT JOIN discreet.outbox o ON o.message_id = m.id
                WHERE m.session_id = %(id)s ORDER BY m.position""",
            {"id": session_id, "agent": session["agent"]},
        )
    return Transcript(_session(session), tuple(TranscriptLine(**line) for line in lines))


def _session(row: Mapping[str, Any]) -> Session:
    return Session(
        id=row["id"],
        agent_id=row["agent_id"],
        agent=row["agent"],
        contact_id=row["contact_id"],
        whose=whose(row["contact_label"], shared=row["shared"]),
        thread_key=row["thread_key"],
        messages=row["messages"],
        waiting=row["waiting"],
        last_message_at=row["last_message_at"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )

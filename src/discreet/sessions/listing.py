"""The store of sessions: list, read and end them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from discreet.domain.errors import NotFound
from discreet.domain.ids import AgentId, ContactId, SessionId
from discreet.domain.paging import Mark
from discreet.scope import Transaction

_SESSIONS = """
    SELECT s.id, s.agent_id, s.contact_id, s.shared, s.thread_key, s.created_at, s.ended_at
      FROM discreet.sessions s
"""


@dataclass(frozen=True, slots=True)
class Session:
    """One conversation.

    ``contact_id`` is None if it is the owner's or, with ``shared``, everyone's who talks there.
    """

    id: SessionId
    agent_id: AgentId
    contact_id: ContactId | None
    shared: bool
    thread_key: str
    created_at: datetime
    ended_at: datetime | None


async def list_sessions(tx: Transaction, limit: int, before: Mark | None = None) -> list[Session]:
    """Return the sessions of this scope, newest first, from after a mark."""
    at, of = before or (None, None)
    found = await tx.fetch(
        _SESSIONS + " WHERE %(at)s::timestamptz IS NULL"
        "    OR (s.created_at, s.id) < (%(at)s::timestamptz, %(of)s::uuid)"
        " ORDER BY s.created_at DESC, s.id DESC LIMIT %(limit)s",
        {"limit": limit, "at": at, "of": of},
    )
    return [Session(**row) for row in found]


async def get_session(tx: Transaction, session_id: SessionId) -> Session:
    """Return one session.

    Raises:
        NotFound: this scope has no such session.
    """
    row = await tx.fetch_one(_SESSIONS + " WHERE s.id = %(id)s", {"id": session_id})
    if row is None:
        raise NotFound("There is no such session.")
    return Session(**row)


async def end_session(tx: Transaction, session_id: SessionId) -> Session:
    """End a session: the next message on its thread starts another one.

    Raises:
        NotFound: this scope has no such session.
    """
    await tx.execute(
        "UPDATE discreet.sessions SET ended_at = coalesce(ended_at, clock_timestamp())"
        " WHERE id = %(id)s",
        {"id": session_id},
    )
    return await get_session(tx, session_id)

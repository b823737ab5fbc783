"""Sessions and their messages: one function for each operation, in the scope of its context."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString

from discreet.domain.errors import NotFound
from discreet.domain.ids import ContactId, SessionId
from discreet.domain.paging import mark_of, next_of
from discreet.schemas import sessions as schemas
from discreet.schemas.attribution import OWNER, Person
from discreet.scope import OwnerScope, Transaction
from discreet.services.attribution import attribution_of
from discreet.services.context import OperationContext
from discreet.sessions import listing

__all__ = [
    "end_session",
    "get_session",
    "list_messages",
    "list_recent_sessions",
    "list_sessions",
]

# The sessions to list are selected before any messages are counted.
_SESSIONS: LiteralString = """
    SELECT s.id, s.agent_id, s.contact_id, s.shared, s.thread_key, s.created_at, s.ended_at,
           s.last_message_at, count(m.id) AS messages,
           count(m.id) FILTER (WHERE m.direction = 'in' AND m.state IN ('waiting', 'taken'))
             AS waiting
      FROM unnest(%(ids)s::uuid[]) AS listed (id)
      JOIN discreet.sessions s ON s.id = listed.id
      LEFT JOIN discreet.messages m ON m.session_id = s.id
     GROUP BY s.id ORDER BY array_position(%(ids)s::uuid[], s.id)"""
_RECENT: LiteralString = """
    SELECT id FROM discreet.sessions
     WHERE %(contact_id)s::uuid IS NULL OR contact_id = %(contact_id)s
     ORDER BY last_message_at DESC NULLS LAST, created_at DESC, id
     LIMIT %(limit)s OFFSET %(skip)s"""
_MESSAGES: LiteralString = """
    SELECT m.id, m.position, m.direction, m.text, m.sender_name, m.sender_address,
           m.sender_contact_id, m.in_person, m.created_at, m.replies_to,
           coalesce(o.state, m.state) AS state
      FROM discreet.messages m LEFT JOIN discreet.outbox o ON o.message_id = m.id
     WHERE m.session_id = %(id)s AND m.position > %(after)s ORDER BY m.position LIMIT %(limit)s"""


async def list_sessions(
    context: OperationContext, request: schemas.ListSessions
) -> schemas.SessionPage:
    """List sessions, newest first."""
    async with context.begin() as tx:
        found = await listing.list_sessions(tx, request.limit + 1, mark_of(request.cursor))
        items = await _shown(tx, [session.id for session in found[: request.limit]])
    following = next_of(found, request.limit, lambda one: (one.created_at, one.id))
    return schemas.SessionPage(items=items, next=following)


async def list_recent_sessions(
    context: OperationContext, *, contact_id: ContactId | None = None, limit: int, skip: int = 0
) -> list[schemas.Session]:
    """List sessions by last activity, newest first; only one contact's if it is named.

    This order changes while people write, so a page begins at an offset rather than a cursor.
    """
    async with context.begin() as tx:
        found = await tx.fetch_tuples(
            _RECENT, {"contact_id": contact_id, "limit": limit, "skip": skip}
        )
        return await _shown(tx, [SessionId(session_id) for (session_id,) in found])


async def get_session(context: OperationContext, session_id: SessionId) -> schemas.Session:
    """Return one session.

    Raises:
        NotFound: the scope has no such session.
    """
    async with context.begin() as tx:
        return await _show(tx, session_id)


async def end_session(context: OperationContext, session_id: SessionId) -> schemas.Session:
    """End a session. The next message on its thread starts a new one.

    Raises:
        NotFound: the scope has no such session.
    """
    async with context.begin() as tx:
        await listing.end_session(tx, session_id)
        return await _show(tx, session_id)


async def list_messages(
    context: OperationContext, session_id: SessionId, request: schemas.ListMessages
) -> schemas.Transcript:
    """List the messages of a session in order.

    Raises:
        NotFound: the scope has no such session.
    """
    async with context.begin() as tx:
        await listing.get_session(tx, session_id)
        found = await tx.fetch(
            _MESSAGES, {"id": session_id, "after": request.after, "limit": request.limit + 1}
        )
        more, found = len(found) > request.limit, found[: request.limit]
        attribution = await attribution_of(tx, [row["sender_contact_id"] for row in found])
        of_owner = isinstance(tx.scope, OwnerScope)
    items = [
        schemas.Message(**row, said_by=_speaker(row, attribution.people, of_owner=of_owner))
        for row in found
    ]
    return schemas.Transcript(items=items, next=items[-1].position if more else None)


def _speaker(
    row: Mapping[str, Any], people: Mapping[ContactId, Person], *, of_owner: bool
) -> Person | None:
    """Return who wrote a message: the name it was sent with, or else the contact's name."""
    if row["direction"] == "out":
        return OWNER if row["in_person"] else None
    contact_id = row["sender_contact_id"]
    # In shared conversations, the owner's account is treated like the others'.
    if contact_id is None and (of_owner or not row["sender_address"]):
        return OWNER
    contact = people.get(contact_id, Person())
    return Person(
        name=row["sender_name"] or contact.name,
        address=row["sender_address"] or contact.address,
    )


async def _show(tx: Transaction, session_id: SessionId) -> schemas.Session:
    shown = await _shown(tx, [session_id])
    if not shown:
        raise NotFound("There is no such session.", hint="See: sb sessions list")
    return shown[0]


async def _shown(tx: Transaction, session_ids: Sequence[SessionId]) -> list[schemas.Session]:
    found = await tx.fetch(_SESSIONS, {"ids": list(session_ids)})
    attribution = await attribution_of(tx, [row["contact_id"] for row in found])
    agents: dict[Any, str] = {}
    if isinstance(tx.scope, OwnerScope):
        agents = dict(await tx.fetch_tuples("SELECT id, name FROM discreet.agents"))
    return [
        schemas.Session(
            **row,
            whose=attribution.person_of(row["contact_id"], shared=row["shared"]),
            agent=agents.get(row["agent_id"]),
        )
        for row in found
    ]

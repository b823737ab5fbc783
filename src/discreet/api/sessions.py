"""Sessions: list, read and end them in the request's scope."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from discreet.api.dependencies import AnyCaller, ReadScope
from discreet.api.pagination import Cursor, Limit, mark_of, next_of
from discreet.api.problems import documented
from discreet.domain.ids import SessionId
from discreet.schemas import sessions as wire
from discreet.sessions import listing, transcript

router = APIRouter(prefix="/api/sessions", tags=["sessions"])


@router.get("", responses=documented(404), operation_id="list_sessions")
async def list_all(
    who: AnyCaller, scope: ReadScope, limit: Limit = 50, cursor: Cursor = None
) -> wire.SessionPage:
    """List the sessions in this scope, newest first. An owner's token lists all sessions."""
    async with who.db.begin(scope) as tx:
        found = await listing.list_sessions(tx, limit + 1, mark_of(cursor))
    return wire.SessionPage(
        items=[wire.Session.model_validate(one) for one in found[:limit]],
        next=next_of(found, limit, lambda one: (one.created_at, one.id)),
    )


@router.get("/{session_id}", responses=documented(404), operation_id="get_session")
async def get(who: AnyCaller, scope: ReadScope, session_id: UUID) -> wire.Session:
    """Get a session."""
    async with who.db.begin(scope) as tx:
        found = await listing.get_session(tx, SessionId(session_id))
    return wire.Session.model_validate(found)


@router.get("/{session_id}/messages", responses=documented(404), operation_id="get_transcript")
async def messages(
    who: AnyCaller,
    scope: ReadScope,
    session_id: UUID,
    limit: Limit = 100,
    after: Annotated[
        int, Query(ge=0, le=2**62, description="Return messages after this position (`next`).")
    ] = 0,
) -> wire.Transcript:
    """List the messages of a session."""
    async with who.db.begin(scope) as tx:
        await listing.get_session(tx, SessionId(session_id))
        found = await transcript.messages_after(tx, SessionId(session_id), after, limit + 1)
    return wire.Transcript(
        items=[wire.Message.model_validate(one) for one in found[:limit]],
        next=found[limit - 1].position if len(found) > limit else None,
    )


@router.post("/{session_id}/end", responses=documented(404), operation_id="end_session")
async def end(who: AnyCaller, scope: ReadScope, session_id: UUID) -> wire.Session:
    """End a session. The next message on its thread starts a new one."""
    async with who.db.begin(scope) as tx:
        found = await listing.end_session(tx, SessionId(session_id))
    return wire.Session.model_validate(found)

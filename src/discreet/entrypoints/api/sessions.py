"""Sessions: listed, read, ended, in the scope of the call."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from discreet.domain.ids import SessionId
from discreet.entrypoints.api.callers import AnyCaller, ReadScope
from discreet.entrypoints.api.pages import Cursor, Limit, mark_of, next_of
from discreet.entrypoints.api.problems import documented
from discreet.sessions import listing, transcript

router = APIRouter(prefix="/api/sessions", tags=["sessions"])


class SessionShown(BaseModel):
    """One conversation. `contact_id` null: the owner's own, or `shared` by all who talk there."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    thread_key: str
    created_at: datetime
    ended_at: datetime | None


class SessionsShown(BaseModel):
    """A page of sessions, the newest first."""

    items: list[SessionShown]
    next: str | None


class MessageShown(BaseModel):
    """A line of a conversation. `sender_*` are empty for the agent's own."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    position: int
    direction: Literal["in", "out"]
    text: str
    sender_name: str
    sender_address: str
    sender_contact_id: UUID | None
    in_person: bool
    created_at: datetime


class TranscriptShown(BaseModel):
    """Lines in the order in which they were said; `next` is the position to go on after."""

    items: list[MessageShown]
    next: int | None


@router.get("", responses=documented(404), operation_id="list_sessions")
async def list_all(
    who: AnyCaller, scope: ReadScope, limit: Limit = 50, cursor: Cursor = None
) -> SessionsShown:
    """The sessions of this scope, the newest first; with the owner's token everybody's."""
    async with who.door.enter(scope) as rows:
        found = await listing.list_sessions(rows, limit + 1, mark_of(cursor))
    return SessionsShown(
        items=[SessionShown.model_validate(one) for one in found[:limit]],
        next=next_of(found, limit, lambda one: (one.created_at, one.id)),
    )


@router.get("/{session_id}", responses=documented(404), operation_id="get_session")
async def get(who: AnyCaller, scope: ReadScope, session_id: UUID) -> SessionShown:
    """One session."""
    async with who.door.enter(scope) as rows:
        found = await listing.get_session(rows, SessionId(session_id))
    return SessionShown.model_validate(found)


@router.get("/{session_id}/messages", responses=documented(404), operation_id="get_transcript")
async def messages(
    who: AnyCaller,
    scope: ReadScope,
    session_id: UUID,
    limit: Limit = 100,
    after: Annotated[
        int, Query(ge=0, le=2**62, description="The position to go on after: `next`.")
    ] = 0,
) -> TranscriptShown:
    """What was said in a session."""
    async with who.door.enter(scope) as rows:
        await listing.get_session(rows, SessionId(session_id))
        found = await transcript.messages_after(rows, SessionId(session_id), after, limit + 1)
    return TranscriptShown(
        items=[MessageShown.model_validate(one) for one in found[:limit]],
        next=found[limit - 1].position if len(found) > limit else None,
    )


@router.post("/{session_id}/end", responses=documented(404), operation_id="end_session")
async def end(who: AnyCaller, scope: ReadScope, session_id: UUID) -> SessionShown:
    """Ends a session: the next message on its thread begins another one."""
    async with who.door.enter(scope) as rows:
        found = await listing.end_session(rows, SessionId(session_id))
    return SessionShown.model_validate(found)

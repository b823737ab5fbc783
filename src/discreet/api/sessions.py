"""Sessions: list, read and end them in the request's scope."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ConfigDict

from discreet.api.dependencies import AnyCaller, ReadScope
from discreet.api.problems import documented
from discreet.domain.ids import SessionId
from discreet.schemas import sessions as schemas
from discreet.services import sessions

router = APIRouter(prefix="/api/sessions", tags=["sessions"])


class ListSessions(schemas.ListSessions):
    """The page to list. The other parameters name the scope; ``caller`` rejects unknown ones."""

    model_config = ConfigDict(extra="ignore")


class ListMessages(schemas.ListMessages):
    """The page to list. The other parameters name the scope; ``caller`` rejects unknown ones."""

    model_config = ConfigDict(extra="ignore")


@router.get("", responses=documented(404), operation_id="list_sessions")
async def list_all(
    who: AnyCaller, scope: ReadScope, given: Annotated[ListSessions, Query()]
) -> schemas.SessionPage:
    """List the sessions in this scope, newest first. An owner's token lists all sessions."""
    return await sessions.list_sessions(who.context(scope), given)


@router.get("/{session_id}", responses=documented(404), operation_id="get_session")
async def get(who: AnyCaller, scope: ReadScope, session_id: UUID) -> schemas.Session:
    """Get a session."""
    return await sessions.get_session(who.context(scope), SessionId(session_id))


@router.get("/{session_id}/messages", responses=documented(404), operation_id="list_messages")
async def messages(
    who: AnyCaller, scope: ReadScope, session_id: UUID, given: Annotated[ListMessages, Query()]
) -> schemas.Transcript:
    """List the messages of a session."""
    return await sessions.list_messages(who.context(scope), SessionId(session_id), given)


@router.post("/{session_id}/end", responses=documented(404), operation_id="end_session")
async def end(who: AnyCaller, scope: ReadScope, session_id: UUID) -> schemas.Session:
    """End a session. The next message on its thread starts a new one."""
    return await sessions.end_session(who.context(scope), SessionId(session_id))

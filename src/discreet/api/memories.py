"""Memories: create, search, change and restore them in the request's scope."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import ConfigDict

from discreet.api.dependencies import AnyCaller, ReadScope, WriteScope
from discreet.api.pagination import ETAG, IdempotencyKey, IfMatch, etag, expected_of
from discreet.api.problems import documented
from discreet.domain.errors import Outdated
from discreet.domain.ids import MemoryId
from discreet.schemas import memories as schemas
from discreet.services import memories, recall
from discreet.services.idempotency import once

router = APIRouter(prefix="/api/memories", tags=["memories"])


class ListMemories(schemas.ListMemories):
    """The page to list.

    The other parameters name the scope, so this ignores them; ``caller`` rejects unknown ones.
    """

    model_config = ConfigDict(extra="ignore")


@router.get("", responses=documented(404), operation_id="list_memories")
async def list_all(
    who: AnyCaller, scope: ReadScope, given: Annotated[ListMemories, Query()]
) -> schemas.MemoryPage:
    """List the memories in this scope, newest first. An owner's token lists all memories."""
    return await memories.list_memories(who.context(scope), given)


@router.post(
    "",
    status_code=201,
    responses=documented(404, 409) | {201: {"headers": ETAG}},
    operation_id="remember",
)
async def remember(
    who: AnyCaller,
    scope: WriteScope,
    given: schemas.Remember,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> schemas.Remembered:
    """Create a memory. Returns the existing one if the scope already has the same text."""
    context = who.context(scope)
    made: list[schemas.Remembered] = []

    async def make() -> UUID:
        made.append(await memories.remember(context, given))
        return made[0].id

    asked = f"{request.url.path}?{request.url.query}\n".encode() + await request.body()
    memory_id = MemoryId(await once(who.db, who.bearer, idempotency_key, asked, make))
    memory = made[0] if made else await memories.remembered(context, memory_id, given)
    response.headers["ETag"] = etag(memory.version)
    return memory


@router.post("/recall", responses=documented(404), operation_id="recall")
async def find(who: AnyCaller, scope: ReadScope, given: schemas.Recall) -> schemas.Hits:
    """Search memories, reference texts and, on request, messages. Best match first."""
    return await recall.recall(who.context(scope), given)


@router.get(
    "/{memory_id}", responses=documented(404) | {200: {"headers": ETAG}}, operation_id="get_memory"
)
async def get(
    who: AnyCaller, scope: ReadScope, memory_id: UUID, response: Response
) -> schemas.Memory:
    """Get a memory, even if it has expired."""
    found = await memories.get_memory(who.context(scope), MemoryId(memory_id))
    return _versioned(found, response)


@router.patch(
    "/{memory_id}",
    responses=documented(404, 409, 412) | {200: {"headers": ETAG}},
    operation_id="update_memory",
)
async def update(
    who: AnyCaller,
    scope: ReadScope,
    memory_id: UUID,
    given: schemas.MemoryPatch,
    response: Response,
    if_match: IfMatch = None,
) -> schemas.Memory:
    """Change a memory. The previous version stays in its history."""
    changed = await memories.update(
        who.context(scope), MemoryId(memory_id), given, expected=_version_of(if_match)
    )
    return _versioned(changed, response)


@router.delete(
    "/{memory_id}",
    status_code=204,
    responses=documented(404, 412),
    operation_id="forget",
)
async def forget(
    who: AnyCaller, scope: ReadScope, memory_id: UUID, if_match: IfMatch = None
) -> None:
    """Forget a memory. Its history is kept, so it can be restored."""
    await memories.forget(who.context(scope), MemoryId(memory_id), expected=_version_of(if_match))


@router.get("/{memory_id}/history", responses=documented(404), operation_id="get_memory_history")
async def versions(who: AnyCaller, scope: ReadScope, memory_id: UUID) -> schemas.MemoryVersions:
    """List older versions of a memory, newest first, including forgotten memories."""
    return await memories.get_history(who.context(scope), MemoryId(memory_id))


@router.post(
    "/{memory_id}/restore",
    responses=documented(404, 409) | {200: {"headers": ETAG}},
    operation_id="restore_memory",
)
async def restore(
    who: AnyCaller, scope: ReadScope, memory_id: UUID, given: schemas.Restore, response: Response
) -> schemas.Memory:
    """Restore an older version of a memory, including its contact and expiry."""
    restored = await memories.restore(who.context(scope), MemoryId(memory_id), given)
    return _versioned(restored, response)


def _versioned(memory: schemas.Memory, response: Response) -> schemas.Memory:
    response.headers["ETag"] = etag(memory.version)
    return memory


def _version_of(if_match: str | None) -> int | None:
    expected = expected_of(if_match)
    if expected is None:
        return None
    if not (expected.isascii() and expected.isdigit() and len(expected) < 10):
        raise Outdated("This memory never had that version.", hint="Read it again.")
    return int(expected)

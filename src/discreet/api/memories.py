"""Memories: create, search, change and restore them in the request's scope."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response

from discreet.api.dependencies import AnyCaller, Caller, ReadScope, WriteScope
from discreet.api.pagination import (
    ETAG,
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    etag,
    expected_of,
    mark_of,
    next_of,
)
from discreet.api.problems import documented
from discreet.domain.errors import Outdated
from discreet.domain.ids import MemoryId
from discreet.memory import history, memories, recall
from discreet.memory.indexing import Indexed, index
from discreet.memory.outdated import may_be_outdated
from discreet.memory.types import Memory, MemoryChange, NewMemory
from discreet.schemas import memories as wire
from discreet.services.idempotency import once

router = APIRouter(prefix="/api/memories", tags=["memories"])


@router.get("", responses=documented(404), operation_id="list_memories")
async def list_all(
    who: AnyCaller,
    scope: ReadScope,
    limit: Limit = 50,
    cursor: Cursor = None,
    include_expired: bool = False,
) -> wire.MemoryPage:
    """List the memories in this scope, newest first. An owner's token lists all memories."""
    before = mark_of(cursor)
    async with who.db.begin(scope) as tx:
        found = await memories.list_memories(
            tx, limit + 1, before=before, include_expired=include_expired
        )
    return wire.MemoryPage(
        items=[wire.Memory.model_validate(one) for one in found[:limit]],
        next=next_of(found, limit, lambda one: (one.created_at, one.id)),
    )


@router.post(
    "",
    status_code=201,
    responses=documented(404, 409) | {201: {"headers": ETAG}},
    operation_id="remember",
)
async def remember(
    who: AnyCaller,
    scope: WriteScope,
    given: wire.Remember,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> wire.Remembered:
    """Create a memory. Returns the existing one if the scope already has the same text."""
    new = NewMemory(
        given.content,
        await _indexed(who, given.content),
        summary=given.summary,
        topic_key=given.topic_key,
        topics=given.topics,
        salience=given.salience,
        source="api",
        expires_at=given.expires_at,
    )

    async def make() -> UUID:
        async with who.db.begin(scope) as tx:
            replaces = None if given.replaces is None else MemoryId(given.replaces)
            return (await memories.remember(tx, new, replaces=replaces)).id

    asked = f"{request.url.path}?{request.url.query}\n".encode() + await request.body()
    made = await once(who.db, who.bearer, idempotency_key, asked, make)
    shown = await get(who, scope, made, response)
    if given.replaces is not None:
        return wire.Remembered(**shown.model_dump())
    async with who.db.begin(scope) as tx:
        memory = await memories.get_memory(tx, MemoryId(made))
        older = await may_be_outdated(tx, memory, new.indexed.terms)
    return wire.Remembered(
        **shown.model_dump(), may_replace=[wire.Memory.model_validate(one) for one in older]
    )


@router.post("/recall", responses=documented(404), operation_id="recall")
async def find(who: AnyCaller, scope: ReadScope, given: wire.Recall) -> wire.Hits:
    """Search memories, reference texts and, on request, messages. Best match first."""
    filters = recall.Filters(
        kinds=frozenset(given.kinds),
        salience=None if given.salience is None else tuple(given.salience),
        topics_any=None if given.topics_any is None else tuple(given.topics_any),
        topics_all=None if given.topics_all is None else tuple(given.topics_all),
        source=given.source,
        topic_key=given.topic_key,
        since=given.since,
        until=given.until,
        include_expired=given.include_expired,
    )
    query = await asyncio.to_thread(recall.prepare, given.query, who.api.embedder)
    async with who.db.begin(scope) as tx:
        hits = await recall.recall(tx, query, mode=given.mode, limit=given.limit, filters=filters)
    return wire.Hits(items=[wire.Hit.model_validate(hit) for hit in hits])


@router.get(
    "/{memory_id}", responses=documented(404) | {200: {"headers": ETAG}}, operation_id="get_memory"
)
async def get(who: AnyCaller, scope: ReadScope, memory_id: UUID, response: Response) -> wire.Memory:
    """Get a memory, even if it has expired."""
    async with who.db.begin(scope) as tx:
        found = await memories.get_memory(tx, MemoryId(memory_id))
    return _shown(found, response)


@router.patch(
    "/{memory_id}",
    responses=documented(404, 409, 412) | {200: {"headers": ETAG}},
    operation_id="update_memory",
)
async def update(
    who: AnyCaller,
    scope: ReadScope,
    memory_id: UUID,
    given: wire.MemoryPatch,
    response: Response,
    if_match: IfMatch = None,
) -> wire.Memory:
    """Change a memory. The previous version stays in its history."""
    change = MemoryChange(
        content=given.content,
        indexed=None if given.content is None else await _indexed(who, given.content),
        summary=given.summary,
        topic_key=given.topic_key,
        topics=given.topics,
        salience=given.salience,
        expires_at=given.expires_at,
        clear=frozenset(
            name
            for name in ("topic_key", "expires_at")
            if name in given.model_fields_set and getattr(given, name) is None
        ),
    )
    async with who.db.begin(scope) as tx:
        found = await memories.update_memory(
            tx, MemoryId(memory_id), change, expected=_version_of(if_match)
        )
    return _shown(found, response)


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
    async with who.db.begin(scope) as tx:
        await memories.forget(tx, MemoryId(memory_id), expected=_version_of(if_match))


@router.get("/{memory_id}/history", responses=documented(404), operation_id="get_memory_history")
async def versions(who: AnyCaller, scope: ReadScope, memory_id: UUID) -> wire.MemoryVersions:
    """List older versions of a memory, newest first, including forgotten memories."""
    async with who.db.begin(scope) as tx:
        found = await history.get_memory_history(tx, MemoryId(memory_id))
    return wire.MemoryVersions(items=[wire.MemoryVersion.model_validate(one) for one in found])


@router.post(
    "/{memory_id}/restore",
    responses=documented(404, 409) | {200: {"headers": ETAG}},
    operation_id="restore_memory",
)
async def restore(
    who: AnyCaller, scope: ReadScope, memory_id: UUID, given: wire.Restore, response: Response
) -> wire.Memory:
    """Restore an older version of a memory, including its contact and expiry."""
    async with who.db.begin(scope) as tx:
        found = await history.restore_memory(tx, MemoryId(memory_id), given.version)
    return _shown(found, response)


def _shown(memory: Memory, response: Response) -> wire.Memory:
    response.headers["ETag"] = etag(memory.version)
    return wire.Memory.model_validate(memory)


def _version_of(if_match: str | None) -> int | None:
    expected = expected_of(if_match)
    if expected is None:
        return None
    if not (expected.isascii() and expected.isdigit() and len(expected) < 10):
        raise Outdated("This memory never had that version.", hint="Read it again.")
    return int(expected)


async def _indexed(who: Caller, text: str) -> Indexed:
    return (await asyncio.to_thread(index, [text], who.api.embedder))[0]

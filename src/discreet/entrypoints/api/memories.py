"""Memories: kept, found, changed, brought back, in the scope of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from discreet.domain.errors import Outdated
from discreet.domain.ids import MemoryId
from discreet.entrypoints.api.callers import AnyCaller, Caller, Line, ReadScope, WriteScope
from discreet.entrypoints.api.pages import (
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
from discreet.entrypoints.api.problems import documented
from discreet.memory import history, memories, recall
from discreet.memory.indexing import Indexed, index
from discreet.memory.kept import Memory, MemoryChange, NewMemory
from discreet.oversight.idempotency import once

router = APIRouter(prefix="/api/memories", tags=["memories"])


def _aware(at: datetime) -> datetime:
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if not 1970 <= at.year <= 9998:
        raise ValueError("a time between 1970 and 9998")
    return at


Salience = Literal["low", "medium", "high", "critical"]
Kind = Literal["memory", "passage", "message"]
Content = Annotated[str, Field(min_length=1, max_length=65_536)]
Summary = Annotated[str, Field(max_length=4000)]
Topics = Annotated[list[Line], Field(max_length=50)]
Time = Annotated[datetime, AfterValidator(_aware), Field(description="UTC where it says nothing.")]


class MemoryShown(BaseModel):
    """A memory. `contact_id` null: the owner's own, or `shared` by all who talk to the agent."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    content: str
    summary: str
    topic_key: str | None
    topics: list[str]
    salience: Salience
    source: str
    metadata: Mapping[str, Any]
    expires_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class MemoriesShown(BaseModel):
    """A page of memories, the newest first."""

    items: list[MemoryShown]
    next: str | None


class VersionShown(BaseModel):
    """A memory as it was until `archived_at`, when `change` was made to it."""

    model_config = ConfigDict(from_attributes=True)

    memory_id: UUID
    version: int
    agent_id: UUID
    contact_id: UUID | None
    content: str
    summary: str
    topic_key: str | None
    topics: list[str]
    salience: Salience
    source: str
    expires_at: datetime | None
    change: Literal["update", "delete", "expire"]
    archived_at: datetime


class VersionsShown(BaseModel):
    """Older versions of a memory, the newest first."""

    items: list[VersionShown]


class Remember(BaseModel):
    """Something to keep."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"content": "Her dog is called Rex.", "topics": ["pets"]}},
    )

    content: Content
    summary: Summary = ""
    topic_key: Line | None = Field(None, description="Names one fact; what it was is its history.")
    topics: Topics = Field(default_factory=list)
    salience: Salience = "medium"
    expires_at: Time | None = None


class MemoryPatch(BaseModel):
    """What to set; what is left out stays. Null takes a topic key or an expiry away."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"content": "Her dog is called Rexy."}}
    )

    content: Content | None = None
    summary: Summary | None = None
    topic_key: Line | None = None
    topics: Topics | None = None
    salience: Salience | None = None
    expires_at: Time | None = None


class Restore(BaseModel):
    """Which version to bring back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"version": 1}})

    version: int = Field(ge=1, le=2**31 - 1)


class Recall(BaseModel):
    """What to look for. Filters narrow the scope of the call; none of them widens it."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"query": "what is her dog called?"}}
    )

    query: str = Field(min_length=1, max_length=4000)
    mode: Literal["text", "semantic", "hybrid"] = "hybrid"
    limit: int = Field(10, ge=1, le=100)
    kinds: list[Kind] = Field(["memory", "passage"], min_length=1, max_length=3)
    salience: Annotated[list[Salience], Field(min_length=1, max_length=4)] | None = None
    topics_any: Annotated[Topics, Field(min_length=1)] | None = None
    topics_all: Annotated[Topics, Field(min_length=1)] | None = None
    source: Line | None = None
    topic_key: Line | None = None
    since: Time | None = Field(None, description="Included.")
    until: Time | None = Field(None, description="Not included.")
    include_expired: bool = False


class PartsShown(BaseModel):
    """What a score is made of."""

    model_config = ConfigDict(from_attributes=True, extra="allow")


class HitShown(BaseModel):
    """A row that was found, and whose it is."""

    model_config = ConfigDict(from_attributes=True)

    kind: Kind
    id: UUID
    content: str
    score: float
    created_at: datetime
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    title: str
    salience: Salience | None
    summary: str
    topics: list[str]
    source: str
    version: int | None
    topic_key: str | None
    expires_at: datetime | None
    session_id: UUID | None
    position: int | None
    direction: str


class HitsShown(BaseModel):
    """What was found, the best first."""

    items: list[HitShown]


@router.get("", responses=documented(404), operation_id="list_memories")
async def list_all(
    who: AnyCaller,
    scope: ReadScope,
    limit: Limit = 50,
    cursor: Cursor = None,
    include_expired: bool = False,
) -> MemoriesShown:
    """The memories of this scope, the newest first; with the owner's token everybody's."""
    before = mark_of(cursor)
    async with who.door.enter(scope) as rows:
        found = await memories.list_memories(
            rows, limit + 1, before=before, include_expired=include_expired
        )
    return MemoriesShown(
        items=[MemoryShown.model_validate(one) for one in found[:limit]],
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
    given: Remember,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MemoryShown:
    """Keeps something. What the scope knows already stays the one memory that it is."""
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
        async with who.door.enter(scope) as rows:
            return (await memories.remember(rows, new)).id

    asked = f"{request.url.path}?{request.url.query}\n".encode() + await request.body()
    made = await once(who.door, who.bearer, idempotency_key, asked, make)
    return await get(who, scope, made, response)


@router.post("/recall", responses=documented(404), operation_id="recall")
async def find(who: AnyCaller, scope: ReadScope, given: Recall) -> HitsShown:
    """What answers a question best: memories, reference texts, and messages where asked for."""
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
    async with who.door.enter(scope) as rows:
        hits = await recall.recall(rows, query, mode=given.mode, limit=given.limit, filters=filters)
    return HitsShown(items=[HitShown.model_validate(hit) for hit in hits])


@router.get(
    "/{memory_id}", responses=documented(404) | {200: {"headers": ETAG}}, operation_id="get_memory"
)
async def get(who: AnyCaller, scope: ReadScope, memory_id: UUID, response: Response) -> MemoryShown:
    """One memory, also one that has expired."""
    async with who.door.enter(scope) as rows:
        found = await memories.get_memory(rows, MemoryId(memory_id))
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
    given: MemoryPatch,
    response: Response,
    if_match: IfMatch = None,
) -> MemoryShown:
    """Changes a memory; the version before it stays in its history."""
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
    async with who.door.enter(scope) as rows:
        found = await memories.update_memory(
            rows, MemoryId(memory_id), change, expected=_version_of(if_match)
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
    """Takes a memory away; its history keeps it, so it can be restored."""
    async with who.door.enter(scope) as rows:
        await memories.forget(rows, MemoryId(memory_id), expected=_version_of(if_match))


@router.get("/{memory_id}/history", responses=documented(404), operation_id="get_memory_history")
async def versions(who: AnyCaller, scope: ReadScope, memory_id: UUID) -> VersionsShown:
    """Older versions of a memory, the newest first; also of one that was forgotten."""
    async with who.door.enter(scope) as rows:
        found = await history.get_memory_history(rows, MemoryId(memory_id))
    return VersionsShown(items=[VersionShown.model_validate(one) for one in found])


@router.post(
    "/{memory_id}/restore",
    responses=documented(404, 409) | {200: {"headers": ETAG}},
    operation_id="restore_memory",
)
async def restore(
    who: AnyCaller, scope: ReadScope, memory_id: UUID, given: Restore, response: Response
) -> MemoryShown:
    """Brings an older version back, whose it was and when it expires included."""
    async with who.door.enter(scope) as rows:
        found = await history.restore_memory(rows, MemoryId(memory_id), given.version)
    return _shown(found, response)


def _shown(memory: Memory, response: Response) -> MemoryShown:
    response.headers["ETag"] = etag(memory.version)
    return MemoryShown.model_validate(memory)


def _version_of(if_match: str | None) -> int | None:
    expected = expected_of(if_match)
    if expected is None:
        return None
    if not (expected.isascii() and expected.isdigit() and len(expected) < 10):
        raise Outdated("This memory never was at that version.", hint="Read it again.")
    return int(expected)


async def _indexed(who: Caller, text: str) -> Indexed:
    return (await asyncio.to_thread(index, [text], who.api.embedder))[0]

"""Memories: one function for each operation, used by every entry point and by the model's tools.

They run in the scope of their context. In the owner's scope every memory says whom it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from discreet.domain.errors import NotFound
from discreet.domain.ids import ContactId, MemoryId
from discreet.domain.paging import mark_of, next_of
from discreet.memory import history, knowledge, memories
from discreet.memory.indexing import Indexed, index_soon
from discreet.memory.outdated import may_be_outdated
from discreet.memory.tokenizer import terms_of
from discreet.memory.types import Memory, MemoryChange, NewMemory
from discreet.schemas import memories as schemas
from discreet.scope import OwnerScope, Transaction
from discreet.services.attribution import attribution_of
from discreet.services.context import OperationContext

__all__ = [
    "forget",
    "get_history",
    "get_knowledge",
    "get_memory",
    "list_memories",
    "remember",
    "remembered",
    "restore",
    "update",
]


async def remember(context: OperationContext, request: schemas.Remember) -> schemas.Remembered:
    """Create a memory. Return the existing one if the scope already has the same text.

    Raises:
        BadInput: the text is empty or too long.
        NotFound: the scope has no memory with the id in ``replaces``.
        LimitReached: the contact has the maximum number of memories.
        ScopeError: the owner's scope names no agent.
    """
    new = NewMemory(
        request.content,
        await _indexed(context, request.content),
        summary=request.summary,
        topic_key=request.topic_key,
        topics=request.topics,
        salience=request.salience,
        source=context.source,
        expires_at=request.expires_at,
        turn_id=context.turn_id,
    )
    replaces = None if request.replaces is None else MemoryId(request.replaces)
    async with context.begin() as tx:
        memory = await memories.remember(tx, new, replaces=replaces)
        return await _remembered(tx, memory, request, new.indexed.terms)


async def remembered(
    context: OperationContext, memory_id: MemoryId, request: schemas.Remember
) -> schemas.Remembered:
    """Return what ``remember`` returned, for a repeated request.

    Raises:
        NotFound: it has been forgotten since.
    """
    async with context.begin() as tx:
        memory = await memories.get_memory(tx, memory_id)
        return await _remembered(tx, memory, request, terms_of(request.content))


async def list_memories(
    context: OperationContext,
    request: schemas.ListMemories,
    *,
    contact_id: ContactId | None = None,
    skip: int = 0,
) -> schemas.MemoryPage:
    """List memories, newest first. ``contact_id`` narrows the owner's scope to one contact."""
    async with context.begin() as tx:
        found = await memories.list_memories(
            tx,
            request.limit + 1,
            offset=skip,
            before=mark_of(request.cursor),
            include_expired=request.include_expired,
            contact_id=contact_id,
            since=request.since,
            until=request.until,
        )
        items = await _shown(tx, found[: request.limit])
    following = next_of(found, request.limit, lambda one: (one.created_at, one.id))
    return schemas.MemoryPage(items=items, next=following)


async def get_memory(context: OperationContext, memory_id: MemoryId) -> schemas.Memory:
    """Return a memory, even if it has expired.

    Raises:
        NotFound: the scope has no such memory.
    """
    async with context.begin() as tx:
        return await _show(tx, await memories.get_memory(tx, memory_id))


async def update(
    context: OperationContext,
    memory_id: MemoryId,
    request: schemas.MemoryPatch,
    *,
    expected: int | None = None,
) -> schemas.Memory:
    """Change a memory. The previous version stays in its history.

    Fields that are not set stay as they are; an explicit null clears the topic key or the expiry.

    Raises:
        NotFound: the scope has no such memory.
        Outdated: its version is not ``expected``.
        Conflict: another memory already has this text or topic key.
        BadInput: the text is empty or too long.
    """
    indexed = None if request.content is None else await _indexed(context, request.content)
    change = MemoryChange(
        content=request.content,
        indexed=indexed,
        summary=request.summary,
        topic_key=request.topic_key,
        topics=request.topics,
        salience=request.salience,
        expires_at=request.expires_at,
        clear=_cleared(request),
    )
    async with context.begin() as tx:
        if request.content is not None:
            # Whose words they are from now on.
            by_owner = isinstance(tx.scope, OwnerScope)
            source = "owner" if by_owner else context.source
            change = replace(change, source=source, turn_id=context.turn_id)
        changed = await memories.update_memory(tx, memory_id, change, expected=expected)
        return await _show(tx, changed)


async def forget(
    context: OperationContext, memory_id: MemoryId, *, expected: int | None = None
) -> schemas.Memory:
    """Forget a memory and return what it was. Its history is kept, so it can be restored.

    Raises:
        NotFound: the scope has no such memory.
        Outdated: its version is not ``expected``.
    """
    async with context.begin() as tx:
        memory = await _show(tx, await memories.get_memory(tx, memory_id))
        await memories.forget(tx, memory_id, expected=expected)
    return memory


async def get_history(context: OperationContext, memory_id: MemoryId) -> schemas.MemoryVersions:
    """List older versions of a memory, newest first, including those of a forgotten memory.

    Raises:
        NotFound: the scope has no such memory and never had.
    """
    async with context.begin() as tx:
        found = await history.get_memory_history(tx, memory_id)
    items = [schemas.MemoryVersion.model_validate(one) for one in found]
    return schemas.MemoryVersions(items=items)


async def restore(
    context: OperationContext, memory_id: MemoryId, request: schemas.Restore
) -> schemas.Memory:
    """Restore an older version of a memory, with its contact and expiry; by default the latest.

    Raises:
        NotFound: the scope has no such memory or version.
        Conflict: another memory already has this text or topic key.
    """
    async with context.begin() as tx:
        version = request.version
        if version is None:
            older = await history.get_memory_history(tx, memory_id)
            if not older:
                raise NotFound("This memory has no older version to restore.")
            version = older[0].version
        return await _show(tx, await history.restore_memory(tx, memory_id, version))


async def get_knowledge(
    context: OperationContext, request: schemas.GetKnowledge
) -> schemas.Knowledge:
    """List the critical and high memories with which a session starts, most important first."""
    async with context.begin() as tx:
        found = await knowledge.get_knowledge_memories(tx, request.budget)
        return schemas.Knowledge(items=await _shown(tx, found))


async def _remembered(
    tx: Transaction, memory: Memory, request: schemas.Remember, terms: Sequence[str]
) -> schemas.Remembered:
    older: list[Memory] = []
    if request.replaces is None:
        older = await may_be_outdated(tx, memory, terms)
    shown, *others = await _shown(tx, [memory, *older])
    return schemas.Remembered(**dict(shown), may_replace=others)


def _cleared(request: schemas.MemoryPatch) -> frozenset[Literal["topic_key", "expires_at"]]:
    cleared: set[Literal["topic_key", "expires_at"]] = set()
    if "topic_key" in request.model_fields_set and request.topic_key is None:
        cleared.add("topic_key")
    if "expires_at" in request.model_fields_set and request.expires_at is None:
        cleared.add("expires_at")
    return frozenset(cleared)


async def _indexed(context: OperationContext, text: str) -> Indexed:
    return await index_soon(text, context.embedder())


async def _show(tx: Transaction, memory: Memory) -> schemas.Memory:
    return (await _shown(tx, [memory]))[0]


async def _shown(tx: Transaction, found: Sequence[Memory]) -> list[schemas.Memory]:
    """Add what only the owner sees: whom each memory belongs to, its agent, and its last use."""
    shown = [schemas.Memory.model_validate(memory) for memory in found]
    if not shown or not isinstance(tx.scope, OwnerScope):
        return shown
    attribution = await attribution_of(tx, [memory.contact_id for memory in found])
    details = {
        row["id"]: {"agent": row["agent"], "used_at": row["used_at"]}
        for row in await tx.fetch(
            "SELECT m.id, m.used_at, a.name AS agent FROM discreet.memories m"
            "  JOIN discreet.agents a ON a.id = m.agent_id WHERE m.id = ANY(%(ids)s)",
            {"ids": [memory.id for memory in found]},
        )
    }
    return [
        one.model_copy(
            update={
                "whose": attribution.person_of(memory.contact_id, shared=memory.shared),
                **details.get(memory.id, {}),
            }
        )
        for one, memory in zip(shown, found, strict=True)
    ]

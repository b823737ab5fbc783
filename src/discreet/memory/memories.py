"""The memory store of one scope."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from discreet.domain.errors import Conflict, NotFound, Outdated, ScopeError
from discreet.domain.ids import ContactId, MemoryId
from discreet.domain.paging import Mark
from discreet.memory.duplicates import nearest_to, nearly_the_same
from discreet.memory.indexing import Indexed
from discreet.memory.types import (
    ALIVE,
    COLUMNS,
    OWN,
    SALIENCES,
    Memory,
    MemoryChange,
    NewMemory,
    Salience,
    check,
    memory_of,
)
from discreet.scope import OwnerScope, Transaction

__all__ = [
    "SALIENCES",
    "Memory",
    "MemoryChange",
    "NewMemory",
    "Salience",
    "forget",
    "get_memory",
    "list_memories",
    "remember",
    "update_memory",
]

RACES = 5
"""Attempts while other requests keep storing the same memory."""

_KNOWN: LiteralString = f"""
    SELECT {COLUMNS}, digest = md5(gate.normalize_text(%(content)s)) AS same FROM discreet.memories
     WHERE {OWN} AND (digest = md5(gate.normalize_text(%(content)s)) OR topic_key = %(topic_key)s)
     ORDER BY id
       FOR UPDATE"""
# The conflict may be on any unique key; in each case there is an existing row to find.
_INSERT: LiteralString = f"""
    INSERT INTO discreet.memories (
        content, summary, topic_key, topics, salience, source, metadata, expires_at,
        terms, tokens, embedder, embedding, turn_id)
    VALUES (%(content)s, %(summary)s, %(topic_key)s, %(topics)s, %(salience)s, %(source)s,
            %(metadata)s, %(expires_at)s, %(terms)s, %(tokens)s, %(embedder)s,
            %(embedding)s::public.vector, %(turn_id)s)
    ON CONFLICT DO NOTHING
    RETURNING {COLUMNS}"""
_IS_OWN: LiteralString = f"""
    SELECT true FROM (SELECT 1 FROM discreet.memories WHERE {OWN} AND id = %(id)s FOR UPDATE) own"""
_SUPERSEDE: LiteralString = f"""
    UPDATE discreet.memories SET
        content = %(content)s, summary = %(summary)s, topics = %(topics)s,
        salience = %(salience)s, source = %(source)s, metadata = %(metadata)s,
        expires_at = %(expires_at)s, turn_id = %(turn_id)s,
        terms = %(terms)s, tokens = %(tokens)s, embedder = %(embedder)s,
        embedding = %(embedding)s::public.vector
     WHERE id = %(id)s
    RETURNING {COLUMNS}"""
_MERGE: LiteralString = f"""
    UPDATE discreet.memories SET topic_key = %(topic_key)s, topics = %(topics)s,
        salience = %(salience)s, expires_at = %(expires_at)s
     WHERE id = %(id)s
    RETURNING {COLUMNS}"""
_UPDATE: LiteralString = f"""
    UPDATE discreet.memories SET
        content = coalesce(%(content)s, content),
        terms = coalesce(%(terms)s::text[], terms),
        tokens = coalesce(%(tokens)s::bytea, tokens),
        embedder = CASE WHEN %(content)s::text IS NULL THEN embedder ELSE %(embedder)s END,
        embedding = CASE WHEN %(content)s::text IS NULL THEN embedding
                         ELSE %(embedding)s::public.vector END,
        summary = coalesce(%(summary)s, summary),
        topic_key = CASE WHEN %(clear_topic_key)s THEN NULL
                         ELSE coalesce(%(topic_key)s, topic_key) END,
        topics = coalesce(%(topics)s::text[], topics),
        salience = coalesce(%(salience)s, salience),
        source = coalesce(%(source)s, source),
        turn_id = coalesce(%(turn_id)s, turn_id),
        metadata = coalesce(%(metadata)s::jsonb, metadata),
        expires_at = CASE WHEN %(clear_expires_at)s THEN NULL
                          ELSE coalesce(%(expires_at)s::timestamptz, expires_at) END
     WHERE id = %(id)s AND version = coalesce(%(expected)s, version)
    RETURNING {COLUMNS}"""
# A conflicting memory of the same party. An owner's scope can hold other parties' memories.
_IN_THE_WAY: LiteralString = """
    SELECT other.id, other.topic_key = %(topic_key)s AS by_topic FROM discreet.memories this
      JOIN discreet.memories other
        ON (other.owner_id, other.agent_id, other.party)
           = (this.owner_id, this.agent_id, this.party) AND other.id <> this.id
     WHERE this.id = %(id)s
       AND (other.digest = md5(gate.normalize_text(%(content)s)) OR other.topic_key = %(topic_key)s)
     ORDER BY by_topic LIMIT 1"""
_GET: LiteralString = f"SELECT {COLUMNS} FROM discreet.memories WHERE id = %(id)s"
_LIST: LiteralString = f"""
    SELECT {COLUMNS} FROM discreet.memories
     WHERE (%(include_expired)s OR {ALIVE})
       AND (%(contact)s::uuid IS NULL OR contact_id = %(contact)s)
       AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
       AND (%(before)s::timestamptz IS NULL
            OR (created_at, id) < (%(before)s::timestamptz, %(before_id)s::uuid))
     ORDER BY created_at DESC, id DESC
     LIMIT %(limit)s OFFSET %(offset)s"""


async def remember(tx: Transaction, new: NewMemory, *, replaces: MemoryId | None = None) -> Memory:
    """Store a text in this scope and return the memory that now holds it.

    ``replaces``: a memory of this scope to replace; the old text stays in its history.

    A memory with the same ``topic_key`` is replaced in the same way. If the scope already has a
    memory in nearly the same words, that memory is kept with its id and its text; the topics are
    added to it, and the higher salience and the later expiry are used.

    Raises:
        NotFound: the scope has no memory of its own to replace.
        BadInput: empty, too long, or an unknown salience.
        ScopeError: an owner's scope without an agent, so that the memory would belong to none.
        Conflict: others kept storing the same memory concurrently.
    """
    _check_agent(tx)
    topic_key = (new.topic_key or "").strip() or None
    check(new.content, new.salience, topic_key)
    values = _values(new, topic_key)
    if replaces is not None:
        return await _replace(tx, replaces, values)
    for _ in range(RACES):
        known, nearest = await tx.fetch_each((_KNOWN, values), nearest_to(new.indexed))
        same = next((memory_of(_bare(row)) for row in known if row["same"]), None)
        filed = next((memory_of(_bare(row)) for row in known if not row["same"]), None)
        if filed is not None:
            if same is None:
                return await _change(tx, _SUPERSEDE, {**values, "id": filed.id})
            await forget(tx, filed.id)
            return await _merge(tx, same, new, topic_key)
        if same is None:
            same = nearly_the_same(new.content, nearest)
            if same is not None and None not in (topic_key, same.topic_key):
                same = None  # another topic key means another memory
        if same is not None:
            return await _merge(tx, same, new, topic_key or same.topic_key)
        row = await tx.fetch_one(_INSERT, values)
        if row is not None:
            return memory_of(row)
    raise Conflict("Another request stored the same memory at the same time.", hint="Try again.")


async def update_memory(
    tx: Transaction, memory_id: MemoryId, change: MemoryChange, *, expected: int | None = None
) -> Memory:
    """Change a memory. The previous version stays in its history.

    ``expected``: the version on which the change is based.

    Raises:
        NotFound: no such memory in this scope.
        Outdated: it has a newer version.
        Conflict: another memory of its scope has the same text or the same topic key; the message
            names it.
        BadInput: empty, too long, or an unknown salience.
    """
    if (change.content is None) != (change.indexed is None):
        raise ValueError("content and indexed must be given together")
    check(change.content, change.salience, change.topic_key)
    indexed = change.indexed or Indexed(())
    params = {
        "id": memory_id,
        "expected": expected,
        "content": change.content,
        "summary": change.summary,
        "topic_key": (change.topic_key or "").strip() or None,
        "topics": None if change.topics is None else list(change.topics),
        "salience": change.salience,
        "source": change.source,
        "turn_id": change.turn_id,
        "metadata": None if change.metadata is None else Jsonb(dict(change.metadata)),
        "expires_at": change.expires_at,
        "clear_topic_key": "topic_key" in change.clear,
        "clear_expires_at": "expires_at" in change.clear,
        **indexed.as_params(),
        "terms": None if change.indexed is None else list(indexed.terms),
        "tokens": None if change.indexed is None else indexed.tokens,
    }
    await _refuse_doubles(tx, params)
    row = await tx.fetch_one(_UPDATE, params)
    if row is None:
        now = await get_memory(tx, memory_id)
        raise Outdated(
            f"This memory was changed in the meantime; it is at version {now.version}.",
            hint="Read it again.",
        )
    return memory_of(row)


async def forget(tx: Transaction, memory_id: MemoryId, *, expected: int | None = None) -> None:
    """Forget a memory. Its history keeps it, so it can be restored.

    ``expected``: the version to forget.

    Raises:
        NotFound: no such memory in this scope.
        Outdated: it has a newer version.
    """
    gone = await tx.value(
        "SELECT gate.forget_memory(%(id)s, %(expected)s)",
        {"id": memory_id, "expected": expected},
    )
    if not gone:
        now = await get_memory(tx, memory_id)
        raise Outdated(
            f"This memory was changed in the meantime; it is at version {now.version}.",
            hint="Read it again.",
        )


async def get_memory(tx: Transaction, memory_id: MemoryId) -> Memory:
    """Return one memory, even if it has expired.

    Raises:
        NotFound: no such memory in this scope.
    """
    row = await tx.fetch_one(_GET, {"id": memory_id})
    if row is None:
        raise _no_such_memory()
    return memory_of(row)


async def list_memories(
    tx: Transaction,
    limit: int = 100,
    *,
    offset: int = 0,
    before: Mark | None = None,
    include_expired: bool = False,
    contact_id: ContactId | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Memory]:
    """List the memories of this scope, newest first.

    ``before`` is where a page begins; ``until`` is exclusive.
    """
    at, of = before or (None, None)
    found = await tx.fetch(
        _LIST,
        {
            "limit": limit,
            "offset": offset,
            "before": at,
            "before_id": of,
            "include_expired": include_expired,
            "contact": contact_id,
            "since": since,
            "until": until,
        },
    )
    return [memory_of(row) for row in found]


async def _replace(tx: Transaction, replaced: MemoryId, values: dict[str, Any]) -> Memory:
    """Delete the memory that has the same text or the same topic key."""
    if not await tx.value(_IS_OWN, {"id": replaced}):
        raise _no_such_memory()
    for row in await tx.fetch(_KNOWN, values):
        if row["id"] != replaced:
            await forget(tx, row["id"])
    return await _change(tx, _SUPERSEDE, {**values, "id": replaced})


async def _merge(tx: Transaction, first: Memory, new: NewMemory, topic_key: str | None) -> Memory:
    """Return the first memory with the new one's additions, unchanged if there are none."""
    merged = {
        "id": first.id,
        "topic_key": topic_key,
        "topics": list(dict.fromkeys([*first.topics, *new.topics])),
        "salience": max(first.salience, new.salience, key=SALIENCES.index),
        "expires_at": _later(first.expires_at, new.expires_at),
    }
    before = (first.topic_key, list(first.topics), first.salience, first.expires_at)
    if before == (merged["topic_key"], merged["topics"], merged["salience"], merged["expires_at"]):
        return first
    return await _change(tx, _MERGE, merged)


def _later(first: datetime | None, new: datetime | None) -> datetime | None:
    """Return the later expiry; None (never) is the latest. An expired one is extended."""
    if first is not None and first <= datetime.now(UTC):
        return new
    return None if first is None or new is None else max(first, new)


async def _change(tx: Transaction, sql: LiteralString, params: dict[str, Any]) -> Memory:
    row = await tx.fetch_one(sql, params)
    if row is None:
        raise ScopeError("This scope may not keep that memory.")
    return memory_of(row)


async def _refuse_doubles(tx: Transaction, params: dict[str, Any]) -> None:
    if params["content"] is None and params["topic_key"] is None:
        return
    other = await tx.fetch_one(_IN_THE_WAY, params)
    if other is None:
        return
    if other["by_topic"]:
        raise Conflict(
            f"Memory {other['id']} already has this topic key.",
            hint="Change that one, or forget it first.",
        )
    raise Conflict(f"Memory {other['id']} already has this text.", hint="Forget one of the two.")


def _values(new: NewMemory, topic_key: str | None) -> dict[str, Any]:
    return {
        "content": new.content,
        "summary": new.summary,
        "topic_key": topic_key,
        "topics": list(new.topics),
        "salience": new.salience,
        "source": new.source,
        "metadata": Jsonb(dict(new.metadata)),
        "expires_at": new.expires_at,
        "turn_id": new.turn_id,
        **new.indexed.as_params(),
    }


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "same"}


def _check_agent(tx: Transaction) -> None:
    if isinstance(tx.scope, OwnerScope) and tx.scope.agent_id is None:
        raise ScopeError("A memory belongs to an agent, and this scope names none.")


def _no_such_memory() -> NotFound:
    return NotFound("There is no such memory.", hint="Search for it and take its id from there.")

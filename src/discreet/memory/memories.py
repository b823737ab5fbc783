"""Memories of one scope: kept, changed, forgotten. Whose they are, the open scope says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, LiteralString

from psycopg.types.json import Jsonb

from discreet.domain.errors import BadInput, Conflict, NotFound, ScopeError
from discreet.domain.ids import AgentId, ContactId, MemoryId, TurnId
from discreet.memory.indexing import Indexed
from discreet.scope import OwnerScope, Rows

__all__ = [
    "SALIENCES",
    "Memory",
    "MemoryChange",
    "NewMemory",
    "Salience",
    "forget",
    "get_knowledge_memories",
    "get_memory",
    "list_memories",
    "remember",
    "update_memory",
]

Salience = Literal["low", "medium", "high", "critical"]
SALIENCES: tuple[Salience, ...] = ("low", "medium", "high", "critical")

MAX_CONTENT = 65_536
"""Characters of one memory."""

CHARACTERS_PER_TOKEN = 4
"""A low guess for English and a high one for other scripts; budgets are no exact science."""


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory as it is now. ``contact_id`` None: the owner's, or ``shared`` by all who talk to the
    agent."""

    id: MemoryId
    agent_id: AgentId
    contact_id: ContactId | None
    shared: bool
    content: str
    summary: str
    topic_key: str | None
    topics: tuple[str, ...]
    salience: Salience
    source: str
    metadata: Mapping[str, Any]
    expires_at: datetime | None
    version: int
    turn_id: TurnId | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class NewMemory:
    """Something to keep. ``indexed`` is what ``indexing.index`` made of ``content``."""

    content: str
    indexed: Indexed
    summary: str = ""
    topic_key: str | None = None
    topics: Sequence[str] = ()
    salience: Salience = "medium"
    source: str = "agent"
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None
    turn_id: TurnId | None = None


@dataclass(frozen=True, slots=True)
class MemoryChange:
    """What becomes different; None stays as it is. New ``content`` comes with its ``indexed``.
    ``clear`` names what shall be empty from now on."""

    content: str | None = None
    indexed: Indexed | None = None
    summary: str | None = None
    topic_key: str | None = None
    topics: Sequence[str] | None = None
    salience: Salience | None = None
    metadata: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    clear: frozenset[Literal["topic_key", "expires_at"]] = frozenset()


_COLUMNS: LiteralString = """
    id, agent_id, contact_id, shared, content, summary, topic_key, topics, salience, source,
    metadata, expires_at, version, turn_id, created_at, updated_at"""

# The empty update makes the row that was there before come back, also one that another transaction
# has only just committed; a memory that has expired begins to live again.
_REMEMBER: LiteralString = f"""
    INSERT INTO discreet.memories AS old (
        content, summary, topic_key, topics, salience, source, metadata, expires_at,
        terms, embedder, embedding, turn_id)
    VALUES (%(content)s, %(summary)s, %(topic_key)s, %(topics)s, %(salience)s, %(source)s,
            %(metadata)s, %(expires_at)s, %(terms)s, %(embedder)s, %(embedding)s::public.vector,
            %(turn_id)s)
    ON CONFLICT (owner_id, agent_id, party, digest) DO UPDATE SET
        expires_at = CASE WHEN old.expires_at <= now() THEN EXCLUDED.expires_at
                          ELSE old.expires_at END
    RETURNING {_COLUMNS}"""
_UPDATE: LiteralString = f"""
    UPDATE discreet.memories SET
        content = coalesce(%(content)s, content),
        terms = coalesce(%(terms)s::text[], terms),
        embedder = CASE WHEN %(content)s::text IS NULL THEN embedder ELSE %(embedder)s END,
        embedding = CASE WHEN %(content)s::text IS NULL THEN embedding
                         ELSE %(embedding)s::public.vector END,
        summary = coalesce(%(summary)s, summary),
        topic_key = CASE WHEN %(clear_topic_key)s THEN NULL
                         ELSE coalesce(%(topic_key)s, topic_key) END,
        topics = coalesce(%(topics)s::text[], topics),
        salience = coalesce(%(salience)s, salience),
        metadata = coalesce(%(metadata)s::jsonb, metadata),
        expires_at = CASE WHEN %(clear_expires_at)s THEN NULL
                          ELSE coalesce(%(expires_at)s::timestamptz, expires_at) END
     WHERE id = %(id)s AND version = coalesce(%(expected)s, version)
    RETURNING {_COLUMNS}"""
_GET: LiteralString = f"SELECT {_COLUMNS} FROM discreet.memories WHERE id = %(id)s"
_LIST: LiteralString = f"""
    SELECT {_COLUMNS} FROM discreet.memories
     WHERE %(include_expired)s OR expires_at IS NULL OR expires_at > now()
     ORDER BY created_at DESC, id
     LIMIT %(limit)s OFFSET %(offset)s"""
# An owner may read every contact's memories, but starts with those that are no contact's.
_KNOWLEDGE: LiteralString = f"""
    SELECT {_COLUMNS} FROM discreet.memories
     WHERE salience IN ('critical', 'high')
       AND (expires_at IS NULL OR expires_at > now())
       AND contact_id IS NOT DISTINCT FROM (SELECT s.contact_id FROM gate.scope() s)
       AND shared = (session_user = 'discreet_shared')
     ORDER BY salience = 'critical' DESC, updated_at DESC, id
     LIMIT %(most)s"""
MOST_KNOWN = 200


async def remember(rows: Rows, new: NewMemory) -> Memory:
    """Keeps something in this scope; what is there already, word for word, is given back as it is.

    Raises:
        BadInput: empty, too long, or an unknown salience.
        ScopeError: an owner's scope that names no agent, so that it isn't clear whose it would be.
    """
    _check_agent(rows)
    _check(new.content, new.salience)
    row = await rows.fetch_one(
        _REMEMBER,
        {
            "content": new.content,
            "summary": new.summary,
            "topic_key": new.topic_key,
            "topics": list(new.topics),
            "salience": new.salience,
            "source": new.source,
            "metadata": Jsonb(dict(new.metadata)),
            "expires_at": new.expires_at,
            "turn_id": new.turn_id,
            **new.indexed.as_params(),
        },
    )
    if row is None:
        raise ScopeError("This scope may not keep that memory.")
    return _memory(row)


async def update_memory(
    rows: Rows, memory_id: MemoryId, change: MemoryChange, *, expected: int | None = None
) -> Memory:
    """Changes a memory; the version before it stays in its history.

    ``expected``: the version that the change was made from.

    Raises:
        NotFound: no such memory in this scope.
        Conflict: it is at another version by now, or another memory says the same already.
        BadInput: empty, too long, or an unknown salience.
    """
    if (change.content is None) != (change.indexed is None):
        raise ValueError("new content comes with what was made of it, and only new content does")
    _check(change.content, change.salience)
    indexed = change.indexed or Indexed(())
    row = await rows.fetch_one(
        _UPDATE,
        {
            "id": memory_id,
            "expected": expected,
            "content": change.content,
            "summary": change.summary,
            "topic_key": change.topic_key,
            "topics": None if change.topics is None else list(change.topics),
            "salience": change.salience,
            "metadata": None if change.metadata is None else Jsonb(dict(change.metadata)),
            "expires_at": change.expires_at,
            "clear_topic_key": "topic_key" in change.clear,
            "clear_expires_at": "expires_at" in change.clear,
            **indexed.as_params(),
            "terms": None if change.indexed is None else list(indexed.terms),
        },
    )
    if row is None:
        now = await get_memory(rows, memory_id)
        raise Conflict(
            f"This memory was changed meanwhile; it is at version {now.version}.",
            hint="Read it again.",
        )
    return _memory(row)


async def forget(rows: Rows, memory_id: MemoryId) -> None:
    """Takes a memory away; its history keeps it, so it can be restored.

    Raises:
        NotFound: no such memory in this scope.
    """
    if not await rows.execute("DELETE FROM discreet.memories WHERE id = %(id)s", {"id": memory_id}):
        raise _no_such_memory()


async def get_memory(rows: Rows, memory_id: MemoryId) -> Memory:
    """One memory, also one that has expired.

    Raises:
        NotFound: no such memory in this scope.
    """
    row = await rows.fetch_one(_GET, {"id": memory_id})
    if row is None:
        raise _no_such_memory()
    return _memory(row)


async def list_memories(
    rows: Rows, limit: int = 100, *, offset: int = 0, include_expired: bool = False
) -> list[Memory]:
    """The memories of this scope, newest first."""
    found = await rows.fetch(
        _LIST, {"limit": limit, "offset": offset, "include_expired": include_expired}
    )
    return [_memory(row) for row in found]


async def get_knowledge_memories(rows: Rows, budget: int) -> list[Memory]:
    """What a session starts with: critical memories, then high ones, each newest first.

    ``budget``: tokens, about. One that doesn't fit is left out, the next may still fit.
    """
    known: list[Memory] = []
    left = budget * CHARACTERS_PER_TOKEN
    for row in await rows.fetch(_KNOWLEDGE, {"most": MOST_KNOWN}):
        if len(row["content"]) <= left:
            left -= len(row["content"])
            known.append(_memory(row))
    return known


def _check_agent(rows: Rows) -> None:
    if isinstance(rows.scope, OwnerScope) and rows.scope.agent_id is None:
        raise ScopeError("A memory belongs to an agent, and this scope names none.")


def _check(content: str | None, salience: str | None) -> None:
    if content is not None and not content.strip():
        raise BadInput("There is nothing to remember.", hint="Say what.")
    if content is not None and len(content) > MAX_CONTENT:
        raise BadInput(
            f"That is {len(content):,} characters long; a memory has at most {MAX_CONTENT:,}.",
            hint="Remember it in parts.",
        )
    if salience is not None and salience not in SALIENCES:
        raise BadInput(f"{salience!r} is no salience.", hint=f"Give one of {', '.join(SALIENCES)}.")


def _no_such_memory() -> NotFound:
    return NotFound("There is no such memory.", hint="Search for it and take its id from there.")


def _memory(row: Mapping[str, Any]) -> Memory:
    return Memory(**{**row, "topics": tuple(row["topics"])})

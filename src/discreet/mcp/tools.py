"""The tools. Each call is in the scope of its connection, which no argument can widen."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from discreet.auth import mcp_sessions, scopes
from discreet.auth.mcp_sessions import Connection
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId, MemoryId, SessionId
from discreet.mcp import shapes
from discreet.memory import history, knowledge, memories, recall
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import Indexed, index
from discreet.memory.outdated import may_be_outdated
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services.contacts import list_contacts
from discreet.sessions import listing

For = Literal["all", "owner"]


BEFORE_ANYBODY = frozenset({"start_session", "resolve_contact"})
"""What an agent's token is good for until it has said for which contact it works."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call: on which connection, and what it needs to be done."""

    db: ScopedDatabase
    embedder: Embedder
    connection: Connection

    @property
    def session_id(self) -> SessionId:
        """The session of this connection.

        Raises:
            BadInput: none was started.
        """
        if self.connection.session_id is None:
            raise BadInput("No session is open.", hint="Call start_session first.")
        return self.connection.session_id


@dataclass(frozen=True, slots=True)
class Tool:
    """``offered``: on which connections it is there; elsewhere it is unknown."""

    name: str
    description: str
    given: type[BaseModel]
    shown: type[BaseModel]
    run: Callable[[ToolCall, Any], Awaitable[BaseModel]]
    kind: Literal["reads", "adds", "changes", "destroys"] = "reads"
    offered: For = "all"

    def is_offered(self, connection: Connection) -> bool:
        """Whether this connection has it."""
        if connection.is_nobodys:
            return self.name in BEFORE_ANYBODY
        return self.offered == "all" or connection.of_owner

    def arguments(self, connection: Connection) -> type[BaseModel]:
        """What it takes on this connection: where the scope is the token's, nothing names one."""
        if self.given is shapes.StartAny and connection.bearer.kind == "contact":
            return shapes.StartOwn
        return self.given


async def _start(call: ToolCall, given: shapes.StartOwn) -> BaseModel:
    named = given if isinstance(given, shapes.StartAny) else shapes.StartAny.model_validate({})
    now = await mcp_sessions.start_session(
        call.db,
        call.connection,
        agent=named.agent,
        contact_id=None if named.contact_id is None else ContactId(named.contact_id),
        sender=named.sender,
        thread_key=given.thread_key,
        force_new=given.force_new,
    )
    assert now.session_id is not None  # noqa: S101 - it was started a moment ago
    async with call.db.begin(now.scope) as tx:
        found = await listing.get_session(tx, now.session_id)
    return shapes.SessionShown.model_validate(found)


async def _get_session(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        found = await listing.get_session(tx, call.session_id)
    return shapes.SessionShown.model_validate(found)


async def _end_session(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        found = await listing.end_session(tx, call.session_id)
    return shapes.SessionShown.model_validate(found)


async def _list_sessions(call: ToolCall, given: shapes.Listed) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        found = await listing.list_sessions(tx, given.limit)
    return shapes.SessionsShown(sessions=[shapes.SessionShown.model_validate(one) for one in found])


async def _remember(call: ToolCall, given: shapes.RememberArguments) -> BaseModel:
    if isinstance(call.connection.scope, OwnerScope):
        _ = call.session_id  # the owner's memories are one agent's, which a session names
    new = memories.NewMemory(
        given.content,
        await _indexed(call, given.content),
        summary=given.summary,
        topic_key=given.topic_key,
        topics=given.topics,
        salience=given.salience,
        source="mcp",
    )
    replaces = None if given.replaces is None else MemoryId(given.replaces)
    async with call.db.begin(call.connection.scope) as tx:
        memory = await memories.remember(tx, new, replaces=replaces)
        outdated = [] if replaces else await may_be_outdated(tx, memory, new.indexed.terms)
    shown = shapes.MemoryShown.model_validate(memory)
    older = [shapes.MemoryShown.model_validate(one) for one in outdated]
    return shapes.Remembered(**shown.model_dump(), may_replace=older)


async def _recall(call: ToolCall, given: shapes.Recall) -> BaseModel:
    query = await asyncio.to_thread(recall.prepare, given.query, call.embedder)
    async with call.db.begin(call.connection.scope) as tx:
        hits = await recall.recall(tx, query, mode=given.mode, limit=given.limit)
    return shapes.HitsShown(found=[shapes.HitShown.model_validate(hit) for hit in hits])


async def _search(call: ToolCall, given: shapes.Recall) -> BaseModel:
    query = await asyncio.to_thread(recall.prepare, given.query, call.embedder)
    async with call.db.begin(call.connection.scope) as tx:
        hits = await recall.search_messages(tx, query, mode=given.mode, limit=given.limit)
    return shapes.HitsShown(found=[shapes.HitShown.model_validate(hit) for hit in hits])


async def _forget(call: ToolCall, given: shapes.OfMemory) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        await memories.forget(tx, MemoryId(given.memory_id))
    return shapes.Done()


async def _update(call: ToolCall, given: shapes.UpdateMemory) -> BaseModel:
    change = memories.MemoryChange(
        content=given.content,
        indexed=None if given.content is None else await _indexed(call, given.content),
        summary=given.summary,
        topic_key=given.topic_key,
        topics=given.topics,
        salience=given.salience,
    )
    async with call.db.begin(call.connection.scope) as tx:
        memory = await memories.update_memory(
            tx, MemoryId(given.memory_id), change, expected=given.expected_version
        )
    return shapes.MemoryShown.model_validate(memory)


async def _history(call: ToolCall, given: shapes.OfMemory) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        found = await history.get_memory_history(tx, MemoryId(given.memory_id))
    return shapes.VersionsShown(versions=[shapes.VersionShown.model_validate(one) for one in found])


async def _restore(call: ToolCall, given: shapes.RestoreMemory) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        memory = await history.restore_memory(tx, MemoryId(given.memory_id), given.version)
    return shapes.MemoryShown.model_validate(memory)


async def _knowledge(call: ToolCall, given: shapes.Knowledge) -> BaseModel:
    async with call.db.begin(call.connection.scope) as tx:
        found = await knowledge.get_knowledge_memories(tx, given.budget)
    return shapes.MemoriesShown(memories=[shapes.MemoryShown.model_validate(one) for one in found])


async def _resolve(call: ToolCall, given: shapes.ResolveContact) -> BaseModel:
    entry = await scopes.resolve_contact(
        call.db,
        call.connection.bearer,
        Address.parse(f"{given.platform}:{given.platform_id}"),
        auto_create=given.auto_create,
        name=given.name,
        kind=given.type,
    )
    return shapes.ContactShown.model_validate(entry.contact)


async def _contacts(call: ToolCall, given: shapes.Listed) -> BaseModel:
    owner_id = call.connection.bearer.owner_id
    found = await list_contacts(call.db, owner_id, limit=given.limit)
    return shapes.ContactsShown(
        contacts=[shapes.ContactShown.model_validate(one.contact) for one in found]
    )


async def _indexed(call: ToolCall, text: str) -> Indexed:
    return (await asyncio.to_thread(index, [text], call.embedder))[0]


TOOLS: tuple[Tool, ...] = (
    Tool(
        "start_session",
        "Open a session. It fixes the contact for the rest of this connection.",
        shapes.StartAny, shapes.SessionShown, _start, "adds",
    ),
    Tool("get_session", "Get the session of this connection.",
         shapes.Nothing, shapes.SessionShown, _get_session),
    Tool("end_session", "End the session of this connection.",
         shapes.Nothing, shapes.SessionShown, _end_session, "changes"),
    Tool("list_sessions", "List sessions, newest first.",
         shapes.Listed, shapes.SessionsShown, _list_sessions),
    Tool("remember", "Remember something for later conversations.",
         shapes.RememberArguments, shapes.Remembered, _remember, "adds"),
    Tool("recall", "Search memories and reference texts.",
         shapes.Recall, shapes.HitsShown, _recall),
    Tool("forget", "Forget a memory. Its history is kept.",
         shapes.OfMemory, shapes.Done, _forget, "destroys"),
    Tool("update_memory", "Change a memory. The previous version stays in its history.",
         shapes.UpdateMemory, shapes.MemoryShown, _update, "changes"),
    Tool("get_memory_history", "List older versions of a memory, newest first.",
         shapes.OfMemory, shapes.VersionsShown, _history),
    Tool("restore_memory", "Restore an older version of a memory.",
         shapes.RestoreMemory, shapes.MemoryShown, _restore, "changes"),
    Tool("search_conversation", "Search past messages.",
         shapes.Recall, shapes.HitsShown, _search),
    Tool("get_knowledge", "List the critical and high memories that a session starts with.",
         shapes.Knowledge, shapes.MemoriesShown, _knowledge),
    Tool("resolve_contact", "Resolve an address to its contact, creating it if allowed.",
         shapes.ResolveContact, shapes.ContactShown, _resolve, "adds", "owner"),
    Tool("list_contacts", "List contacts.",
         shapes.Listed, shapes.ContactsShown, _contacts, "reads", "owner"),
)  # fmt: skip

"""The MCP tools. Each call runs in the scope of its connection, which no argument can widen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from discreet.auth import mcp_sessions, scopes
from discreet.auth.mcp_sessions import McpConnection
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.ids import ContactId, MemoryId, SessionId
from discreet.mcp import shapes
from discreet.memory.embedding import Embedder
from discreet.schemas import contacts as contact_schemas
from discreet.schemas import memories as memory_schemas
from discreet.schemas import own_data as own_data_schemas
from discreet.schemas import sessions as session_schemas
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.services import contacts, memories, own_data, recall, sessions
from discreet.services.context import OperationContext, in_scope

For = Literal["all", "owner"]


BEFORE_ANYBODY = frozenset({"start_session", "resolve_contact"})
"""The tools of an agent's token before it names a contact."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One call with its connection and the objects it needs."""

    db: ScopedDatabase
    embedder: Embedder
    connection: McpConnection

    @property
    def session_id(self) -> SessionId:
        """The session of this connection.

        Raises:
            BadInput: none was started.
        """
        if self.connection.session_id is None:
            raise BadInput("No session is open.", hint="Call start_session first.")
        return self.connection.session_id

    @property
    def context(self) -> OperationContext:
        """The context of an operation in the scope of this connection."""
        return in_scope(self.db, self.connection.scope, lambda: self.embedder, "mcp")


@dataclass(frozen=True, slots=True)
class McpTool:
    """One tool. ``offered``: the connections that have it; for others it is unknown."""

    name: str
    description: str
    given: type[BaseModel]
    shown: type[BaseModel]
    run: Callable[[ToolCall, Any], Awaitable[BaseModel]]
    kind: Literal["reads", "adds", "changes", "destroys"] = "reads"
    offered: For = "all"

    def is_offered(self, connection: McpConnection) -> bool:
        """Return whether this connection has it."""
        if connection.is_unbound:
            return self.name in BEFORE_ANYBODY
        return self.offered == "all" or connection.of_owner

    def arguments(self, connection: McpConnection) -> type[BaseModel]:
        """Return its arguments, without those for the scope if the connection fixes that."""
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
    return await sessions.get_session(replace(call, connection=now).context, now.session_id)


async def _get_session(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    return await sessions.get_session(call.context, call.session_id)


async def _end_session(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    return await sessions.end_session(call.context, call.session_id)


async def _list_sessions(call: ToolCall, given: session_schemas.ListSessions) -> BaseModel:
    return await sessions.list_sessions(call.context, given)


async def _list_messages(call: ToolCall, given: session_schemas.ListMessages) -> BaseModel:
    return await sessions.list_messages(call.context, call.session_id, given)


async def _remember(call: ToolCall, given: memory_schemas.Remember) -> BaseModel:
    if isinstance(call.connection.scope, OwnerScope):
        _ = call.session_id  # an owner's new memories belong to an agent, which a session names
    return await memories.remember(call.context, given)


async def _recall(call: ToolCall, given: memory_schemas.Recall) -> BaseModel:
    return await recall.recall(call.context, given)


async def _search(call: ToolCall, given: memory_schemas.SearchMessages) -> BaseModel:
    return await recall.search_messages(call.context, given)


async def _list_memories(call: ToolCall, given: memory_schemas.ListMemories) -> BaseModel:
    return await memories.list_memories(call.context, given)


async def _get_memory(call: ToolCall, given: shapes.OfMemory) -> BaseModel:
    return await memories.get_memory(call.context, MemoryId(given.memory_id))


async def _forget(call: ToolCall, given: shapes.ForgetInput) -> BaseModel:
    return await memories.forget(
        call.context, MemoryId(given.memory_id), expected=given.expected_version
    )


async def _update(call: ToolCall, given: shapes.UpdateMemoryInput) -> BaseModel:
    return await memories.update(
        call.context, MemoryId(given.memory_id), given.patch, expected=given.expected_version
    )


async def _history(call: ToolCall, given: shapes.OfMemory) -> BaseModel:
    return await memories.get_history(call.context, MemoryId(given.memory_id))


async def _restore(call: ToolCall, given: shapes.RestoreMemory) -> BaseModel:
    return await memories.restore(call.context, MemoryId(given.memory_id), given)


async def _knowledge(call: ToolCall, given: memory_schemas.GetKnowledge) -> BaseModel:
    return await memories.get_knowledge(call.context, given)


async def _why(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    return await own_data.explain_answer(call.context)


async def _access(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    return await own_data.list_access(call.context)


async def _ask_for_erasure(call: ToolCall, _: shapes.Nothing) -> BaseModel:
    return await own_data.ask_for_erasure(call.context)


async def _confirm_erasure(call: ToolCall, given: own_data_schemas.ConfirmErasure) -> BaseModel:
    return await own_data.confirm_erasure(call.context, given)


async def _resolve(call: ToolCall, given: contact_schemas.ToResolve) -> BaseModel:
    entry = await scopes.resolve_contact(
        call.db,
        call.connection.bearer,
        Address.parse(f"{given.platform}:{given.platform_id}"),
        auto_create=given.auto_create,
        name=given.name,
        kind=given.type,
    )
    return contact_schemas.ResolvedContact.model_validate(entry.contact)


async def _contacts(call: ToolCall, given: contact_schemas.ListContacts) -> BaseModel:
    return await contacts.list_contacts(call.db, call.connection.bearer.owner_id, given)


TOOLS: tuple[McpTool, ...] = (
    McpTool(
        "start_session",
        "Open a session. It fixes the contact for the rest of this connection.",
        shapes.StartAny, session_schemas.Session, _start, "adds",
    ),
    McpTool("get_session", "Get the session of this connection.",
         shapes.Nothing, session_schemas.Session, _get_session),
    McpTool("end_session", "End the session of this connection.",
         shapes.Nothing, session_schemas.Session, _end_session, "changes"),
    McpTool("list_sessions", "List sessions, newest first.",
         session_schemas.ListSessions, session_schemas.SessionPage, _list_sessions),
    McpTool("list_messages", "List the messages of the session of this connection, in order.",
         session_schemas.ListMessages, session_schemas.Transcript, _list_messages),
    McpTool("remember", "Remember something for later conversations.",
         memory_schemas.Remember, memory_schemas.Remembered, _remember, "adds"),
    McpTool("recall", "Search memories and reference texts.",
         memory_schemas.Recall, memory_schemas.Hits, _recall),
    McpTool("list_memories", "List memories, newest first.",
         memory_schemas.ListMemories, memory_schemas.MemoryPage, _list_memories),
    McpTool("get_memory", "Get a memory, even if it has expired.",
         shapes.OfMemory, memory_schemas.Memory, _get_memory),
    McpTool("forget", "Forget a memory. Its history is kept.",
         shapes.ForgetInput, memory_schemas.Memory, _forget, "destroys"),
    McpTool("update_memory", "Change a memory. The previous version stays in its history.",
         shapes.UpdateMemoryInput, memory_schemas.Memory, _update, "changes"),
    McpTool("get_memory_history", "List older versions of a memory, newest first.",
         shapes.OfMemory, memory_schemas.MemoryVersions, _history),
    McpTool("restore_memory", "Restore an older version of a memory.",
         shapes.RestoreMemory, memory_schemas.Memory, _restore, "changes"),
    McpTool("search_conversation", "Search past messages.",
         memory_schemas.SearchMessages, memory_schemas.Hits, _search),
    McpTool("get_knowledge", "List the critical and high memories with which a session "
                             "starts.",
         memory_schemas.GetKnowledge, memory_schemas.Knowledge, _knowledge),
    McpTool("explain_answer", "Get the sources of the last answer to this contact.",
         shapes.Nothing, own_data_schemas.Explanation, _why),
    McpTool("list_access", "List who read or changed this contact's data, newest first.",
         shapes.Nothing, own_data_schemas.AccessList, _access),
    McpTool("ask_for_erasure",
         "Request the code that confirms this contact's own erasure. Only if the person asked for "
         "it.",
         shapes.Nothing, own_data_schemas.ErasureAsked, _ask_for_erasure, "adds"),
    McpTool("confirm_erasure", "Confirm this contact's own erasure with the code.",
         own_data_schemas.ConfirmErasure, own_data_schemas.ErasureConfirmed, _confirm_erasure,
         "destroys"),
    McpTool("resolve_contact", "Resolve an address to its contact, creating it if allowed.",
         contact_schemas.ToResolve, contact_schemas.ResolvedContact, _resolve, "adds", "owner"),
    McpTool("list_contacts", "List contacts, newest first.",
         contact_schemas.ListContacts, contact_schemas.ContactPage, _contacts, "reads", "owner"),
)  # fmt: skip

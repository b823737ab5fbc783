"""MCP sessions. The party of a session is looked up again at each call.

A connection begins in the scope of its token. ``start_session`` narrows it to one party
permanently; nothing widens it again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import LiteralString, Protocol

from discreet.auth.scopes import agent_named, resolve_contact, scope_to_write
from discreet.auth.tokens import FIND_BEARER, Bearer, look_up
from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, Conflict
from discreet.domain.ids import AgentId, ContactId, SessionId
from discreet.domain.text import checked_thread_key
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, WorkScope
from discreet.scope.scopes import SessionScope, session_scope

_FIND_BOTH: LiteralString = f"""
{FIND_BEARER} LEFT JOIN LATERAL (
  SELECT true AS was_found, m.session_id, m.agent_id AS bound_agent,
         m.contact_id AS bound_contact, m.shared AS bound_shared
    FROM gate.mcp_session_with_ticket(%(ticket)s, %(key)s, t.token_id) m) session ON true
"""


class Binding(Protocol):
    """Stores the party that a connection is bound to."""

    async def bind(self, scope: SessionScope, session_id: SessionId) -> bool:
        """Bind it to one party; return False if it is bound to another."""
        ...


@dataclass(frozen=True, slots=True)
class McpConnection:
    """The current state of a connection. ``session_id`` None: no session was started on it."""

    bearer: Bearer
    binding: Binding
    session_id: SessionId | None = None
    bound_to: SessionScope | None = None

    @property
    def is_bound(self) -> bool:
        """Whether it is permanently bound to one party."""
        return self.bound_to is not None or self.bearer.kind == "contact"

    @property
    def of_owner(self) -> bool:
        """Whether it has the owner's tools."""
        own = self.bound_to is None or isinstance(self.bound_to, OwnerScope)
        return own and self.bearer.kind == "owner"

    @property
    def is_unbound(self) -> bool:
        """Whether it has no rows yet, like an agent's connection before it names a contact."""
        return self.bound_to is None and self.bearer.kind == "agent"

    @property
    def scope(self) -> SessionScope:
        """The scope of its calls.

        Raises:
            Forbidden: it isn't bound yet.
        """
        return self.bound_to or self.bearer.scope


class InMemoryBinding:
    """The binding of a stdio process, held in memory."""

    def __init__(self) -> None:
        self.session_id: SessionId | None = None
        self.scope: SessionScope | None = None

    async def bind(self, scope: SessionScope, session_id: SessionId) -> bool:
        """Implement ``Binding.bind``."""
        if self.scope is not None and self.scope != scope:
            return False
        self.scope, self.session_id = scope, session_id
        return True

    def connection(self, bearer: Bearer) -> McpConnection:
        """Return the current state of the connection."""
        return McpConnection(bearer, self, self.session_id, self.scope)


@dataclass(frozen=True, slots=True)
class DatabaseBinding:
    """A binding stored in the database, so that every server knows it by the connection's key."""

    db: ScopedDatabase
    bearer: Bearer
    key: str

    async def bind(self, scope: SessionScope, session_id: SessionId) -> bool:  # noqa: ARG002
        """Implement ``Binding.bind`` with the session's scope, as the database knows it."""
        async with self.db.begin(WorkScope()) as tx:
            bound: bool = await tx.value(
                "SELECT gate.bind_mcp_session(%(key)s, %(token)s, %(session)s)",
                {
                    "key": _digest(self.key),
                    "token": self.bearer.token_id,
                    "session": session_id,
                },
            )
        return bound


async def begin_mcp_session(db: ScopedDatabase, bearer: Bearer, key: str) -> None:
    """Store a new connection. ``key`` is its random secret."""
    async with db.begin(WorkScope()) as tx:
        await tx.execute(
            "SELECT gate.begin_mcp_session(%(key)s, %(token)s)",
            {"key": _digest(key), "token": bearer.token_id},
        )


async def find_mcp_session(
    db: ScopedDatabase, token: str, key: str
) -> tuple[Bearer, McpConnection | None]:
    """Return the bearer of a token, and the connection with this key that was begun with it.

    Both are looked up in one round trip.

    Raises:
        Unauthorized: as ``authenticate``.
    """
    row = await look_up(db, token, _FIND_BOTH, {"key": _digest(key)})
    was_found, session_id = row.pop("was_found"), row.pop("session_id")
    bound = {name: row.pop(f"bound_{name}") for name in ("agent", "contact", "shared")}
    bearer = Bearer(**row)
    if not was_found:
        return bearer, None
    binding = DatabaseBinding(db, bearer, key)
    if session_id is None:
        return bearer, McpConnection(bearer, binding)
    contact_id = None if bound["contact"] is None else ContactId(bound["contact"])
    scope = session_scope(
        bearer.owner_id, AgentId(bound["agent"]), contact_id, shared=bound["shared"]
    )
    return bearer, McpConnection(bearer, binding, SessionId(session_id), scope)


async def end_mcp_session(db: ScopedDatabase, bearer: Bearer, key: str) -> None:
    """Delete a connection and its binding."""
    async with db.begin(WorkScope()) as tx:
        await tx.execute(
            "SELECT gate.end_mcp_session(%(key)s, %(token)s)",
            {"key": _digest(key), "token": bearer.token_id},
        )


async def start_session(
    db: ScopedDatabase,
    connection: McpConnection,
    *,
    agent: str | None = None,
    contact_id: ContactId | None = None,
    sender: str | None = None,
    thread_key: str = "",
    force_new: bool = False,
) -> McpConnection:
    """Open a session, bind the connection to its party, and return the connection.

    ``agent``, ``contact_id`` and ``sender`` name the party of an unbound connection; without the
    last two it is the owner.

    Raises:
        NotFound: no such agent or contact.
        BadInput: both a contact and a sender, or an invalid thread key.
        Conflict: the connection belongs to another party.
    """
    checked_thread_key(thread_key)
    if not connection.is_bound:
        scope = await _scope_named(db, connection.bearer, agent, contact_id, sender)
    elif (agent, contact_id, sender) != (None, None, None) and not _is_same(
        connection.scope, agent, contact_id, sender
    ):
        raise Conflict(
            "This connection already belongs to another party.", hint="Open a new connection."
        )
    else:
        scope = connection.scope
    async with db.begin(scope) as tx:
        session_id = SessionId(
            await tx.value(
                "SELECT gate.open_session(%(thread)s, %(new)s)",
                {"thread": thread_key, "new": force_new},
            )
        )
    if not await connection.binding.bind(scope, session_id):
        raise Conflict(
            "This connection already belongs to a contact.", hint="Open a new connection."
        )
    return replace(connection, session_id=session_id, bound_to=scope)


async def _scope_named(
    db: ScopedDatabase,
    bearer: Bearer,
    agent: str | None,
    contact_id: ContactId | None,
    sender: str | None,
) -> SessionScope:
    if contact_id is not None and sender is not None:
        raise BadInput("contact_id and sender can't be used together.", hint="Give one.")
    if sender is not None:
        address = Address.parse(sender)
        contact_id = (await resolve_contact(db, bearer, address, auto_create=True)).contact.id
    agent_id = bearer.agent_id if agent is None else await agent_named(db, bearer, agent)
    return await scope_to_write(db, bearer, agent_id, contact_id)


def _is_same(
    scope: SessionScope, agent: str | None, contact_id: ContactId | None, sender: str | None
) -> bool:
    """Return whether the named party certainly is the connection's own."""
    return (
        isinstance(scope, ContactScope)
        and agent is None
        and sender is None
        and contact_id == scope.contact_id
    )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()

"""The scopes: a closed set of frozen values. No scope means "anybody"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never
from uuid import UUID

from discreet.domain.errors import ScopeError
from discreet.domain.ids import AgentId, ContactId, OwnerId

Role = Literal[
    "discreet_contact", "discreet_shared", "discreet_owner", "discreet_intake", "discreet_worker"
]
MemoryModel = Literal["per_contact", "shared"]


@dataclass(frozen=True, slots=True)
class ContactScope:
    """One contact (or group) with one agent: its own rows only."""

    owner_id: OwnerId
    agent_id: AgentId
    contact_id: ContactId


@dataclass(frozen=True, slots=True)
class SharedScope:
    """All contacts of a shared agent: the agent's rows without a contact."""

    owner_id: OwnerId
    agent_id: AgentId


@dataclass(frozen=True, slots=True)
class OwnerScope:
    """The owner: reads all rows of the owner; new rows belong to ``agent_id``."""

    owner_id: OwnerId
    agent_id: AgentId | None = None


@dataclass(frozen=True, slots=True)
class IntakeScope:
    """Intake: may store messages for an owner's contacts, and may read nothing."""

    owner_id: OwnerId


@dataclass(frozen=True, slots=True)
class WorkScope:
    """The worker: may find due work (ids and the queue)."""


SessionScope = ContactScope | SharedScope | OwnerScope
"""The scopes in which a session's turn can run."""
RowScope = SessionScope | WorkScope
"""The scopes that can open a transaction. Intake only calls gate functions."""
Scope = RowScope | IntakeScope


def role_of(scope: Scope) -> Role:
    """Return the login role that serves this kind of scope."""
    match scope:
        case ContactScope():
            return "discreet_contact"
        case SharedScope():
            return "discreet_shared"
        case OwnerScope():
            return "discreet_owner"
        case IntakeScope():
            return "discreet_intake"
        case WorkScope():
            return "discreet_worker"
        case _:
            assert_never(scope)


def ids_of(scope: Scope) -> str:
    """Return ``owner/agent/contact``, the ids in a ticket; missing ids are empty.

    Raises:
        ScopeError: an id is missing or not a UUID (a scope built from unchecked values).
    """
    match scope:
        case ContactScope(owner, agent, contact):
            parts: tuple[UUID | None, ...] = (owner, agent, contact)
            needed = 3
        case SharedScope(owner, agent):
            parts, needed = (owner, agent, None), 2
        case OwnerScope(owner, maybe_agent):
            parts, needed = (owner, maybe_agent, None), 1
        case IntakeScope(owner):
            parts, needed = (owner, None, None), 1
        case WorkScope():
            parts, needed = (None, None, None), 0
        case _:
            assert_never(scope)
    if None in parts[:needed]:
        raise ScopeError(f"A {type(scope).__name__} needs its ids; nothing was read or written.")
    if not all(part is None or isinstance(part, UUID) for part in parts):
        raise ScopeError(f"A {type(scope).__name__} contains an invalid id.")
    return "/".join("" if part is None else str(part) for part in parts)


def session_scope(
    owner_id: OwnerId, agent_id: AgentId, contact_id: ContactId | None, *, shared: bool
) -> SessionScope:
    """Return the scope of a session's turn. It depends on the session, not on its agent's mode now.

    A shared session never gets the owner's scope, even when the owner writes in it.
    """
    if contact_id is not None:
        return ContactScope(owner_id, agent_id, contact_id)
    return SharedScope(owner_id, agent_id) if shared else OwnerScope(owner_id, agent_id)

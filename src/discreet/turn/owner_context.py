"""The input and the answer of an owner's command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from discreet.domain.ids import AgentId, OwnerId, SessionId
from discreet.scope import ScopedDatabase
from discreet.services.attention import Concerns
from discreet.sessions.transcript import Message


@dataclass(frozen=True, slots=True)
class OwnerReply:
    """An answer to the owner, and the contacts whose names or words are in it."""

    text: str
    contacts: tuple[UUID, ...] = ()


Look = Callable[[], Awaitable[Concerns]]
"""Finds what needs attention, with what the server knows of its home and its keys."""


@dataclass(frozen=True, slots=True)
class OwnerRequest:
    """A command with its arguments. ``message``: the line that contains it."""

    db: ScopedDatabase
    owner_id: OwnerId
    agent_id: AgentId
    session_id: SessionId
    message: Message
    rest: str
    look: Look

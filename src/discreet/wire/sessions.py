"""Sessions and what was said in them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Session(BaseModel):
    """One conversation. `contact_id` null: the owner's own, or `shared` by all who talk there."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    thread_key: str
    created_at: datetime
    ended_at: datetime | None


class SessionPage(BaseModel):
    """A page of sessions, the newest first."""

    items: list[Session]
    next: str | None


class Message(BaseModel):
    """A line of a conversation. `sender_*` are empty for the agent's own."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    position: int
    direction: Literal["in", "out"]
    text: str
    sender_name: str
    sender_address: str
    sender_contact_id: UUID | None
    in_person: bool
    created_at: datetime


class Transcript(BaseModel):
    """Lines in the order in which they were said; `next` is the position to go on after."""

    items: list[Message]
    next: int | None

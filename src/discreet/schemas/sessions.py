"""Sessions and their messages."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict


class Session(BaseModel):
    """A conversation. A null `contact_id` means the owner's own, or shared by everyone if `shared`
    is true."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    thread_key: str
    created_at: datetime
    ended_at: datetime | None


class SessionPage(BaseModel):
    """A page of sessions, newest first."""

    items: list[Session]
    next: str | None


class Message(BaseModel):
    """A message of a conversation. `sender_*` are empty for the agent's own messages."""

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
    """Messages in order; pass `next` as `after` to continue."""

    items: list[Message]
    next: int | None

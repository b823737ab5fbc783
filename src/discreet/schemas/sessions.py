"""Sessions and their messages."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas.attribution import Person
from discreet.schemas.pages import MAX_PAGE, Page


class Session(BaseModel):
    """A conversation.

    A null `contact_id` means the owner's own, or shared by everyone if `shared` is true.
    """

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    thread_key: str
    created_at: datetime
    ended_at: datetime | None
    last_message_at: datetime | None
    messages: int = Field(description="Number of messages, inbound and outbound.")
    waiting: int = Field(description="Number of unanswered messages.")
    whose: Person | None = Field(
        None,
        description="Whom it is with. Null outside the owner's scope, where everything is "
        "the caller's own.",
    )
    agent: str | None = Field(None, description="The agent's name. Owner's scope only.")


class ListSessions(Page):
    """The sessions to list."""


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
    state: str = Field(
        description="Of an inbound message: waiting, taken, answered or failed. Of an answer:"
        " pending, sending, sent or failed."
    )
    replies_to: UUID | None = Field(
        default=None, description="The earlier message of this scope that it replies to."
    )
    said_by: Person | None = Field(None, description="Who wrote it; null for the agent.")


class ListMessages(BaseModel):
    """The messages to list, in order."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="Maximum number of items per page.")
    after: int = Field(
        0, ge=0, le=2**62, description="Return messages after this position (`next`)."
    )


class Transcript(BaseModel):
    """Messages in order; pass `next` as `after` to continue."""

    items: list[Message]
    next: int | None

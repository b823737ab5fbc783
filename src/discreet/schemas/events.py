"""Events, and the webhooks that receive them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

EventKind = Literal[
    "message.received", "message.sent", "message.answered", "message.failed", "message.delivered",
    "message.undelivered", "contact.taken_over", "contact.handed_back", "contact.blocked",
    "contact.unblocked", "person.requested", "person.answered", "pairing.requested",
    "pairing.approved", "pairing.denied", "draft.waiting", "draft.approved", "draft.rejected",
    "agent.paused", "agent.resumed", "webhook.test",
]  # fmt: skip
"""What an event is about; docs/events.md describes each."""


class EventMessage(BaseModel):
    """The message of an event, as it is now."""

    direction: Literal["in", "out"]
    text: str
    sender_name: str
    sender_address: str


class Event(BaseModel):
    """Something that happened."""

    id: UUID = Field(description="Stays the same when the event is sent again.")
    kind: EventKind
    created_at: datetime
    agent_id: UUID | None
    contact_id: UUID | None = Field(description="Null: the owner's own, or a shared agent's.")
    session_id: UUID | None
    message_id: UUID | None
    data: dict[str, Any] = Field(description="Details of this kind of event.")
    message: EventMessage | None = Field(
        description="For `message.received` and `message.sent`, unless it was erased since."
    )


class WebhookToAdd(BaseModel):
    """Where events are sent."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"url": "https://example.com/discreet"}}
    )

    url: str = Field(max_length=2_000, description="An https:// address.")
    events: Annotated[list[EventKind], Field(max_length=30)] = Field(
        [], description="The kinds of events to send. Default: all."
    )
    agent_id: UUID | None = Field(
        None, description="Send the events of this agent only. Default: all events."
    )
    allow_private: bool = Field(
        False, description="Also call an address of this machine or of a private network."
    )


class Webhook(BaseModel):
    """A webhook and its state."""

    id: UUID
    url: str
    events: list[EventKind]
    agent_id: UUID | None = Field(description="Whose events are sent; null: all events.")
    agent: str | None = Field(description="The name of that agent.")
    allow_private: bool
    created_at: datetime
    disabled_at: datetime | None = Field(
        description="When sending to it stopped because it had failed for too long."
    )
    failing_since: datetime | None
    last_error: str | None


class AddedWebhook(BaseModel):
    """A new webhook with its secret, which is shown only once."""

    secret: str
    webhook: Webhook


class WebhookList(BaseModel):
    """Webhooks, oldest first."""

    items: list[Webhook]


class WebhookTested(BaseModel):
    """The result of a test call."""

    problem: str | None = Field(description="Null: the receiver answered with a 2xx status.")

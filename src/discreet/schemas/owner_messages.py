"""Messages that the owner starts."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Outcome = Literal["sent", "stopped", "blocked", "denied", "nowhere", "window"]


class ToTell(BaseModel):
    """A message to one contact."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "Your order is ready."}}
    )

    text: Annotated[str, Field(min_length=1, max_length=65_536)]


class ToTellLabelled(ToTell):
    """A message to every contact with a label."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"label": "customer", "text": "We are closed on Monday.", "preview": True}
        },
    )

    label: str = Field(max_length=100)
    preview: bool = Field(False, description="Send nothing, and return who would get it.")


class ToldContact(BaseModel):
    """A contact, and the result of the message to it."""

    model_config = ConfigDict(frozen=True)

    contact_id: UUID
    name: str
    outcome: Outcome = Field(description="`sent`, or why it gets nothing.")


class ToldContacts(BaseModel):
    """The contacts, by name."""

    items: list[ToldContact]
    sent: int

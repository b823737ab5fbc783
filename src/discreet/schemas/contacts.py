"""Contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas.pages import Page

Line = Annotated[str, Field(max_length=200)]


class Contact(BaseModel):
    """A contact with the owner's notes about it."""

    id: UUID
    type: Literal["external", "group", "personal"]
    name: str
    aliases: list[str]
    addresses: list[str] = Field(description="platform:id, oldest first.")
    note: str
    blocked_at: datetime | None
    on_hold_at: datetime | None = Field(
        description="When it was put on hold. Until its release, neither retention nor erasure "
        "deletes its data."
    )
    created_at: datetime
    sessions: int
    messages: int
    memories: int
    last_message_at: datetime | None
    taken_over_at: datetime | None = Field(description="When the owner took over the conversation.")
    limited: bool = Field(description="Whether it has reached a limit.")
    waiting: int = Field(description="Unanswered messages.")
    stopped_at: datetime | None = Field(
        description="When it wrote STOP. Until it writes START, it gets only answers."
    )
    labels: list[str] = Field(description="The owner's labels, sorted. A contact never sees them.")


class ListContacts(Page):
    """The contacts to list."""

    label: str | None = Field(None, max_length=100, description="Only contacts with this label.")


class ContactPage(BaseModel):
    """A page of contacts, newest first."""

    items: list[Contact]
    next: str | None


class ToResolve(BaseModel):
    """An address to resolve."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "platform": "telegram",
                "platform_id": "99887766",
                "auto_create": True,
                "name": "Alice",
            }
        },
    )

    platform: str = Field(min_length=1, max_length=50)
    platform_id: str = Field(min_length=1, max_length=200)
    auto_create: bool = Field(description="Create the contact if no contact has this address.")
    name: Line = Field("", description="Name for a new contact. Names never identify a contact.")
    type: Literal["external", "group"] = "external"


class ResolvedContact(BaseModel):
    """The contact of an address, without the owner's notes."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    type: Literal["external", "group", "personal"]
    name: str
    addresses: list[str]
    created_at: datetime


class NameToResolve(BaseModel):
    """A name or an alias."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"name": "Alice"}})

    name: Line = Field(min_length=1)


class NameResolved(BaseModel):
    """The result of a name lookup: `found`, several matches, or none."""

    found: Contact | None
    ambiguous: list[Contact] = Field(description="All matches, if several contacts have the name.")
    similar: list[Contact] = Field(
        description="Contacts with similar names, if none matches. Suggestions only."
    )


class ContactPatch(BaseModel):
    """Fields to change. Fields you leave out stay as they are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Alice", "aliases": ["Ally"]}}
    )

    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    aliases: list[Annotated[str, Field(min_length=1, max_length=128)]] | None = Field(
        None, max_length=50
    )
    note: Annotated[str, Field(max_length=10_000)] | None = None
    blocked: bool | None = None
    on_hold: bool | None = Field(
        None,
        description="Whether it is on hold, so that neither retention nor erasure deletes "
        "its data.",
    )
    labels: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(
        None, max_length=50, description="Replaces the labels."
    )

"""Contacts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Line = Annotated[str, Field(max_length=200)]


class Contact(BaseModel):
    """A contact, with what the owner keeps about it."""

    id: UUID
    type: Literal["external", "group", "personal"]
    name: str
    aliases: list[str]
    addresses: list[str] = Field(description="platform:id, the oldest first.")
    note: str
    blocked_at: datetime | None
    created_at: datetime


class ContactPage(BaseModel):
    """A page of contacts, the newest first."""

    items: list[Contact]
    next: str | None


class ToResolve(BaseModel):
    """Whose address it is."""

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
    auto_create: bool = Field(description="Make the contact if nobody has this address yet.")
    name: Line = Field("", description="Of a contact that is made; a name identifies nobody.")
    type: Literal["external", "group"] = "external"


class ResolvedContact(BaseModel):
    """The contact behind an address; of what the owner keeps about it, nothing."""

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
    """Whom a name means: `found`, or several who are called so, or nobody."""

    found: Contact | None
    ambiguous: list[Contact] = Field(description="All of them, where several have the name.")
    similar: list[Contact] = Field(description="Suggestions where nobody has it; no answer.")


class ContactPatch(BaseModel):
    """What to set; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"name": "Alice", "aliases": ["Ally"]}}
    )

    name: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    aliases: list[Annotated[str, Field(min_length=1, max_length=128)]] | None = Field(
        None, max_length=50
    )
    note: Annotated[str, Field(max_length=10_000)] | None = None
    blocked: bool | None = None

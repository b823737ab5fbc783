"""Contacts that are one person, and contacts that are no more."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class LinkToMake(BaseModel):
    """Two contacts that are one person."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "kept_id": "0f8b1c9e-3c44-4f0b-9a53-0a4b3b9c2d11",
                "joined_id": "7d6f2a58-1f0e-4c57-8f6c-5a1c2e9b4d22",
            }
        },
    )

    kept_id: UUID = Field(description="The one that stays.")
    joined_id: UUID = Field(description="The one whose addresses and rows become its.")


class Link(BaseModel):
    """Two contacts that were joined."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kept_id: UUID
    kept: str = Field(description="What to call it: its name, else an address.")
    joined_id: UUID
    joined_name: str
    addresses: list[str] = Field(description="Those of the joined one; none once it is undone.")
    proof: Literal["owner", "codes"]
    linked_at: datetime
    undone_at: datetime | None


class LinkList(BaseModel):
    """The newest first."""

    items: list[Link]


class Backup(BaseModel):
    """A file on the server that still holds what was erased."""

    model_config = ConfigDict(from_attributes=True)

    file: str
    made_at: datetime


class Erasure(BaseModel):
    """A receipt. It doesn't say who it was."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    counts: dict[str, int] = Field(description="Rows of each kind that were removed.")
    erased_at: datetime


class Erased(Erasure):
    """A receipt, with the backups in which the contact still is."""

    backups: list[Backup]


class ErasureList(BaseModel):
    """The newest first."""

    items: list[Erasure]

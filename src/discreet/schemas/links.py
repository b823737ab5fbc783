"""Links between contacts of one person, and erasures."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class LinkToMake(BaseModel):
    """Two contacts of one person, to be merged."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "survivor_id": "0f8b1c9e-3c44-4f0b-9a53-0a4b3b9c2d11",
                "merged_id": "7d6f2a58-1f0e-4c57-8f6c-5a1c2e9b4d22",
            }
        },
    )

    survivor_id: UUID = Field(description="The contact to keep.")
    merged_id: UUID = Field(description="The contact to merge into it.")


class Link(BaseModel):
    """Two contacts that were merged."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    survivor_id: UUID
    survivor: str = Field(description="Its name, or an address if it has none.")
    merged_id: UUID
    merged_name: str
    addresses: list[str] = Field(description="Addresses of the merged contact; empty once undone.")
    proof: Literal["owner", "codes", "identity"]
    linked_at: datetime
    undone_at: datetime | None


class LinkList(BaseModel):
    """Links, newest first."""

    items: list[Link]


class Backup(BaseModel):
    """A backup file on the server that still contains the erased data."""

    model_config = ConfigDict(from_attributes=True)

    file: str
    made_at: datetime


class Erasure(BaseModel):
    """An erasure receipt. It does not identify the contact."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    counts: dict[str, int] = Field(description="Number of erased rows by kind.")
    erased_at: datetime


class Erased(Erasure):
    """An erasure receipt with the backups that still contain the contact."""

    backups: list[Backup]
    unlisted: list[str] = Field(
        default=[],
        description="Lists of erasures beside backups that could not be written. The server tries "
        "again. Until then, a restore from there brings the contact back.",
    )


class ErasureList(BaseModel):
    """Erasure receipts, newest first."""

    items: list[Erasure]

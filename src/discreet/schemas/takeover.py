"""Takeover: the owner answers a contact in person."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas.memories import Time


class SpokenLine(BaseModel):
    """One line of a contact's conversations."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    direction: Literal["in", "out"]
    speaker: str
    text: str
    in_person: bool = Field(description="Whether the owner wrote it.")
    at: datetime
    turn_id: UUID | None
    state: str
    edited: bool = Field(False, description="Whether its sender changed it after sending it.")
    quoted: str | None = Field(
        None,
        description="The text that it replies to or quotes; for a late edit, its earlier text.",
    )
    quoted_of: str | None = Field(None, description="Who said that, if it is known.")


class SpokenLines(BaseModel):
    """The newest lines, oldest first.

    To continue, pass the `at` of the last one as `after`.
    """

    items: list[SpokenLine]


class ListLines(BaseModel):
    """The lines to read."""

    model_config = ConfigDict(extra="forbid")

    after: Time | None = Field(None, description="Only lines after this time.")
    limit: int = Field(50, ge=1, le=200)


class ToSay(BaseModel):
    """The owner's text to send."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "Your room is ready."}}
    )

    text: str = Field(min_length=1, max_length=65_536)


class Said(BaseModel):
    """The text will be sent."""

    contact_id: UUID

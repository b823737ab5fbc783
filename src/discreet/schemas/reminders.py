"""Reminders: what was asked for, and when it is due."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

MAX_REMINDER = 1_000


class Remind(BaseModel):
    """A reminder to add to the current conversation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, Field(min_length=1, max_length=MAX_REMINDER)]
    at: datetime = Field(
        description="The first time. Without an offset it is in the person's time zone."
    )
    repeat: str = Field("", max_length=300, description="How it recurs (RFC 5545); empty: once.")


class Reminder(BaseModel):
    """An upcoming reminder."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    agent: str
    contact_id: UUID | None
    whose: str = Field(description="The contact's name; owner; or shared.")
    text: str
    rule: str = Field(description="How it recurs (RFC 5545); empty: once.")
    zone: str = Field(description="The time zone in which it recurs.")
    due_at: datetime
    created_at: datetime


class ReminderList(BaseModel):
    """All upcoming reminders, the next one first."""

    items: list[Reminder]

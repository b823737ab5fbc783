"""Reminders: what was asked for, and when it is due."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

MAX_REMINDER = 1_000


class Remind(BaseModel):
    """A reminder to add, where it is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, Field(min_length=1, max_length=MAX_REMINDER)]
    at: datetime = Field(description="The first time; without an offset it is the person's clock.")
    repeat: str = Field("", max_length=300, description="How it recurs (RFC 5545); empty: once.")


class Reminder(BaseModel):
    """A reminder that is still to come."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    agent: str
    contact_id: UUID | None
    whose: str = Field(description="The contact's name; owner; or shared.")
    text: str
    rule: str = Field(description="How it recurs (RFC 5545); empty: once.")
    zone: str = Field(description="The time zone on whose clock it recurs.")
    due_at: datetime
    created_at: datetime


class ReminderList(BaseModel):
    """All reminders that are still to come, the next one first."""

    items: list[Reminder]

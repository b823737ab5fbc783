"""Messages whose sender could not be resolved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class QuarantinedMessage(BaseModel):
    """A message without a contact."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    platform: str
    agent: str
    reason: str
    inbound: Mapping[str, Any] = Field(
        description="The message as it was parsed, or as much of it as could be stored."
    )
    attempts: int
    next_try_at: datetime
    created_at: datetime


class ListQuarantine(BaseModel):
    """The part of the quarantine to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=200, description="Maximum number of items.")
    skip: int = Field(0, ge=0, le=2**31 - 1, description="Number of items to skip.")


class QuarantineList(BaseModel):
    """Quarantined messages, oldest first."""

    items: list[QuarantinedMessage]


class QuarantineToRetry(BaseModel):
    """The message to retry; without an id, all of them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"id": "0f8b1c9e-3c44-4f0b-9a53-0a4b3b9c2d11"}},
    )

    id: UUID | None = None


class QuarantineRetried(BaseModel):
    """The result of a retry."""

    tried: int
    released: int = Field(description="Messages that were assigned to a contact.")

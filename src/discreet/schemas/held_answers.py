"""Answers that wait for the owner's approval."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class HeldAnswer(BaseModel):
    """An answer that is waiting or was decided.

    ``asked``: the question; ``edited``: whether the owner has changed it.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID
    session_id: UUID
    contact_id: UUID | None
    agent: str
    whose: str
    asked: str
    text: str
    state: str
    edited: bool
    created_at: datetime


class HeldAnswerList(BaseModel):
    """Answers that wait, oldest first."""

    items: list[HeldAnswer]


class AnswerToApprove(BaseModel):
    """What to send: the answer as it is, or a different text."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"text": "Breakfast is at eight."}}
    )

    text: Annotated[str, Field(min_length=1, max_length=65_536)] | None = None


class AnswersToHold(BaseModel):
    """Whether answers to a contact wait for the owner."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"hold": True}})

    hold: bool | None = Field(description="Null: use the agent's setting.")

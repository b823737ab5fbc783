"""Turns: the input of a turn, its steps, and its result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas.pages import Page


class Delivery(BaseModel):
    """The delivery of an answer. Not every platform reports `delivered` and `read`."""

    model_config = ConfigDict(frozen=True)

    state: Literal["waiting", "sent", "delivered", "read", "failed"]
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    error: str | None


class Turn(BaseModel):
    """One run of an agent."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    session_id: UUID
    agent_id: UUID
    agent: str
    contact_id: UUID | None
    whose: str = Field(description="The contact's name or address, `owner` or `shared`.")
    state: str
    attempt: int
    model: str | None
    usage: Mapping[str, float] = Field(description="Requests, tokens, and US dollars (`cost`).")
    instead_of: str | None = Field(description="The models that failed before this one, and why.")
    error: str | None
    started_at: datetime
    finished_at: datetime | None
    route: Mapping[str, str] = Field(description="platform, account, chat_id and thread_id.")
    delivery: Delivery | None = Field(description="Of its answer, if there is one.")


class ReadContact(BaseModel):
    """A contact whose rows a turn has read."""

    model_config = ConfigDict(frozen=True)

    id: UUID | None = Field(description="Null for a contact that was erased.")
    label: str = Field(description="Its name, or else its address.")


class TurnRecord(BaseModel):
    """A turn with its complete input, as it was then."""

    model_config = ConfigDict(frozen=True)

    turn: Turn
    said: tuple[str, ...] = Field(description="The messages that it answers.")
    answer: str | None
    system: str | None = Field(description="The exact system text that the model got.")
    chat: tuple[Mapping[str, Any], ...] = Field(description="The exact chat that the model got.")
    found: tuple[Mapping[str, Any], ...] = Field(
        description="The memories and texts it got, with the parts of their scores. `now`: what"
        " became of a memory: `kept`, `changed`, `forgotten` or `gone`."
    )
    steps: tuple[Mapping[str, Any], ...] = Field(description="Its tool calls.")
    reasoning: str | None = Field(description="The model's reasoning, which nobody was shown.")
    stages: Mapping[str, float] = Field(
        description="Seconds: `waited` until it began, `prompt` (loading and building it), `model`"
        " with its tool calls, `saved`, and `sent` to the platform."
    )
    read: tuple[ReadContact, ...] = Field(
        description="The contacts whose rows it has read, including through earlier turns."
    )


class ListTurns(Page):
    """The turns to list."""

    contact_id: UUID | None = Field(None, description="Only turns of this contact.")
    sender: Annotated[str, Field(max_length=260)] | None = Field(
        None, description="The contact's address, platform:id, instead of its id."
    )
    session_id: UUID | None = Field(None, description="Only turns of this session.")


class TurnPage(BaseModel):
    """A page of turns, newest first."""

    items: list[Turn]
    next: str | None

"""Senders' questions about their own data: sources of an answer, accesses, erasure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Did = Literal["read", "searched", "answered", "changed", "exported", "asked"]
Place = Literal["terminal", "dashboard", "chat"]


class Used(BaseModel):
    """A source of an answer."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["memory", "passage", "message"]
    text: str


class Explanation(BaseModel):
    """The sources of the last answer."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "example": {
                "model": "openai:gpt-5.2",
                "answered_at": "2026-11-29T12:00:00Z",
                "used": [{"kind": "memory", "text": "My dog is called Rex."}],
                "lines": 4,
                "tools": ["recall"],
            }
        },
    )

    model: str | None = Field(description="The model that wrote it; null: nothing was answered.")
    answered_at: datetime | None
    used: list[Used] = Field(description="Memories and published texts that were found.")
    lines: int = Field(description="The messages of the conversation that the model was given.")
    tools: list[str] = Field(description="The tools that were called.")


class Access(BaseModel):
    """One access to a contact's data: a person read, changed or exported it.

    `digest` also covers the entry before it, so a changed or missing entry can be detected.
    """

    model_config = ConfigDict(from_attributes=True, frozen=True)

    contact_id: UUID
    number: int
    did: Did = Field(description="`asked`: the owner asked the agent, which read some of it.")
    place: Place
    noted_at: datetime
    digest: str


class AccessList(BaseModel):
    """Who read along, newest first, and the model that writes the answers."""

    items: list[Access]
    model: str | None = Field(description="The model that wrote the last answer.")


class ErasureAsked(BaseModel):
    """A request to be erased, which the code confirms."""

    code: str
    minutes: int = Field(description="For how long the code is valid.")


class ConfirmErasure(BaseModel):
    """The code of a request to be erased."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"code": "3f9a2c"}})

    code: str = Field(min_length=1, max_length=40)


class ErasureConfirmed(BaseModel):
    """The receipt of an erasure, which happens within minutes."""

    receipt: UUID

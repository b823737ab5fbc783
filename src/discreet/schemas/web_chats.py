"""Chats on the owner's own web pages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class WebChatToAdd(BaseModel):
    """A chat to put on a site."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "shop", "origins": ["https://shop.example"]}},
    )

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", description="A short name: a-z, 0-9 and -."
    )
    agent: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="The agent's name. Default: the first agent."
    )
    origins: Annotated[list[str], Field(max_length=20)] = Field(
        description="The sites on whose pages it may appear, such as https://shop.example."
    )
    public_key: Annotated[str, Field(max_length=2_000)] | None = Field(
        None, description="Ed25519, PEM. Without it, identities are signed with a shared secret."
    )


class WebChat(BaseModel):
    """A chat on a site."""

    id: UUID
    name: str
    agent: str
    origins: list[str]
    algorithm: str
    created_at: datetime


class AddedWebChat(BaseModel):
    """A new chat with its secret, which is shown only once; null with a public key."""

    secret: str | None
    chat: WebChat


class VisitorToOpen(BaseModel):
    """A visitor who opens a chat.

    Without both fields, the visitor is new and unknown. With both, an unknown visitor identifies
    themselves and keeps their earlier messages.
    """

    model_config = ConfigDict(extra="forbid")

    identity: Annotated[str, Field(max_length=8_000)] | None = None
    visitor: Annotated[str, Field(max_length=200)] | None = None


class OpenedChat(BaseModel):
    """A visitor's token for the REST API: it reaches this visitor's own conversation only."""

    token: str
    expires_at: datetime
    known: bool

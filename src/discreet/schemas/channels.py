"""Channels: accounts on platforms that lead to agents, and their branches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from discreet.domain.ids import ChannelId

MAX_DEBOUNCE_SECONDS = 60
WEB = "web"
"""The platform of chats on the owner's own web pages."""


class ConnectedChannel(BaseModel):
    """A connection to a platform, or a chat on web pages (`platform` is `web`)."""

    model_config = ConfigDict(frozen=True)

    id: ChannelId
    agent: str
    platform: str
    account: str = Field(description="The platform's id of the account, or the web chat's id.")
    name: str
    debounce: timedelta = Field(
        description="Seconds that a first message waits for follow-up messages."
    )
    created_at: datetime
    contact_labels: tuple[str, ...] = Field(
        (), description="Labels that a contact gets when it is admitted here."
    )
    origins: tuple[str, ...] = Field(
        (), description="The sites that a web chat may appear on; empty for all others."
    )

    @property
    def label(self) -> str:
        """The name as people write it: with a leading @, except for numbers and web chats."""
        if self.platform == WEB:
            return self.name
        return f"@{self.name}" if self.name[:1].isalpha() else self.name


class ChannelList(BaseModel):
    """All channels, oldest first."""

    items: list[ConnectedChannel]


class ChannelToConnect(BaseModel):
    """An account to connect.

    The platform is asked which account the secret belongs to before anything is stored.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"platform": "telegram", "agent": "Ada", "token": "123:ABC"}},
    )

    platform: str = Field(min_length=1, max_length=50)
    agent: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="The agent's name. Default: the first agent."
    )
    account: str = Field("", max_length=200, description="Needed if a secret has several accounts.")
    token: SecretStr = Field(
        min_length=1, max_length=1_000, description="The platform's secret. It is never shown."
    )
    app_secret: SecretStr = Field(
        SecretStr(""),
        max_length=1_000,
        description="The secret with which WhatsApp signs; otherwise empty.",
    )


class ChannelPatch(BaseModel):
    """The fields of a channel to change."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"debounce_seconds": 1.5}}
    )

    debounce_seconds: float | None = Field(
        None,
        ge=0,
        le=MAX_DEBOUNCE_SECONDS,
        description="Seconds that a first message waits for follow-up messages.",
    )
    contact_labels: list[Annotated[str, Field(min_length=1, max_length=100)]] | None = Field(
        None,
        max_length=50,
        description="Labels that a contact gets when it is admitted here. They replace the old.",
    )


class Branch(BaseModel):
    """A chat of a channel that leads to `agent` instead of `instead_of`, the channel's agent."""

    model_config = ConfigDict(frozen=True)

    id: ChannelId
    platform: str
    account: str
    channel: str
    chat: str = Field(description="A group, a chat, or the person in a direct chat.")
    agent: str
    instead_of: str
    created_at: datetime


class BranchList(BaseModel):
    """All branches, sorted by channel and chat."""

    items: list[Branch]


class ChatOfChannel(BaseModel):
    """A chat of a channel."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"channel": "@some_bot", "chat": "-1001234567890"}},
    )

    channel: str = Field(min_length=1, max_length=200, description="Its name, account or id.")
    chat: str = Field(min_length=1, max_length=260, description="The platform's id of the chat.")


class BranchToAdd(ChatOfChannel):
    """A chat of a channel, and the agent that it will lead to from the next message on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"channel": "@some_bot", "chat": "-1001234567890", "agent": "Ada"}
        },
    )

    agent: str = Field(min_length=1, max_length=100, description="The agent's name.")


class BranchRemoved(BaseModel):
    """The agent that the chat leads to now."""

    agent: str


class ChannelToMove(BaseModel):
    """The agent that answers on a channel from the next message on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"agent": "Ada"}})

    agent: str = Field(min_length=1, max_length=100, description="The agent's name.")

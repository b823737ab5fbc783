"""Channels: accounts on platforms that lead to agents, and their branches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from discreet.domain.ids import ChannelId

MAX_DEBOUNCE_SECONDS = 60


class ConnectedChannel(BaseModel):
    """A connection to a platform."""

    model_config = ConfigDict(frozen=True)

    id: ChannelId
    agent: str
    platform: str
    account: str = Field(description="The platform's id of the account.")
    name: str
    debounce: timedelta = Field(description="How long a first message waits for others.")
    created_at: datetime

    @property
    def label(self) -> str:
        """The name as people write it: names have an @ in front, numbers have not."""
        return f"@{self.name}" if self.name[:1].isalpha() else self.name


class ChannelList(BaseModel):
    """All channels, oldest first."""

    items: list[ConnectedChannel]


class ChannelToConnect(BaseModel):
    """An account to connect. The platform is asked whose secret it is before anything is
    stored."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"platform": "telegram", "agent": "Ada", "token": "123:ABC"}},
    )

    platform: str = Field(min_length=1, max_length=50)
    agent: Annotated[str, Field(max_length=100)] | None = Field(
        None, description="The agent's name. Default: the first agent."
    )
    account: str = Field("", max_length=200, description="Where a secret has several accounts.")
    token: SecretStr = Field(
        min_length=1, max_length=1_000, description="As the platform gave it. It is never shown."
    )
    app_secret: SecretStr = Field(
        SecretStr(""), max_length=1_000, description="What WhatsApp signs with; else empty."
    )


class ChannelPatch(BaseModel):
    """What to change of a channel."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"debounce_seconds": 1.5}}
    )

    debounce_seconds: float = Field(
        ge=0,
        le=MAX_DEBOUNCE_SECONDS,
        description="How long a message waits for those that follow it.",
    )


class Branch(BaseModel):
    """A chat of a channel that leads to `agent`, not to the channel's, `instead_of`."""

    model_config = ConfigDict(frozen=True)

    id: ChannelId
    platform: str
    account: str
    channel: str
    chat: str = Field(description="A group, a chat, or who writes in a direct one.")
    agent: str
    instead_of: str
    created_at: datetime


class BranchList(BaseModel):
    """All branches, by channel and chat."""

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
    """A chat of a channel, and the agent that it leads to from the next message on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"channel": "@some_bot", "chat": "-1001234567890", "agent": "Ada"}
        },
    )

    agent: str = Field(min_length=1, max_length=100, description="The agent's name.")


class BranchRemoved(BaseModel):
    """Where the chat leads now."""

    agent: str

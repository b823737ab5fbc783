"""Servers whose tools an agent may use, and who may use them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

ServerName = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9-]{0,31}$",
        description="Lower-case letters, digits and hyphens. Its tools are called name__tool.",
    ),
]
Allowed = Literal["nobody", "owner", "labels", "everybody"]
Confirm = Literal["never", "contact", "owner"]
Label = Annotated[str, Field(min_length=1, max_length=40)]


class ServerTool(BaseModel):
    """A tool as the owner approved it, and who may use it."""

    name: str
    called: str = Field(description="Its name for the model.")
    description: str
    arguments: dict[str, Any] = Field(description="The JSON schema of its arguments.")
    reads_only: bool = Field(description="Whether its server says that it changes nothing.")
    allowed: Allowed = Field(description="Who may use it; owner: only you, in your own chat.")
    labels: list[str]
    in_groups: bool = Field(description="Whether it may be used where several people speak.")
    confirm: Confirm = Field(description="Who must approve each call.")


class ToolChange(BaseModel):
    """A difference between what a server offers now and what you approved."""

    tool: str
    kind: Literal["new", "changed", "gone"]
    description: str | None
    arguments: dict[str, Any] | None


class ToolServer(BaseModel):
    """A server whose tools an agent may use. ``changes`` wait for your approval."""

    id: UUID
    agent: str
    name: str
    url: str | None
    command: list[str]
    shared: bool = Field(
        description="Whether one session serves everybody, because it keeps nothing."
    )
    trusted: bool = Field(description="Whether it runs without a sandbox.")
    ports: list[int] = Field(description="TCP ports that its command may connect to.")
    readable: list[str] = Field(description="Further files that its command may read.")
    tells_addresses: bool = Field(description="Whether it is told the addresses of contacts.")
    signs_in: bool = Field(description="Whether each person connects their own account there.")
    secrets: list[str] = Field(description="Names of its headers and environment variables.")
    tools: list[ServerTool]
    changes: list[ToolChange]
    digest: str | None = Field(
        description="The digest of the changes. Send it to approve exactly these."
    )
    last_error: str
    created_at: datetime


class ToolServerList(BaseModel):
    """Servers, by agent and name."""

    items: list[ToolServer]


class ToolServerToAdd(BaseModel):
    """A server to add. Nobody may use its tools until you allow them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "shop", "url": "https://shop.example/mcp"}},
    )

    name: ServerName
    url: Annotated[str, Field(max_length=2_000, description="URL for streamable HTTP.")]
    headers: Annotated[
        dict[str, str], Field(max_length=20, description="Sent with each request; encrypted.")
    ] = {}
    shared: Annotated[
        bool,
        Field(
            description="Use one session for everybody. Only for a server that keeps nothing "
            "between calls."
        ),
    ] = False
    tells_addresses: Annotated[
        bool, Field(description="Tell it the addresses of contacts, in their signed identity.")
    ] = False
    signs_in: Annotated[
        bool, Field(description="Whether each person connects their own account there (OAuth).")
    ] = False
    client_id: Annotated[
        str | None,
        Field(
            max_length=500, description="The id of a client that you registered there for sign-in."
        ),
    ] = None
    client_secret: Annotated[
        str | None,
        Field(
            max_length=2_000, description="That client's secret, if it has one; stored encrypted."
        ),
    ] = None


class CommandToAdd(BaseModel):
    """A server that is a program on this machine. Only the terminal can add one."""

    name: ServerName
    command: list[str]
    environment: dict[str, str] = {}
    shared: bool = False
    trusted: bool = False
    ports: list[int] = []
    readable: list[str] = []
    tells_addresses: bool = False


class PendingCall(BaseModel):
    """A tool call that waits for your approval. ``whose``: the conversation that asked for it."""

    id: UUID
    agent: str
    whose: str
    contact_id: UUID | None
    called: str
    arguments: dict[str, Any]
    created_at: datetime
    expires_at: datetime


class SigningKeys(BaseModel):
    """The public keys that verify signed identities, as a JSON web key set (RFC 7517)."""

    keys: list[dict[str, str]]


class ToolRights(BaseModel):
    """Who may use which tools. Fields you leave out stay as they are."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"tools": ["find_order"], "allowed": "everybody"}},
    )

    tools: Annotated[list[str], Field(max_length=128, description="Empty: all of them.")] = []
    allowed: Allowed | None = None
    labels: Annotated[list[Label], Field(max_length=20)] = []
    in_groups: bool | None = None
    confirm: Confirm | None = None


class ToolChangesToApprove(BaseModel):
    """The changes to approve, by their digest."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"digest": "3f1c09a7be24d815"}}
    )

    digest: Annotated[str, Field(max_length=100)]

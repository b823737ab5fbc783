"""What tools take and give. Whatever is not named here is refused, never dropped."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Salience = Literal["low", "medium", "high", "critical"]
Line = Field(max_length=200)


class Given(BaseModel):
    """Arguments of a tool."""

    model_config = ConfigDict(extra="forbid")


class StartOwn(Given):
    thread_key: str = Field("", max_length=128, description="A topic that gets a separate session.")
    force_new: bool = Field(
        False, description="End the session that is open there and start a new one."
    )


class StartAny(StartOwn):
    agent: str | None = Field(None, description="The agent's name. Default: the first agent.")
    contact_id: UUID | None = Field(
        None, description="The contact whose session to open. Default: the owner's own."
    )
    sender: str | None = Field(
        None, description="The sender's address, platform:id. The contact is created if new."
    )


class Nothing(Given):
    pass


class RememberArguments(Given):
    content: str = Field(min_length=1, max_length=65_536)
    summary: str = Field("", max_length=4000)
    topic_key: str | None = Field(None, max_length=200)
    topics: list[str] = Field(default_factory=list, max_length=50)
    salience: Salience = "medium"
    replaces: UUID | None = None


class Recall(Given):
    query: str = Field(min_length=1, max_length=4000)
    mode: Literal["text", "semantic", "hybrid"] = "hybrid"
    limit: int = Field(10, ge=1, le=100)


class OfMemory(Given):
    memory_id: UUID


class UpdateMemory(OfMemory):
    content: str | None = Field(None, min_length=1, max_length=65_536)
    summary: str | None = Field(None, max_length=4000)
    topic_key: str | None = Field(None, max_length=200)
    topics: list[str] | None = Field(None, max_length=50)
    salience: Salience | None = None
    expected_version: int | None = Field(None, ge=1)


class RestoreMemory(OfMemory):
    version: int = Field(ge=1, le=2**31 - 1)


class Listed(Given):
    limit: int = Field(50, ge=1, le=500)


class Knowledge(Given):
    budget: int = Field(2000, ge=1, le=100_000, description="Approximate number of tokens.")


class ResolveContact(Given):
    platform: str = Field(min_length=1, max_length=50)
    platform_id: str = Field(min_length=1, max_length=200)
    auto_create: bool = False
    name: str = Field("", max_length=200)
    type: Literal["external", "group"] = "external"


class Shown(BaseModel):
    """What a tool gives."""

    model_config = ConfigDict(from_attributes=True)


class SessionShown(Shown):
    id: UUID
    agent_id: UUID
    contact_id: UUID | None
    shared: bool
    thread_key: str
    created_at: datetime
    ended_at: datetime | None


class SessionsShown(Shown):
    sessions: list[SessionShown]


class MemoryShown(Shown):
    id: UUID
    content: str
    summary: str
    topic_key: str | None
    topics: list[str]
    salience: str
    source: str
    version: int
    contact_id: UUID | None
    shared: bool
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime


class Remembered(MemoryShown):
    """``may_replace``: what was kept before and this may contradict or update. To put it in the
    place of one of them, remember the same again with ``replaces``."""

    may_replace: list[MemoryShown] = Field(default_factory=list)


class MemoriesShown(Shown):
    memories: list[MemoryShown]


class VersionShown(Shown):
    version: int
    content: str
    summary: str
    salience: str
    change: str
    archived_at: datetime


class VersionsShown(Shown):
    versions: list[VersionShown]


class HitShown(Shown):
    kind: str
    id: UUID
    content: str
    score: float
    created_at: datetime
    contact_id: UUID | None
    shared: bool


class HitsShown(Shown):
    found: list[HitShown]


class Done(Shown):
    done: bool = True


class ContactShown(Shown):
    id: UUID
    type: str
    name: str
    addresses: list[str]
    created_at: datetime


class ContactsShown(Shown):
    contacts: list[ContactShown]

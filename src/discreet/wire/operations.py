"""What whoever runs the installation looks at."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """The process runs, or is ready."""

    status: Literal["ok"] = "ok"


class Me(BaseModel):
    """Who a token is, for a client that wants to say so."""

    kind: Literal["owner", "agent", "contact"]
    agent_id: UUID | None
    contact_id: UUID | None
    label: str = Field(description="A name or an address; `owner`, or the agent's name.")


class Waiting(BaseModel):
    """Messages that nobody has answered yet."""

    model_config = ConfigDict(from_attributes=True)

    messages: int
    sessions: int
    since: datetime | None


class Counts(BaseModel):
    """How much there is."""

    model_config = ConfigDict(from_attributes=True)

    agents: int
    contacts: int
    open_sessions: int
    messages: int
    memories: int
    reference_passages: int


class Status(BaseModel):
    """How much needs the owner's attention, and how much there is. `sb status` tells what."""

    quarantined: int
    pairing_requests: int
    limits_reached: int
    paused_agents: list[str]
    blocked_contacts: int
    taken_over: int
    troubled_turns: int
    undelivered: int
    waiting: Waiting
    counts: Counts

"""Status and health of the installation."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas.limits import Money

UsageBy = Literal["day", "agent", "contact", "model"]


class Health(BaseModel):
    """Whether the process is running or ready."""

    status: Literal["ok"] = "ok"


class Me(BaseModel):
    """The identity of a token, for clients that show it."""

    kind: Literal["owner", "agent", "contact"]
    agent_id: UUID | None
    contact_id: UUID | None
    label: str = Field(description="A name or an address; `owner`, or the agent's name.")


class Waiting(BaseModel):
    """Unanswered messages."""

    model_config = ConfigDict(from_attributes=True)

    messages: int
    sessions: int
    since: datetime | None


class Counts(BaseModel):
    """Totals."""

    model_config = ConfigDict(from_attributes=True)

    agents: int
    contacts: int
    open_sessions: int
    messages: int
    memories: int
    reference_passages: int


class UsageLine(BaseModel):
    """Usage of the turns of one day, agent, contact or model."""

    model_config = ConfigDict(frozen=True)

    name: str
    turns: int
    requests: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int = Field(description="Input tokens that came from the provider's cache.")
    estimated_tokens: int = Field(
        description="Tokens that the model server didn't report, estimated."
    )
    unpriced_tokens: int = Field(description="Tokens of models without a price; not in `cost`.")
    cost: Money = Field(description="In US dollars.")


class Usage(BaseModel):
    """Usage in total."""

    by: UsageBy
    days: int
    items: list[UsageLine]


class Status(BaseModel):
    """Counts of what needs the owner's attention, and totals. For details: `sb status`."""

    quarantined: int
    pairing_requests: int
    limits_reached: int
    paused_agents: list[str]
    blocked_contacts: int
    taken_over: int
    failed_turns: int
    long_turns: int
    undelivered: int
    deaf_channels: int = Field(description="Connected channels that can't receive.")
    failing_jobs: int = Field(
        description="Jobs and tasks of the server that fail because of an error in the program."
    )
    last_backup_at: datetime | None = Field(
        description="When the server that answers wrote and checked its last scheduled backup."
    )
    backup_problem: str = Field(description="The problem with its backups; empty if there is none.")
    waiting: Waiting
    counts: Counts

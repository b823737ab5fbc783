"""Retention: how long messages, files and memories are kept."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

RetentionKind = Literal["messages", "files", "memories"]
Days = Annotated[int, Field(ge=1, le=36_500)] | Literal["never"]


class RetentionTarget(BaseModel):
    """The target of a rule: everything, one agent, or one channel."""

    model_config = ConfigDict(extra="forbid")

    agent: str | None = Field(default=None, description="An agent's name. Null: all agents.")
    channel: str | None = Field(
        default=None, description="A channel's name or platform; its agent is not needed then."
    )


class RetentionToSet(RetentionTarget):
    """Rules to set. Kinds that you leave out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"example": {"messages": 365}})

    messages: Days | None = Field(
        default=None, description="Days after which messages are deleted, or never."
    )
    files: Days | None = Field(
        default=None, description="Days after which files are deleted, or never."
    )
    memories: Days | None = Field(
        default=None,
        description="Days after its last change after which a memory is deleted, or never. Not for"
        " a channel.",
    )


class RetentionRule(BaseModel):
    """A rule. The narrowest one applies: the channel's, else the agent's, else the general one."""

    model_config = ConfigDict(frozen=True)

    agent: str | None = Field(description="Null: all agents.")
    channel: str | None = Field(description="Null: all channels.")
    kind: RetentionKind
    days: int | None = Field(description="Null: never deleted.")


class RetentionRules(BaseModel):
    """All rules. Without a rule, nothing is deleted."""

    items: tuple[RetentionRule, ...]


class RetentionPreview(BaseModel):
    """Rows that a run would delete now, by kind, and contacts whose rows it leaves."""

    counts: dict[str, int]
    on_hold: int


class RetentionRun(BaseModel):
    """A receipt: rows that a run deleted, by kind."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    began_at: datetime
    ended_at: datetime
    counts: dict[str, int]


class ListRetentionRuns(BaseModel):
    """The receipts to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=200, description="Maximum number of items.")
    skip: int = Field(0, ge=0, le=2**31 - 1, description="Number of items to skip.")


class RetentionRuns(BaseModel):
    """Receipts, newest first."""

    items: tuple[RetentionRun, ...]

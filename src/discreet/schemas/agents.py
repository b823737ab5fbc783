"""Agents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from discreet.schemas.links import Backup
from discreet.schemas.pages import Page

Model = Annotated[
    str, Field(max_length=200, description="provider:name; empty for the installation's default.")
]


ContextTokens = Annotated[
    int,
    Field(
        ge=0,
        le=100_000_000,
        description="The size of the model's context in tokens, at least 1,024. 0: looked up or "
        "learned.",
    ),
]
MemoryModel = Literal["per_contact", "shared"]


class Agent(BaseModel):
    """An agent with its counts."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    role: str
    instructions: str
    model: str | None
    context_tokens: int | None
    fallback_models: list[str]
    memory_model: MemoryModel
    waits_for_person: bool = Field(
        description="Whether it stays silent after a contact asked for a person, until one answers."
    )
    person_minutes: int = Field(
        description="The longest time that it waits for a person, in minutes."
    )
    holds_answers: bool = Field(description="Its answers wait for the owner's approval.")
    unknown_reply: str = Field(description="Its reply without a model when it knows nothing.")
    runs_reminders: bool = Field(
        description="Whether a due reminder starts a turn instead of sending its text."
    )
    paused_at: datetime | None
    reference_texts: int
    open_sessions: int
    memories: int
    created_at: datetime
    updated_at: datetime


class ListAgents(Page):
    """The agents to list."""


class AgentPage(BaseModel):
    """A page of agents, newest first."""

    items: list[Agent]
    next: str | None


class AgentChange(BaseModel):
    """The fields to set; None leaves a field as it is.

    ``model`` "" selects the installation's default, and ``context_tokens`` 0 removes the setting.
    The service checks the values.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str | None = None
    instructions: str | None = None
    model: str | None = None
    memory_model: MemoryModel | None = None
    context_tokens: int | None = None
    fallback_models: Sequence[str] | None = None
    waits_for_person: bool | None = None
    person_minutes: int | None = None
    holds_answers: bool | None = None
    unknown_reply: str | None = None
    runs_reminders: bool | None = None

    @property
    def names_anything(self) -> bool:
        """Whether there is anything to set."""
        return any(getattr(self, name) is not None for name in AgentChange.model_fields)


class AgentPatch(AgentChange):
    """Fields to change. Fields you leave out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"example": {"memory_model": "per_contact"}})

    role: Annotated[str, Field(max_length=10_000)] | None = None
    instructions: Annotated[str, Field(max_length=100_000)] | None = None
    model: Model | None = None
    memory_model: MemoryModel | None = None
    context_tokens: ContextTokens | None = None
    fallback_models: Annotated[list[Model], Field(max_length=5)] | None = None
    waits_for_person: bool | None = None
    person_minutes: Annotated[int, Field(ge=1, le=10_080)] | None = None
    holds_answers: bool | None = None
    unknown_reply: Annotated[str, Field(max_length=10_000)] | None = None
    runs_reminders: bool | None = None


class NewAgent(AgentPatch):
    """An agent to create."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"name": "Ada", "instructions": "You help with the shop."}},
    )

    name: str = Field(min_length=1, max_length=100)


class AgentName(BaseModel):
    """A new name for an agent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"new_name": "Bea"}})

    new_name: str = Field(min_length=1, max_length=100)


class AgentToDelete(BaseModel):
    """What becomes of the contacts of a deleted agent."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"contacts": "keep"}})

    contacts: Literal["keep", "move", "erase"] = Field(
        description=(
            "`keep`: they stay in the address book, and their conversations with this agent are "
            "deleted. `move`: another agent gets its conversations, memories and channels. "
            "`erase`: contacts that no other agent knows are erased."
        )
    )
    to_agent_id: UUID | None = Field(None, description="The agent to `move` to.")
    preview: bool = Field(False, description="Only count what would be deleted.")


class AgentDeleted(BaseModel):
    """A receipt, with the backups that still contain the agent."""

    receipt: UUID | None = Field(description="Null for a preview.")
    counts: dict[str, int] = Field(description="How many rows of each kind.")
    backups: list[Backup]

"""Agents, as their owner sees and sets them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from discreet.domain.ids import AgentId
from discreet.entrypoints.api.callers import OwnerCaller
from discreet.entrypoints.api.pages import (
    ETAG,
    Cursor,
    IdempotencyKey,
    IfMatch,
    Limit,
    etag,
    expected_of,
    mark_of,
    next_of,
)
from discreet.entrypoints.api.problems import documented
from discreet.oversight.agents import (
    AgentChange,
    change_agent,
    create_agent,
    get_agent_by_id,
    list_agents,
)
from discreet.oversight.idempotency import once

router = APIRouter(prefix="/api/admin/agents", tags=["agents"])

Model = Annotated[
    str, Field(max_length=200, description="provider:name; empty: the installation's default.")
]
MemoryModel = Literal["per_contact", "shared"]


class AgentShown(BaseModel):
    """An agent and how much it holds."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    role: str
    instructions: str
    model: str | None
    memory_model: MemoryModel
    paused_at: datetime | None
    reference_texts: int
    open_sessions: int
    memories: int
    created_at: datetime
    updated_at: datetime


class AgentsShown(BaseModel):
    """A page of agents, the newest first."""

    items: list[AgentShown]
    next: str | None


class AgentPatch(BaseModel):
    """What to set; what is left out stays as it is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"memory_model": "per_contact"}}
    )

    role: Annotated[str, Field(max_length=10_000)] | None = None
    instructions: Annotated[str, Field(max_length=100_000)] | None = None
    model: Model | None = None
    memory_model: MemoryModel | None = None


class NewAgent(AgentPatch):
    """An agent to be made."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"name": "Ada", "instructions": "You help with the shop."}},
    )

    name: str = Field(min_length=1, max_length=100)


def _change(given: AgentPatch) -> AgentChange:
    return AgentChange(
        role=given.role,
        instructions=given.instructions,
        model=given.model,
        memory_model=given.memory_model,
    )


@router.get("", responses=documented(), operation_id="list_agents")
async def list_all(who: OwnerCaller, limit: Limit = 50, cursor: Cursor = None) -> AgentsShown:
    """The owner's agents, the newest first."""
    mark = mark_of(cursor)
    agents = sorted(
        await list_agents(who.door, who.owner_id),
        key=lambda agent: (agent.created_at, agent.id),
        reverse=True,
    )
    found = [agent for agent in agents if mark is None or (agent.created_at, agent.id) < mark]
    return AgentsShown(
        items=[AgentShown.model_validate(agent) for agent in found[:limit]],
        next=next_of(found, limit, lambda agent: (agent.created_at, agent.id)),
    )


@router.post(
    "",
    status_code=201,
    responses=documented(409) | {201: {"headers": ETAG}},
    operation_id="create_agent",
)
async def create(
    who: OwnerCaller,
    given: NewAgent,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> AgentShown:
    """Makes an agent."""

    async def make() -> UUID:
        return (await create_agent(who.door, who.owner_id, given.name, _change(given))).id

    asked = f"{request.url.path}\n".encode() + await request.body()
    made = await once(who.door, who.bearer, idempotency_key, asked, make)
    return await get(who, made, response)


@router.get(
    "/{agent_id}", responses=documented(404) | {200: {"headers": ETAG}}, operation_id="get_agent"
)
async def get(who: OwnerCaller, agent_id: UUID, response: Response) -> AgentShown:
    """One agent."""
    agent = await get_agent_by_id(who.door, who.owner_id, AgentId(agent_id))
    response.headers["ETag"] = etag(agent.version)
    return AgentShown.model_validate(agent)


@router.patch(
    "/{agent_id}",
    responses=documented(404, 409, 412) | {200: {"headers": ETAG}},
    operation_id="update_agent",
)
async def update(
    who: OwnerCaller,
    agent_id: UUID,
    given: AgentPatch,
    response: Response,
    if_match: IfMatch = None,
) -> AgentShown:
    """Sets an agent's role, instructions, model, or memory model."""
    before = await get_agent_by_id(who.door, who.owner_id, AgentId(agent_id))
    agent = await change_agent(
        who.door, who.owner_id, before.name, _change(given), expected=expected_of(if_match)
    )
    response.headers["ETag"] = etag(agent.version)
    return AgentShown.model_validate(agent)

"""Agents: list, create, read and change them. Owner's tokens only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from discreet.api.dependencies import OwnerCaller
from discreet.api.pagination import (
    ETAG,
    IdempotencyKey,
    IfMatch,
    etag,
    expected_of,
)
from discreet.api.problems import documented
from discreet.domain.ids import AgentId
from discreet.schemas import agents as wire
from discreet.schemas import references
from discreet.services.agents import (
    change_agent,
    create_agent,
    get_agent_by_id,
    page_of_agents,
    pause_agent,
    rename_agent,
    resume_agent,
)
from discreet.services.deleting_agents import delete_agent
from discreet.services.idempotency import once
from discreet.services.references import (
    ReferenceChange,
    change_references,
    list_references,
    publish,
    read_texts,
)

router = APIRouter(prefix="/api/admin/agents", tags=["agents"])


@router.get("", responses=documented(), operation_id="list_agents")
async def list_all(who: OwnerCaller, given: Annotated[wire.ListAgents, Query()]) -> wire.AgentPage:
    """List agents, newest first."""
    return await page_of_agents(who.db, who.owner_id, given)


@router.post(
    "",
    status_code=201,
    responses=documented(409) | {201: {"headers": ETAG}},
    operation_id="create_agent",
)
async def create(
    who: OwnerCaller,
    given: wire.NewAgent,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> wire.Agent:
    """Create an agent."""

    async def make() -> UUID:
        return (await create_agent(who.db, who.owner_id, given.name, given)).id

    asked = f"{request.url.path}\n".encode() + await request.body()
    made = await once(who.db, who.bearer, idempotency_key, asked, make)
    return await get(who, made, response)


@router.get(
    "/{agent_id}", responses=documented(404) | {200: {"headers": ETAG}}, operation_id="get_agent"
)
async def get(who: OwnerCaller, agent_id: UUID, response: Response) -> wire.Agent:
    """Get an agent."""
    agent = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    response.headers["ETag"] = etag(agent.version)
    return wire.Agent.model_validate(agent)


@router.patch(
    "/{agent_id}",
    responses=documented(404, 409, 412) | {200: {"headers": ETAG}},
    operation_id="update_agent",
)
async def update(
    who: OwnerCaller,
    agent_id: UUID,
    given: wire.AgentPatch,
    response: Response,
    if_match: IfMatch = None,
) -> wire.Agent:
    """Change an agent's role, instructions, model or memory model."""
    before = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    agent = await change_agent(
        who.db, who.owner_id, before.name, given, expected=expected_of(if_match)
    )
    response.headers["ETag"] = etag(agent.version)
    return wire.Agent.model_validate(agent)


@router.post("/{agent_id}/rename", responses=documented(404, 409), operation_id="rename_agent")
async def rename(who: OwnerCaller, agent_id: UUID, given: wire.AgentName) -> wire.Agent:
    """Rename an agent. Everything that belongs to it stays."""
    named = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    renamed = await rename_agent(who.db, who.owner_id, named.name, given.new_name)
    return wire.Agent.model_validate(renamed)


@router.post("/{agent_id}/delete", responses=documented(404, 409), operation_id="delete_agent")
async def delete(who: OwnerCaller, agent_id: UUID, given: wire.AgentToDelete) -> wire.AgentDeleted:
    """Permanently delete an agent. The request says what becomes of its contacts."""
    app = who.api.app
    home, tools = app.settings.home, app.tools
    return await delete_agent(who.db, who.owner_id, AgentId(agent_id), given, home, tools)


@router.post("/{agent_id}/pause", responses=documented(404), operation_id="pause_agent")
async def pause(who: OwnerCaller, agent_id: UUID) -> wire.Agent:
    """Pause an agent. It stops answering, and messages to it wait."""
    named = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    return wire.Agent.model_validate(await pause_agent(who.db, who.owner_id, named.name))


@router.post("/{agent_id}/resume", responses=documented(404), operation_id="resume_agent")
async def resume(who: OwnerCaller, agent_id: UUID) -> wire.Agent:
    """Resume an agent. It first answers the messages that waited."""
    named = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    return wire.Agent.model_validate(await resume_agent(who.db, who.owner_id, named.name))


@router.get("/{agent_id}/references", responses=documented(404), operation_id="list_references")
async def list_texts(who: OwnerCaller, agent_id: UUID) -> references.ReferenceList:
    """List the reference texts that an agent's contacts can look up."""
    named = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    found = await list_references(who.db, who.owner_id, named.id)
    return references.ReferenceList(
        items=[references.Reference(title=title, passages=n) for title, n in found.items()]
    )


@router.put(
    "/{agent_id}/references", responses=documented(404, 409), operation_id="publish_references"
)
async def publish_texts(
    who: OwnerCaller, agent_id: UUID, given: references.ReferencesToPublish
) -> references.Published:
    """Replace all reference texts of an agent, in one step."""
    named = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    return await publish(who.db, who.owner_id, named.id, read_texts(given.texts), who.api.embedder)


@router.patch(
    "/{agent_id}/references", responses=documented(404, 409), operation_id="change_references"
)
async def change_texts(
    who: OwnerCaller, agent_id: UUID, given: references.ReferencesToChange
) -> references.Published:
    """Publish some of an agent's reference texts and remove others. The rest stays."""
    named = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    change = ReferenceChange(read_texts(given.texts), given.remove)
    return await change_references(who.db, who.owner_id, named.id, change, who.api.embedder)

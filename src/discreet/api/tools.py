"""Servers whose tools an agent may use. Owner's tokens only.

A server that is a command is added at the terminal: a token must not start programs.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request

from discreet.api.dependencies import Api, OwnerCaller
from discreet.api.problems import documented
from discreet.domain.ids import AgentId
from discreet.schemas import tools as wire
from discreet.services import tool_servers
from discreet.services.agents import get_agent_by_id

router = APIRouter(tags=["tools"])
OF_AGENT = "/api/admin/agents/{agent_id}/tools"


@router.get("/.well-known/jwks.json", operation_id="get_signing_keys")
async def keys(request: Request) -> wire.SigningKeys:
    """Get the public keys with which tool servers verify the signed identity. Needs no token."""
    api: Api = request.app.state.api
    return tool_servers.signing_keys(api.app.tools)


@router.get(OF_AGENT, responses=documented(404), operation_id="list_tool_servers")
async def list_all(who: OwnerCaller, agent_id: UUID) -> wire.ToolServerList:
    """List the servers of an agent."""
    agent = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    return await tool_servers.list_tool_servers(who.api.app.tools, who.owner_id, agent.id)


@router.post(
    OF_AGENT, status_code=201, responses=documented(404, 409, 503), operation_id="add_tool_server"
)
async def add(who: OwnerCaller, agent_id: UUID, given: wire.ToolServerToAdd) -> wire.ToolServer:
    """Add a server at a URL. Nobody may use its tools until you allow them."""
    agent = await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    return await tool_servers.add_tool_server(who.api.app.tools, who.owner_id, agent.id, given)


@router.get(OF_AGENT + "/{name}", responses=documented(404), operation_id="get_tool_server")
async def get(who: OwnerCaller, agent_id: UUID, name: str) -> wire.ToolServer:
    """Get a server, its tools, and changes that wait for approval."""
    access = who.api.app.tools
    return await tool_servers.get_tool_server(access, who.owner_id, AgentId(agent_id), name)


@router.delete(OF_AGENT + "/{name}", responses=documented(404), operation_id="remove_tool_server")
async def remove(who: OwnerCaller, agent_id: UUID, name: str) -> wire.ToolServer:
    """Remove a server, with its secrets."""
    access = who.api.app.tools
    return await tool_servers.remove_tool_server(access, who.owner_id, AgentId(agent_id), name)


@router.post(
    OF_AGENT + "/{name}/test", responses=documented(404, 503), operation_id="test_tool_server"
)
async def test(who: OwnerCaller, agent_id: UUID, name: str) -> wire.ToolServer:
    """Connect to a server and compare its tools with those that you approved."""
    access = who.api.app.tools
    return await tool_servers.test_tool_server(access, who.owner_id, AgentId(agent_id), name)


@router.post(
    OF_AGENT + "/{name}/approve", responses=documented(404, 409), operation_id="approve_tools"
)
async def approve(
    who: OwnerCaller, agent_id: UUID, name: str, given: wire.ToolChangesToApprove
) -> wire.ToolServer:
    """Approve the changes of this digest."""
    access = who.api.app.tools
    return await tool_servers.approve_tools(access, who.owner_id, AgentId(agent_id), name, given)


@router.post(OF_AGENT + "/{name}/allow", responses=documented(404), operation_id="allow_tools")
async def allow(
    who: OwnerCaller, agent_id: UUID, name: str, given: wire.ToolRights
) -> wire.ToolServer:
    """Set who may use which tools. It applies from the next call."""
    access = who.api.app.tools
    return await tool_servers.allow_tools(access, who.owner_id, AgentId(agent_id), name, given)

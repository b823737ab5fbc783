"""Tools: the servers whose tools an agent may use, and who may use them."""

from __future__ import annotations

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, checked, id_of, text_of, words_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import AgentId, OwnerId
from discreet.schemas.tools import (
    Allowed,
    Confirm,
    ToolChangesToApprove,
    ToolRights,
    ToolServer,
    ToolServerToAdd,
)
from discreet.services import agents, tool_accounts, tool_servers
from discreet.services.tool_access import ToolAccess

PAGE = "/tools"
WHO = {
    "nobody": "Nobody",
    "owner": "Only me",
    "labels": "Contacts with these labels",
    "everybody": "Everybody",
}
WHOSE_YES = {"never": "Nobody’s", "contact": "Theirs", "owner": "Mine"}


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List servers, with a form to add one."""
    listed = await tool_servers.list_tool_servers(dashboard.app.tools, dashboard.owner_id)
    return dashboard.renderer.page(
        request,
        "tools.html",
        servers=listed.items,
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
    )


async def add(dashboard: Dashboard, request: Request) -> Response:
    """Add a server at a URL, which is asked for its tools first."""
    form = request.state.form
    asked = checked(
        ToolServerToAdd,
        name=text_of(form, "name").strip(),
        url=text_of(form, "url").strip(),
        headers=_headers(text_of(form, "headers")),
        shared=bool(text_of(form, "shared")),
        tells_addresses=bool(text_of(form, "tells_addresses")),
        signs_in=bool(text_of(form, "signs_in")),
        client_id=text_of(form, "client_id").strip() or None,
        client_secret=text_of(form, "client_secret").strip() or None,
    )
    agent = await agents.get_agent(dashboard.db, dashboard.owner_id, text_of(form, "agent"))
    made = await tool_servers.add_tool_server(
        dashboard.app.tools, dashboard.owner_id, AgentId(agent.id), asked
    )
    return go_to(f"{PAGE}/{made.id}", f"{made.name} is added. Nobody may use its tools yet.")


async def show_one(dashboard: Dashboard, request: Request) -> Response:
    """Show a server, its tools, who may use them, and changes that wait for approval."""
    server, _ = await _find(dashboard, request)
    return _server_page(dashboard, request, server)


def _server_page(
    dashboard: Dashboard, request: Request, server: ToolServer, link: str = ""
) -> Response:
    """``link``: where the owner connects an account of their own; it works once."""
    return dashboard.renderer.page(
        request,
        "tool_server.html",
        server=server,
        link=link,
        who=[(one, WHO.get(one, one)) for one in get_args(Allowed)],
        whose_yes=[(one, WHOSE_YES.get(one, one)) for one in get_args(Confirm)],
    )


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Test a server, approve what it offers now, set rights, or remove it."""
    form, access, owner_id = request.state.form, dashboard.app.tools, dashboard.owner_id
    server, agent_id = await _find(dashboard, request)
    done = "Saved. It applies from the next call."
    match text_of(form, "what"):
        case "test":
            done = await _tested(access, owner_id, agent_id, server.name)
        case "approve":
            digest = checked(ToolChangesToApprove, digest=text_of(form, "digest"))
            await tool_servers.approve_tools(access, owner_id, agent_id, server.name, digest)
            done = "Approved. Nobody may use a new tool until you allow it."
        case "connect":
            group = text_of(form, "group").strip() or None
            link = await tool_accounts.connect_account(
                access, owner_id, agent_id, server.name, group
            )
            return _server_page(dashboard, request, server, link)
        case "code":
            group, code = text_of(form, "group").strip() or None, text_of(form, "code")
            done = await tool_accounts.enter_account_code(access, owner_id, agent_id, code, group)
            if group is None:  # now it says what it offers
                done += " " + await _tested(access, owner_id, agent_id, server.name)
        case "remove":
            await tool_servers.remove_tool_server(access, owner_id, agent_id, server.name)
            return go_to(PAGE, f"{server.name} is removed, and its secrets are deleted.")
        case _:
            allowed = text_of(form, "allowed")
            asked = checked(
                ToolRights,
                tools=[tool] if (tool := text_of(form, "tool")) else [],
                allowed=allowed,
                labels=words_of(form, "labels") if allowed == "labels" else [],
                in_groups=bool(text_of(form, "in_groups")),
                confirm=text_of(form, "confirm"),
            )
            await tool_servers.allow_tools(access, owner_id, agent_id, server.name, asked)
    return go_to(f"{PAGE}/{server.id}", done)


async def _tested(access: ToolAccess, owner_id: OwnerId, agent_id: AgentId, name: str) -> str:
    """Ask a server for its tools, and return what to say."""
    found = await tool_servers.test_tool_server(access, owner_id, agent_id, name)
    other = " It offers other tools than you approved: see below." if found.changes else ""
    return f"{name} answers.{other}"


async def _find(dashboard: Dashboard, request: Request) -> tuple[ToolServer, AgentId]:
    wanted = id_of(request)
    listed = await tool_servers.list_tool_servers(dashboard.app.tools, dashboard.owner_id)
    server = next((one for one in listed.items if one.id == wanted), None)
    if server is None:
        raise NotFound("There is no such server.", hint="It may have been removed.")
    agent = await agents.get_agent(dashboard.db, dashboard.owner_id, server.agent)
    return server, AgentId(agent.id)


def _headers(text: str) -> dict[str, str]:
    """Read headers, one a line: Name: value."""
    headers = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = line.partition(":")
        if not colon:
            raise BadInput("A header has a name and a value.", hint="Authorization: Bearer …")
        headers[name.strip()] = value.strip()
    return headers


VIEWS: Views = (
    ("GET", PAGE, show),
    ("POST", PAGE, add),
    ("GET", "/tools/{id}", show_one),
    ("POST", "/tools/{id}", change),
)

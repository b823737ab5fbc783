"""Agents: their settings, and whether they answer."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.ids import AgentId
from discreet.services import agents


async def show_all(dashboard: Dashboard, request: Request) -> Response:
    """List the agents."""
    found = await agents.list_agents(dashboard.db, dashboard.owner_id)
    return dashboard.renderer.page(request, "agents.html", agents=found)


async def show_one(dashboard: Dashboard, request: Request) -> Response:
    """Show an agent's settings."""
    found = await agents.get_agent_by_id(dashboard.db, dashboard.owner_id, AgentId(id_of(request)))
    return dashboard.renderer.page(request, "agent.html", agent=found)


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Change an agent, pause it or resume it."""
    form, agent_id = request.state.form, AgentId(id_of(request))
    found = await agents.get_agent_by_id(dashboard.db, dashboard.owner_id, agent_id)
    match text_of(form, "what"):
        case "pause":
            await agents.pause_agent(dashboard.db, dashboard.owner_id, found.name)
            done = f"{found.name} is paused. Messages wait until you resume it."
        case "resume":
            await agents.resume_agent(dashboard.db, dashboard.owner_id, found.name)
            done = f"{found.name} answers again."
        case _:
            change = agents.AgentChange(
                role=text_of(form, "role"),
                instructions=text_of(form, "instructions"),
                model=text_of(form, "model").strip(),
            )
            await agents.change_agent(dashboard.db, dashboard.owner_id, found.name, change)
            done = "Saved."
    return go_to(f"/agents/{agent_id}", done)


VIEWS: Views = (
    ("GET", "/agents", show_all),
    ("GET", "/agents/{id}", show_one),
    ("POST", "/agents/{id}", change),
)

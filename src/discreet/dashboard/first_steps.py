"""First steps: what an agent is told, what answers, and where people write."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.agents import tested
from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.ids import AgentId
from discreet.schemas.agents import AgentChange
from discreet.services import agents, channels
from discreet.services.seed import EXAMPLE
from discreet.services.status import is_new

PAGE = "/first-steps"


@dataclass(frozen=True, slots=True)
class Progress:
    """Which of the three steps are done. ``model``: what answers; empty: nothing was chosen."""

    agent: agents.Agent
    told: bool
    model: str
    connected: bool
    spoken: bool

    @property
    def done(self) -> bool:
        return self.told and bool(self.model) and (self.connected or self.spoken)


async def progress(dashboard: Dashboard) -> Progress | None:
    """Return how far an installation is set up; None if it has no agent."""
    [*listed] = await agents.list_agents(dashboard.db, dashboard.owner_id)
    if not listed:
        return None
    agent = listed[0]
    connected = await channels.list_channels(dashboard.db, dashboard.owner_id)
    return Progress(
        agent=agent,
        told=agent.instructions != EXAMPLE.instructions,
        model=agent.model or dashboard.app.settings.model or "",
        connected=bool(connected),
        spoken=not await is_new(dashboard.db, dashboard.owner_id),
    )


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show the three steps."""
    return dashboard.renderer.page(
        request,
        "first_steps.html",
        steps=await progress(dashboard),
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        platforms=sorted(set(dashboard.app.channels.platforms) - {"terminal"}),
    )


async def tell(dashboard: Dashboard, request: Request) -> Response:
    """Take the first step or the second: what the agent is told, or which model answers."""
    form, db, owner_id = request.state.form, dashboard.db, dashboard.owner_id
    listed = await agents.list_agents(db, owner_id)
    told = AgentChange(
        instructions=text_of(form, "instructions") or None,
        role=text_of(form, "role") or None,
    )
    if not listed:
        made = await agents.create_agent(db, owner_id, text_of(form, "name").strip(), told)
        return go_to(PAGE, f"{made.name} is there.")
    agent = listed[0]
    if text_of(form, "what") == "model":
        model = text_of(form, "model").strip()
        await agents.change_agent(db, owner_id, agent.name, AgentChange(model=model))
        return go_to(PAGE, await tested(dashboard, AgentId(agent.id)))
    await agents.change_agent(db, owner_id, agent.name, told)
    return go_to(PAGE, f"{agent.name} is told.")


VIEWS: Views = (("GET", PAGE, show), ("POST", PAGE, tell))

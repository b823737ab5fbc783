"""First steps: an agent's instructions, its model, and its first channel."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.channels import connected
from discreet.dashboard.context import Dashboard, Views, form_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput, DiscreetError, Unavailable
from discreet.schemas.agents import AgentChange
from discreet.services import agents, channels
from discreet.services.seed import INSTRUCTIONS
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


async def progress(dashboard: Dashboard) -> Progress | None:
    """Return how far an installation is set up; None if it has no agent."""
    [*listed] = await agents.list_agents(dashboard.db, dashboard.owner_id)
    if not listed:
        return None
    agent = listed[0]
    listening = await channels.list_channels(dashboard.db, dashboard.owner_id)
    return Progress(
        agent=agent,
        told=(agent.instructions or "") not in ("", INSTRUCTIONS),
        model=agent.model or dashboard.app.settings.model or "",
        connected=bool(listening),
        spoken=not await is_new(dashboard.db, dashboard.owner_id),
    )


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show the three steps."""
    return await _page(dashboard, request)


async def _page(
    dashboard: Dashboard, request: Request, problem: DiscreetError | None = None
) -> Response:
    """Render the page. ``problem``: why a step failed; shown beside its form."""
    return dashboard.renderer.page(
        request,
        "first_steps.html",
        status=200 if problem is None else 422,
        problem=problem,
        given=form_of(request),
        steps=await progress(dashboard),
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        platforms=sorted(set(dashboard.app.channels.platforms) - {"terminal"}),
    )


async def take(dashboard: Dashboard, request: Request) -> Response:
    """Take a step. A step that fails changes nothing."""
    try:
        return go_to(f"{PAGE}#main", await _taken(dashboard, request.state.form))
    except DiscreetError as problem:
        return await _page(dashboard, request, problem)


async def _taken(dashboard: Dashboard, form: FormData) -> str:
    """Take the step of a form, and return a message that says what was done."""
    db, owner_id = dashboard.db, dashboard.owner_id
    if text_of(form, "what") == "channel":
        return await connected(dashboard, form)
    listed = await agents.list_agents(db, owner_id)
    if text_of(form, "what") in ("model", "without") and listed:
        model = text_of(form, "model").strip() if text_of(form, "what") == "model" else ""
        return await _answering(dashboard, listed[0], model)
    told = AgentChange(
        instructions=text_of(form, "instructions"), role=text_of(form, "role") or None
    )
    if not text_of(form, "instructions").strip():
        raise BadInput("The instructions are empty.", hint="Say what your agent should do.")
    if not listed:
        made = await agents.create_agent(db, owner_id, text_of(form, "name").strip(), told)
        return f"{made.name} was created."
    await agents.change_agent(db, owner_id, listed[0].name, told)
    return f"{listed[0].name} was changed."


async def _answering(dashboard: Dashboard, agent: agents.Agent, model: str) -> str:
    """Set the model of an agent once it has answered; empty: the installation's, or none.

    Raises:
        Unavailable: it does not answer; the agent keeps what it had.
    """
    from discreet.turn.model_check import ask_model

    said = ""
    if name := model or dashboard.app.settings.model:
        check = await ask_model(dashboard.app.settings, name)
        if check.problem is not None:
            raise Unavailable(check.problem, hint=f"{agent.name} was not changed.")
        said = f"{name} answers ({check.seconds:.1f} s)."
    await agents.change_agent(
        dashboard.db, dashboard.owner_id, agent.name, AgentChange(model=model)
    )
    return said or f"{agent.name} has no model; the built-in responder answers."


VIEWS: Views = (("GET", PAGE, show), ("POST", PAGE, take))

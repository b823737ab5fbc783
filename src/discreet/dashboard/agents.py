"""Agents: their settings, and whether they answer."""

from __future__ import annotations

from typing import get_args

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of, number_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import AgentId, parse_uuid
from discreet.schemas.agents import AgentChange, AgentDeleted, AgentToDelete
from discreet.scope.scopes import MemoryModel
from discreet.services import agents
from discreet.services.deleting_agents import delete_agent


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
        case "rename":
            name = text_of(form, "name").strip()
            await agents.rename_agent(dashboard.db, dashboard.owner_id, found.name, name)
            done = f"{found.name} is now called {name}."
        case what:
            await agents.change_agent(dashboard.db, dashboard.owner_id, found.name, change_of(form))
            done = "Saved."
            if what == "test":
                done, works = await tested(dashboard, agent_id)
                return go_to(f"/agents/{agent_id}", done, failed=not works)
    return go_to(f"/agents/{agent_id}", done)


async def preview_deletion(dashboard: Dashboard, request: Request) -> Response:
    """Ask what becomes of an agent's contacts, and count what a choice would delete.

    Counting tries the deletion, which may take long and holds up its conversations: only a choice
    counts, and not opening the page.
    """
    agent_id = AgentId(id_of(request))
    listed = await agents.list_agents(dashboard.db, dashboard.owner_id)
    found = next((one for one in listed if one.id == agent_id), None)
    if found is None:
        raise NotFound("There is no such agent.")
    others = [
        one for one in listed if one.id != agent_id and one.memory_model == found.memory_model
    ]
    given = request.query_params
    asked = _asked(given.get("contacts", "keep"), given.get("to_agent_id", ""), preview=True)
    if asked.contacts == "move" and asked.to_agent_id is None and others:
        asked.to_agent_id = others[0].id
    counts = None
    if "contacts" in given or len(listed) == 1:  # which says at once that the only one can't go
        counts = (await _delete(dashboard, agent_id, asked)).counts
    return dashboard.renderer.page(
        request, "delete_agent.html", agent=found, others=others, asked=asked, counts=counts
    )


async def delete(dashboard: Dashboard, request: Request) -> Response:
    """Delete an agent, and show the receipt."""
    form, agent_id = request.state.form, AgentId(id_of(request))
    if text_of(form, "sure") != "yes":
        return go_to(f"/agents/{agent_id}/delete")
    asked = _asked(text_of(form, "contacts"), text_of(form, "to_agent_id"), preview=False)
    done = await _delete(dashboard, agent_id, asked)
    return dashboard.renderer.page(request, "deleted_agent.html", done=done)


def _asked(contacts: str, to: str, *, preview: bool) -> AgentToDelete:
    for fate in get_args(AgentToDelete.model_fields["contacts"].annotation):
        if fate == contacts:
            taker = parse_uuid(to, "agent") if to and fate == "move" else None
            return AgentToDelete(contacts=fate, to_agent_id=taker, preview=preview)
    raise BadInput("Choose what becomes of its contacts.")


async def _delete(dashboard: Dashboard, agent_id: AgentId, asked: AgentToDelete) -> AgentDeleted:
    app = dashboard.app
    return await delete_agent(
        dashboard.db, dashboard.owner_id, agent_id, asked, app.settings.home, app.tools
    )


async def create(dashboard: Dashboard, request: Request) -> Response:
    """Create an agent."""
    form = request.state.form
    made = await agents.create_agent(
        dashboard.db,
        dashboard.owner_id,
        text_of(form, "name").strip(),
        AgentChange(role=text_of(form, "role")),
    )
    return go_to(f"/agents/{made.id}", f"{made.name} was created.")


def change_of(form: FormData) -> AgentChange:
    """Return what a form sets of an agent.

    Raises:
        BadInput: a value can't be used.
    """
    context, memory = text_of(form, "context_tokens").strip(), text_of(form, "memory_model")
    fallbacks = [name.strip() for name in text_of(form, "fallback_models").split(",")]
    return AgentChange(
        role=text_of(form, "role"),
        instructions=text_of(form, "instructions"),
        model=text_of(form, "model").strip(),
        memory_model=next((one for one in get_args(MemoryModel) if one == memory), None),
        context_tokens=int(number_of(form, "context_tokens")) if context else 0,
        fallback_models=[name for name in fallbacks if name],
    )


async def tested(dashboard: Dashboard, agent_id: AgentId) -> tuple[str, bool]:
    """Ask an agent's models a short question; return the result, and whether all answer."""
    from discreet.turn.model_check import ask_model

    agent = await agents.get_agent_by_id(dashboard.db, dashboard.owner_id, agent_id)
    names = [agent.model or dashboard.app.settings.model, *agent.fallback_models]
    checks = [await ask_model(dashboard.app.settings, name) for name in names if name]
    if not checks:
        return f"{agent.name} has no model; the built-in responder answers.", True
    told = " ".join(
        f"{check.model}: {check.problem or f'answers ({check.seconds:.1f} s).'}" for check in checks
    )
    return told, all(check.problem is None for check in checks)


VIEWS: Views = (
    ("GET", "/agents", show_all),
    ("POST", "/agents", create),
    ("GET", "/agents/{id}", show_one),
    ("POST", "/agents/{id}", change),
    ("GET", "/agents/{id}/delete", preview_deletion),
    ("POST", "/agents/{id}/delete", delete),
)

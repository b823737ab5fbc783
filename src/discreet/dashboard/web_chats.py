"""Web chats: chats on the owner's own web pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, checked, id_of, text_of, words_of
from discreet.dashboard.rendering import go_to
from discreet.schemas.web_chats import AddedWebChat, WebChatToAdd
from discreet.services import agents, web_chats

PAGE = "/web-chats"


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List web chats, with a form to add one."""
    return await _page(dashboard, request, None)


async def add(dashboard: Dashboard, request: Request) -> Response:
    """Add a web chat, and show its secret this once: no address or cookie holds it."""
    form = request.state.form
    asked = checked(
        WebChatToAdd,
        name=text_of(form, "name").strip(),
        agent=text_of(form, "agent") or None,
        origins=words_of(form, "origins"),
        public_key=text_of(form, "public_key").strip() or None,
    )
    return await _page(
        dashboard, request, await web_chats.add_web_chat(dashboard.app.web_chats, asked)
    )


async def remove(dashboard: Dashboard, request: Request) -> Response:
    """Remove a web chat."""
    chat = await web_chats.get_web_chat(dashboard.db, dashboard.owner_id, id_of(request))
    gone = await web_chats.remove_web_chat(dashboard.db, dashboard.owner_id, chat.name)
    return go_to(PAGE, f"{gone.name} is removed, and its visitors are signed out.")


async def _page(dashboard: Dashboard, request: Request, added: AddedWebChat | None) -> Response:
    return dashboard.renderer.page(
        request,
        "web_chats.html",
        chats=await web_chats.list_web_chats(dashboard.db, dashboard.owner_id),
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        server=dashboard.site.public.rstrip("/") or str(request.base_url).rstrip("/"),
        added=added,
    )


VIEWS: Views = (
    ("GET", PAGE, show),
    ("POST", PAGE, add),
    ("POST", "/web-chats/{id}", remove),
)

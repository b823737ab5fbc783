"""The inbox: contacts by last message, and one contact with its conversation, live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from discreet.auth.sign_ins import find_session
from discreet.dashboard.context import PAGE_ITEMS, Dashboard, Views, id_of
from discreet.dashboard.files import media_type
from discreet.dashboard.rendering import go_to
from discreet.dashboard.security import COOKIE
from discreet.domain.ids import ContactId, MessageId
from discreet.schemas.memories import ListMemories, SearchMessages
from discreet.services import agents, contacts, inbox, memories, takeover
from discreet.services.attachments import files_of_messages
from discreet.services.message_search import find_said
from discreet.services.recall import Subset, search_messages

LINES_SHOWN = 100
BESIDE = 30
FOUND_WITHIN = 20
MEMORIES_SHOWN = 50
LIVE_SECONDS = 0.8
"""Seconds between two looks; an open page ends within a second of its sign-in."""
ALIVE_SECONDS = 15.0


async def show_inbox(dashboard: Dashboard, request: Request) -> Response:
    """List contacts by last message, those that a search or a filter names."""
    query = request.query_params
    wanted, platform = query.get("q", "").strip()[:200], query.get("channel", "")
    label, agent = query.get("label", "")[:100], query.get("agent", "")[:100]
    show: inbox.Show = next((one for one in inbox.SHOWS if one == query.get("show")), "")
    found = await inbox.list_inbox(
        dashboard.db,
        dashboard.owner_id,
        text=wanted,
        show=show,
        platform=platform,
        label=label,
        agent=agent,
        limit=PAGE_ITEMS,
        cursor=query.get("after") or None,
    )
    fields = {
        "q": wanted,
        "show": show,
        "channel": platform,
        "label": label,
        "agent": agent,
        "after": found.next or "",
    }
    more = f"/inbox?{urlencode(fields)}" if found.next else ""
    return dashboard.renderer.page(
        request,
        "inbox.html",
        **await _list(dashboard, found.items, show, platform, agent=agent),
        wanted=wanted or label,
        more=more,
    )


async def read_everything(dashboard: Dashboard, _: Request) -> Response:
    """Mark all conversations as read."""
    await inbox.mark_read(dashboard.db, dashboard.owner_id)
    return go_to("/inbox", "Everything is marked as read.")


async def show_said(dashboard: Dashboard, request: Request) -> Response:
    """Find a text in what anybody said."""
    wanted = request.query_params.get("q", "").strip()[:2_000]
    found = None
    if wanted:
        after = request.query_params.get("after") or None
        found = await find_said(dashboard.db, dashboard.owner_id, wanted, after)
        await dashboard.note("searched", *(one.contact_id for one in found.items))
    more = ""
    if found is not None and found.next:
        more = f"/messages?{urlencode({'q': wanted, 'after': found.next})}"
    return dashboard.renderer.page(request, "said.html", found=found, wanted=wanted, more=more)


async def show_contact(dashboard: Dashboard, request: Request) -> Response:
    """Show a contact: its conversation, and what the agent knows of it."""
    found = await contacts.find_contact(dashboard.db, dashboard.owner_id, str(id_of(request)))
    contact_id = found.contact.id
    await dashboard.note("read", contact_id)
    known = await memories.list_memories(
        dashboard.app.context,
        ListMemories.model_validate({"limit": MEMORIES_SHOWN}),
        contact_id=contact_id,
    )
    within = request.query_params.get("q", "").strip()[:2_000]
    hits = None
    if within:
        await dashboard.note("searched", contact_id)
        asked = SearchMessages.model_validate({"query": within, "limit": FOUND_WITHIN})
        part = Subset(contact_id=contact_id)
        hits = (await search_messages(dashboard.app.context, asked, part)).items
    await inbox.mark_read(dashboard.db, dashboard.owner_id, contact_id)
    beside = (await inbox.list_inbox(dashboard.db, dashboard.owner_id, limit=BESIDE)).items
    return dashboard.renderer.page(
        request,
        "contact.html",
        **await _list(dashboard, beside, "", "", contact_id),
        wanted="",
        more="/inbox",
        contact=found.contact,
        entry=found.entry,
        activity=found,
        memories=known.items,
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        within=within,
        hits=hits,
        **await _lines(dashboard, contact_id),
    )


async def _list(
    dashboard: Dashboard,
    items: list[inbox.InboxItem],
    show: str,
    platform: str,
    chosen: ContactId | None = None,
    *,
    agent: str = "",
) -> dict[str, Any]:
    """Return what the list of contacts needs, wherever it is shown."""
    return {
        "contacts": [item.activity for item in items],
        "texts": {item.activity.contact.id: item.last_text for item in items},
        "unread": {item.activity.contact.id for item in items if item.unread},
        "shows": [(one, one.capitalize() or "All") for one in inbox.SHOWS],
        "show": show,
        "channel": platform,
        "platforms": await inbox.platforms_in_use(dashboard.db, dashboard.owner_id),
        "chosen": chosen,
        "agent_names": await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        "with_agent": agent,
    }


async def show_lines(dashboard: Dashboard, request: Request) -> Response:
    """Show the conversation alone, for a page that stays open."""
    await dashboard.note("read", id_of(request))
    await inbox.mark_read(dashboard.db, dashboard.owner_id, ContactId(id_of(request)))
    return dashboard.renderer.part(
        "lines.html", **await _lines(dashboard, ContactId(id_of(request)))
    )


async def follow(dashboard: Dashboard, request: Request) -> Response:
    """Tell a page that stays open when something was said; it ends with the sign-in."""
    contact_id = ContactId(id_of(request))
    if request.method == "HEAD":  # whose answer would never end
        return Response(media_type="text/event-stream")

    async def events() -> AsyncIterator[str]:
        shown: Any = None
        quiet = 0.0
        while await find_session(dashboard.db, request.cookies.get(COOKIE, "")) is not None:
            lines = await takeover.lines_after(
                dashboard.db, dashboard.owner_id, contact_id, after=None, limit=5
            )
            seen = [(line.id, line.state) for line in lines]
            if seen != shown or quiet > ALIVE_SECONDS:
                yield "event: changed\ndata:\n\n" if seen != shown else ": alive\n\n"
                shown, quiet = seen, 0.0
            await asyncio.sleep(LIVE_SECONDS)
            quiet += LIVE_SECONDS

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _lines(dashboard: Dashboard, contact_id: ContactId) -> dict[str, Any]:
    """Return the newest lines of a contact, with their files."""
    lines = await takeover.lines_after(
        dashboard.db, dashboard.owner_id, contact_id, after=None, limit=LINES_SHOWN
    )
    found = await files_of_messages(
        dashboard.db, dashboard.owner_id, [MessageId(line.id) for line in lines]
    )
    return {"lines": lines, "files": found, "media_type": media_type}


VIEWS: Views = (
    ("GET", "/inbox", show_inbox),
    ("POST", "/inbox/read", read_everything),
    ("GET", "/messages", show_said),
    ("GET", "/contacts/{id}", show_contact),
    ("GET", "/contacts/{id}/lines", show_lines),
    ("GET", "/contacts/{id}/live", follow),
)

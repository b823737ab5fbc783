"""The inbox: contacts by last message, and one contact with its conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from discreet.auth.sign_ins import find_session
from discreet.dashboard.context import PAGE_ITEMS, Dashboard, Views, id_of, skip_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.dashboard.security import COOKIE
from discreet.domain.ids import ContactId
from discreet.schemas.memories import ListMemories
from discreet.services import contacts, erasing, inbox, memories, takeover

LINES_SHOWN = 100
BESIDE = 30
MEMORIES_SHOWN = 50
LIVE_SECONDS = 1.0
ALIVE_SECONDS = 15.0


async def show_inbox(dashboard: Dashboard, request: Request) -> Response:
    """List contacts by last message, those that a search or a filter names."""
    skip, query = skip_of(request), request.query_params
    wanted, platform = query.get("q", "").strip()[:200], query.get("channel", "")
    show: inbox.Show = next((one for one in inbox.SHOWS if one == query.get("show")), "")
    found = await inbox.list_inbox(
        dashboard.db,
        dashboard.owner_id,
        text=wanted,
        show=show,
        platform=platform,
        limit=PAGE_ITEMS + 1,
        skip=skip,
    )
    fields = {"q": wanted, "show": show, "channel": platform, "skip": str(skip + PAGE_ITEMS)}
    more = f"/inbox?{urlencode(fields)}" if len(found) > PAGE_ITEMS else ""
    return dashboard.renderer.page(
        request,
        "inbox.html",
        **await _list(dashboard, found[:PAGE_ITEMS], show, platform),
        wanted=wanted,
        more=more,
    )


async def show_contact(dashboard: Dashboard, request: Request) -> Response:
    """Show a contact: its conversation, and what the agent knows of it."""
    found = await contacts.find_contact(dashboard.db, dashboard.owner_id, str(id_of(request)))
    contact_id = found.contact.id
    known = await memories.list_memories(
        dashboard.app.context,
        ListMemories.model_validate({"limit": MEMORIES_SHOWN}),
        contact_id=contact_id,
    )
    beside = await inbox.list_inbox(dashboard.db, dashboard.owner_id, limit=BESIDE)
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
        within="",
        found=None,
        lines=await _lines(dashboard, contact_id),
    )


async def _list(
    dashboard: Dashboard,
    items: list[inbox.InboxItem],
    show: str,
    platform: str,
    chosen: ContactId | None = None,
) -> dict[str, Any]:
    """Return what the list of contacts needs, wherever it is shown."""
    return {
        "contacts": [item.activity for item in items],
        "texts": {item.activity.contact.id: item.last_text for item in items},
        "shows": [(one, one.capitalize() or "All") for one in inbox.SHOWS],
        "show": show,
        "channel": platform,
        "platforms": await inbox.platforms_in_use(dashboard.db, dashboard.owner_id),
        "chosen": chosen,
    }


async def show_lines(dashboard: Dashboard, request: Request) -> Response:
    """Show the conversation alone, for a page that stays open."""
    return dashboard.renderer.part(
        "lines.html", lines=await _lines(dashboard, ContactId(id_of(request)))
    )


async def follow(dashboard: Dashboard, request: Request) -> Response:
    """Tell a page that stays open when something was said; it ends with the sign-in."""
    contact_id = ContactId(id_of(request))

    async def events() -> AsyncIterator[str]:
        shown: Any = None
        quiet = 0.0
        while await find_session(dashboard.db, request.cookies.get(COOKIE, "")) is not None:
            lines = await _lines(dashboard, contact_id, limit=5)
            seen = [(line.id, line.state) for line in lines]
            if seen != shown or quiet > ALIVE_SECONDS:
                yield "event: changed\ndata:\n\n" if seen != shown else ": alive\n\n"
                shown, quiet = seen, 0.0
            await asyncio.sleep(LIVE_SECONDS)
            quiet += LIVE_SECONDS

    return StreamingResponse(
        events(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def take_over(dashboard: Dashboard, request: Request) -> Response:
    """Silence the agent for this contact."""
    contact = await takeover.take_over(dashboard.db, dashboard.owner_id, str(id_of(request)))
    return go_to(_page(contact.id), f"You answer {contact.label} now; the agent is silent.")


async def hand_back(dashboard: Dashboard, request: Request) -> Response:
    """Let the agent answer this contact again."""
    contact = await takeover.hand_back(dashboard.db, dashboard.owner_id, str(id_of(request)))
    return go_to(_page(contact.id), f"The agent answers {contact.label} again.")


async def say(dashboard: Dashboard, request: Request) -> Response:
    """Answer a contact in person."""
    contact_id = ContactId(id_of(request))
    await takeover.speak(
        dashboard.db, dashboard.owner_id, contact_id, text_of(request.state.form, "text")
    )
    return go_to(f"{_page(contact_id)}#last")


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Rename a contact, note something about it, block or unblock it."""
    form, who = request.state.form, str(id_of(request))
    done = "Saved."
    match text_of(form, "what"):
        case "rename":
            await contacts.rename_contact(
                dashboard.db, dashboard.owner_id, who, text_of(form, "name")
            )
        case "note":
            await contacts.note_contact(
                dashboard.db, dashboard.owner_id, who, text_of(form, "note")
            )
        case "block":
            await contacts.block_contact(dashboard.db, dashboard.owner_id, who)
            done = "Blocked. Messages are dropped, and the contact isn't told."
        case "unblock":
            await contacts.unblock_contact(dashboard.db, dashboard.owner_id, who)
            done = "Unblocked."
    return go_to(_page(id_of(request)), done)


async def preview_erasure(dashboard: Dashboard, request: Request) -> Response:
    """Show what erasing a contact would remove."""
    found = await erasing.preview_erasure(dashboard.db, dashboard.owner_id, str(id_of(request)))
    return dashboard.renderer.page(
        request, "erase.html", contact=found.entry.contact, counts=found.counts
    )


async def erase(dashboard: Dashboard, request: Request) -> Response:
    """Erase a contact, and show the receipt."""
    if text_of(request.state.form, "sure") != "yes":
        return RedirectResponse(f"{_page(id_of(request))}/erase", 303)
    done = await erasing.erase_contact(
        dashboard.db, dashboard.owner_id, str(id_of(request)), dashboard.app.settings.home
    )
    return dashboard.renderer.page(
        request, "erased.html", erasure=done.erasure, backups=done.backups
    )


async def _lines(
    dashboard: Dashboard, contact_id: ContactId, limit: int = LINES_SHOWN
) -> list[takeover.SpokenLine]:
    return await takeover.lines_after(
        dashboard.db, dashboard.owner_id, contact_id, after=None, limit=limit
    )


def _page(contact_id: object) -> str:
    return f"/contacts/{contact_id}"


VIEWS: Views = (
    ("GET", "/inbox", show_inbox),
    ("GET", "/contacts/{id}", show_contact),
    ("GET", "/contacts/{id}/lines", show_lines),
    ("GET", "/contacts/{id}/live", follow),
    ("POST", "/contacts/{id}/takeover", take_over),
    ("POST", "/contacts/{id}/hand-back", hand_back),
    ("POST", "/contacts/{id}/say", say),
    ("POST", "/contacts/{id}", change),
    ("GET", "/contacts/{id}/erase", preview_erasure),
    ("POST", "/contacts/{id}/erase", erase),
)

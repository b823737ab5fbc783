"""The inbox: contacts by last message, and one contact with its conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from discreet.auth.sign_ins import find_session
from discreet.dashboard.context import PAGE_ITEMS, Dashboard, Views, id_of, skip_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.dashboard.security import COOKIE
from discreet.domain.ids import ContactId
from discreet.schemas.memories import ListMemories
from discreet.services import contacts, erasing, memories, takeover

LINES_SHOWN = 100
MEMORIES_SHOWN = 50
LIVE_SECONDS = 1.0
ALIVE_SECONDS = 15.0


async def show_inbox(dashboard: Dashboard, request: Request) -> Response:
    """List contacts by last message, or find some by name or address."""
    skip, wanted = skip_of(request), request.query_params.get("q", "").strip()[:200]
    if wanted:
        found = await contacts.search_contacts(
            dashboard.db, dashboard.owner_id, wanted, limit=PAGE_ITEMS + 1, skip=skip
        )
    else:
        found = await contacts.list_recent_contacts(
            dashboard.db, dashboard.owner_id, limit=PAGE_ITEMS + 1, skip=skip
        )
    more = f"/inbox?skip={skip + PAGE_ITEMS}&q={quote(wanted)}" if len(found) > PAGE_ITEMS else ""
    return dashboard.renderer.page(
        request, "inbox.html", contacts=found[:PAGE_ITEMS], wanted=wanted, more=more
    )


async def show_contact(dashboard: Dashboard, request: Request) -> Response:
    """Show a contact: its conversation, and what the agent knows of it."""
    found = await contacts.find_contact(dashboard.db, dashboard.owner_id, str(id_of(request)))
    known = await memories.list_memories(
        dashboard.app.context,
        ListMemories.model_validate({"limit": MEMORIES_SHOWN}),
        contact_id=found.contact.id,
    )
    return dashboard.renderer.page(
        request,
        "contact.html",
        contact=found.contact,
        entry=found.entry,
        activity=found,
        memories=known.items,
        lines=await _lines(dashboard, found.contact.id),
    )


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

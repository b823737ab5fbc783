"""Actions on one contact: answer in person, rename, note, block, remember, erase."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from discreet.dashboard.context import Dashboard, Views, id_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.ids import AgentId, ContactId
from discreet.domain.text import checked_text
from discreet.schemas.contacts import ContactPatch
from discreet.schemas.memories import Remember
from discreet.scope import ContactScope
from discreet.services import agents, contacts, erasing, memories, owner_messages, takeover
from discreet.services.context import in_scope


async def take_over(dashboard: Dashboard, request: Request) -> Response:
    """Silence the agent for this contact."""
    contact = await takeover.take_over(dashboard.db, dashboard.owner_id, str(id_of(request)))
    await dashboard.note("answered", contact.id)
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
    await dashboard.note("answered", contact_id)
    return go_to(f"{_page(contact_id)}#last")


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Rename a contact, note something about it, label it, block or unblock it."""
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
        case "keep" | "release" as what:
            keep = what == "keep"
            await contacts.hold_contact(dashboard.db, dashboard.owner_id, who, on_hold=keep)
            done = "On hold. None of its data is deleted." if keep else "Released."
        case "hold":
            hold = {"on": True, "off": False}.get(text_of(form, "hold"))
            await contacts.hold_answers(dashboard.db, dashboard.owner_id, who, hold=hold)
        case "remember":
            agent = await agents.get_agent(dashboard.db, dashboard.owner_id, text_of(form, "agent"))
            scope = ContactScope(dashboard.owner_id, AgentId(agent.id), ContactId(id_of(request)))
            context = in_scope(dashboard.db, scope, dashboard.app.embedder, "cli")
            fact = Remember.model_validate({"content": checked_text(text_of(form, "fact"))})
            await memories.remember(context, fact)
            await dashboard.note("changed", id_of(request))
            done = "Remembered."
        case "tell":
            told = await owner_messages.tell(
                dashboard.db, dashboard.owner_id, who, text_of(form, "text")
            )
            done = f"Sent to {told.name}."
        case "labels":
            asked = ContactPatch.model_validate(
                {"labels": text_of(form, "labels").replace(",", " ").split()}
            )
            await contacts.change_contact(
                dashboard.db, dashboard.owner_id, ContactId(id_of(request)), asked
            )
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
    app = dashboard.app
    done = await erasing.erase_contact(
        dashboard.db, dashboard.owner_id, str(id_of(request)), app.settings.home, app.tools
    )
    return dashboard.renderer.page(
        request, "erased.html", erasure=done.erasure, backups=done.backups
    )


def _page(contact_id: object) -> str:
    return f"/contacts/{contact_id}"


VIEWS: Views = (
    ("POST", "/contacts/{id}/takeover", take_over),
    ("POST", "/contacts/{id}/hand-back", hand_back),
    ("POST", "/contacts/{id}/say", say),
    ("POST", "/contacts/{id}", change),
    ("GET", "/contacts/{id}/erase", preview_erasure),
    ("POST", "/contacts/{id}/erase", erase),
)

"""Merge two contacts that are one person, after a preview."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.services import contacts, linking


async def preview(dashboard: Dashboard, request: Request) -> Response:
    """Ask for the other contact, then show what merging it into this one would do."""
    survivor, other = str(id_of(request)), request.query_params.get("other", "").strip()
    found = await contacts.find_contact(dashboard.db, dashboard.owner_id, survivor)
    shown = None
    if other:
        shown = await linking.preview_link(dashboard.db, dashboard.owner_id, survivor, other)
    return dashboard.renderer.page(request, "link.html", contact=found.contact, preview=shown)


async def link(dashboard: Dashboard, request: Request) -> Response:
    """Merge them."""
    survivor, other = str(id_of(request)), text_of(request.state.form, "other")
    await linking.link_contacts(dashboard.db, dashboard.owner_id, survivor, other)
    return go_to(f"/contacts/{survivor}", "Merged. To undo it, open Settings, Merged contacts.")


VIEWS: Views = (
    ("GET", "/contacts/{id}/link", preview),
    ("POST", "/contacts/{id}/link", link),
)

"""Webhooks: other programs that receive events."""

from __future__ import annotations

from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, checked, id_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.schemas.events import AddedWebhook, EventKind, WebhookToAdd
from discreet.services import event_webhooks

PAGE = "/webhooks"
KINDS = tuple(kind for kind in get_args(EventKind) if kind != "webhook.test")


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List webhooks, with a form to add one."""
    return await _page(dashboard, request, None)


async def add(dashboard: Dashboard, request: Request) -> Response:
    """Add a webhook, and show its secret this once: no address or cookie holds it."""
    form = request.state.form
    asked = checked(
        WebhookToAdd,
        url=text_of(form, "url").strip(),
        events=[kind for kind in form.getlist("events") if isinstance(kind, str)],
        allow_private=bool(text_of(form, "allow_private")),
    )
    added = await event_webhooks.add_webhook(dashboard.app.webhooks, dashboard.owner_id, asked)
    return await _page(dashboard, request, added)


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Send a webhook a test event, or remove it."""
    which = str(id_of(request))
    if text_of(request.state.form, "what") == "remove":
        gone = await event_webhooks.remove_webhook(dashboard.db, dashboard.owner_id, which)
        return go_to(PAGE, f"{gone.url} gets no more events.")
    tested = await event_webhooks.test_webhook(dashboard.app.webhooks, dashboard.owner_id, which)
    return go_to(PAGE, tested.problem or "It works.")


async def _page(dashboard: Dashboard, request: Request, added: AddedWebhook | None) -> Response:
    listed = await event_webhooks.list_webhooks(dashboard.db, dashboard.owner_id)
    return dashboard.renderer.page(
        request, "webhooks.html", webhooks=listed.items, kinds=KINDS, added=added
    )


VIEWS: Views = (
    ("GET", PAGE, show),
    ("POST", PAGE, add),
    ("POST", "/webhooks/{id}", change),
)

"""What contacts have asked to be reminded of."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.recurrence import described
from discreet.services import reminders


async def show_reminders(dashboard: Dashboard, request: Request) -> Response:
    """List everybody's reminders, or one contact's."""
    who = request.query_params.get("contact") or None
    found = await reminders.list_reminders(dashboard.db, dashboard.owner_id, who)
    return dashboard.renderer.page(
        request, "reminders.html", reminders=[(one, described(one.rule)) for one in found]
    )


async def cancel_reminder(dashboard: Dashboard, request: Request) -> Response:
    """Cancel a reminder."""
    which = text_of(request.state.form, "reminder")
    gone = await reminders.cancel_reminder(dashboard.db, dashboard.owner_id, which)
    return go_to("/reminders", f"The reminder of {gone.whose} is cancelled.")


VIEWS: Views = (("GET", "/reminders", show_reminders), ("POST", "/reminders", cancel_reminder))

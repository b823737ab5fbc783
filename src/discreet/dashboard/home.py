"""Home: what needs attention, with the action beside it, and today's figures."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.services import admission
from discreet.services.activity import activity_of_days
from discreet.services.status import get_status

DAYS_SHOWN = 14


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show the state of the installation."""
    state = await get_status(dashboard.db, dashboard.owner_id)
    if not state.counts.messages and "home" not in request.query_params:
        return go_to("/first-steps")
    return dashboard.renderer.page(
        request,
        "home.html",
        state=state,
        days=await activity_of_days(dashboard.db, dashboard.owner_id, DAYS_SHOWN),
    )


async def decide(dashboard: Dashboard, request: Request) -> Response:
    """Approve or deny a stranger."""
    form = request.state.form
    let_in = text_of(form, "decision") == "approve"
    done = await admission.decide_pairing(
        dashboard.db, dashboard.owner_id, text_of(form, "address"), let_in=let_in
    )
    pairing = done.pairing
    outcome = (
        f"{pairing.label} may talk to {pairing.agent}; {done.messages} kept until now."
        if let_in
        else f"{pairing.label} is denied."
    )
    return go_to("/", outcome)


VIEWS: Views = (("GET", "/", show), ("POST", "/pairings", decide))

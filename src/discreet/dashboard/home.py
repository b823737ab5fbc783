"""Home: what needs attention, with the action beside it, and today's figures."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.services import admission, held_answers, tool_calls
from discreet.services.activity import activity_of_days
from discreet.services.backups import backup_problem
from discreet.services.disk import disk_of
from discreet.services.status import get_attention, is_new, with_unreadable

DAYS_SHOWN = 14


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show the state of the installation."""
    if "home" not in request.query_params and await is_new(dashboard.db, dashboard.owner_id):
        return go_to("/first-steps")
    return dashboard.renderer.page(
        request,
        "home.html",
        state=await with_unreadable(
            await get_attention(dashboard.db, dashboard.owner_id),
            dashboard.app.channels_of(dashboard.owner_id),
        ),
        backup_problem=backup_problem(dashboard.app.settings.home),
        disk=await disk_of(dashboard.db, dashboard.owner_id, dashboard.app.settings.home),
        drafts=await held_answers.list_held_answers(dashboard.db, dashboard.owner_id),
        calls=await tool_calls.pending_calls(dashboard.db, dashboard.owner_id),
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
        f"{pairing.label} may talk to {pairing.agent}; held messages: {done.messages}."
        if let_in
        else f"{pairing.label} is denied."
    )
    return go_to("/", outcome)


async def decide_draft(dashboard: Dashboard, request: Request) -> Response:
    """Send an answer that waits for approval, as it is or changed; or never."""
    form, db, owner_id = request.state.form, dashboard.db, dashboard.owner_id
    which = text_of(form, "draft")
    if text_of(form, "decision") == "reject":
        held = await held_answers.reject_answer(db, owner_id, which)
        return go_to("/", f"The answer to {held.whose} was discarded.")
    text = text_of(form, "text")
    held = await held_answers.approve_answer(db, owner_id, which, text=text)
    return go_to("/", f"Sent to {held.whose}.")


async def decide_call(dashboard: Dashboard, request: Request) -> Response:
    """Answer a call of a tool that waits for a yes."""
    form, db, owner_id = request.state.form, dashboard.db, dashboard.owner_id
    which = text_of(form, "call")
    if text_of(form, "decision") == "approve":
        call = await tool_calls.approve_call(db, owner_id, which)
        return go_to("/", f"The call of {call.called} for {call.whose} will be made now.")
    call = await tool_calls.deny_call(db, owner_id, which)
    return go_to("/", f"The call of {call.called} for {call.whose} won't be made.")


VIEWS: Views = (
    ("GET", "/", show),
    ("POST", "/pairings", decide),
    ("POST", "/drafts", decide_draft),
    ("POST", "/calls", decide_call),
)

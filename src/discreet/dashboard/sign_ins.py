"""Sign-ins: which browsers are signed in; sign one out, or all."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.auth.sign_ins import list_sign_ins, sign_out, sign_out_everywhere
from discreet.dashboard.context import Dashboard, Views, id_of
from discreet.dashboard.rendering import go_to


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List the browsers that are signed in."""
    found = await list_sign_ins(dashboard.db, dashboard.owner_id)
    return dashboard.renderer.page(
        request, "sign_ins.html", sign_ins=found, own=request.state.session.id
    )


async def end_one(dashboard: Dashboard, request: Request) -> Response:
    """Sign one browser out."""
    await sign_out(dashboard.db, dashboard.owner_id, id_of(request))
    return go_to("/sign-ins", "Signed out.")


async def end_all(dashboard: Dashboard, _: Request) -> Response:
    """Sign every browser out, this one too."""
    await sign_out_everywhere(dashboard.db, dashboard.owner_id)
    return go_to("/")


VIEWS: Views = (
    ("GET", "/sign-ins", show),
    ("POST", "/sign-ins/end-all", end_all),
    ("POST", "/sign-ins/{id}", end_one),
)

"""Access tokens for programs."""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from discreet.auth.tokens import parse_lasting
from discreet.dashboard.context import Dashboard, Views, id_of, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput
from discreet.schemas.tokens import ListTokens, TokenToCreate
from discreet.services import agents, tokens


async def show(dashboard: Dashboard, request: Request) -> Response:
    """List tokens."""
    return await _page(dashboard, request, "")


async def create(dashboard: Dashboard, request: Request) -> Response:
    """Create a token, and show it this once: no address or cookie holds it."""
    form, kind = request.state.form, text_of(request.state.form, "kind")
    lasts = text_of(form, "lasts").strip()
    contact = text_of(form, "contact").strip() or None
    asked = {
        "kind": kind,
        "agent": text_of(form, "agent") if kind in ("agent", "contact") else None,
        "contact": contact if kind == "contact" else None,
        "name": text_of(form, "name").strip(),
        "expires_in": int(parse_lasting(lasts).total_seconds()) if lasts else None,
    }
    try:
        wanted = TokenToCreate.model_validate(asked)
    except ValidationError as error:
        raise BadInput(f"This can't be created: {error.errors()[0]['msg']}.") from None
    made = await tokens.create_token(dashboard.db, dashboard.owner_id, wanted)
    return await _page(dashboard, request, made.token)


async def revoke(dashboard: Dashboard, request: Request) -> Response:
    """Revoke a token, from the next call on."""
    found = await tokens.revoke_token(dashboard.db, dashboard.owner_id, str(id_of(request)))
    return go_to("/tokens", f"{found.name or found.prefix} is revoked.")


async def _page(dashboard: Dashboard, request: Request, created: str) -> Response:
    return dashboard.renderer.page(
        request,
        "tokens.html",
        tokens=(
            await tokens.list_tokens(
                dashboard.db, dashboard.owner_id, ListTokens.model_validate({})
            )
        ).items,
        agents=await agents.names_of_agents(dashboard.db, dashboard.owner_id),
        created=created,
    )


VIEWS: Views = (
    ("GET", "/tokens", show),
    ("POST", "/tokens", create),
    ("POST", "/tokens/{id}", revoke),
)

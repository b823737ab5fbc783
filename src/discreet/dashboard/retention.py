"""How long messages, files and memories are kept."""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, text_of
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import BadInput
from discreet.schemas.retention import RetentionTarget, RetentionToSet
from discreet.services import agents, channels, retention


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show the rules, what they would delete now, and what they deleted."""
    db, owner_id = dashboard.db, dashboard.owner_id
    return dashboard.renderer.page(
        request,
        "retention.html",
        rules=await retention.list_retention(db, owner_id),
        preview=await retention.preview_retention(db, owner_id),
        runs=await retention.list_retention_runs(db, owner_id, limit=30),
        agents=await agents.names_of_agents(db, owner_id),
        channels=[one.name or one.platform for one in await channels.list_channels(db, owner_id)],
        kinds=retention.KINDS,
    )


async def change(dashboard: Dashboard, request: Request) -> Response:
    """Set or remove rules, or delete now."""
    form, db, owner_id = request.state.form, dashboard.db, dashboard.owner_id
    target = {name: text_of(form, name) or None for name in ("agent", "channel")}
    what = text_of(form, "what")
    if what == "run":
        done = await retention.run_retention(db, owner_id)
        return go_to("/retention", f"Deleted {sum(done.counts.values()):,} rows.")
    if what == "remove":
        await retention.remove_retention(db, owner_id, RetentionTarget(**target))
        return go_to("/retention", "Removed.")
    given = {kind: text_of(form, kind).strip() or None for kind in retention.KINDS}
    try:
        wanted = RetentionToSet.model_validate({**target, **given})
    except ValidationError:
        raise BadInput("Enter a number of days, or never.") from None
    await retention.set_retention(db, owner_id, wanted)
    return go_to("/retention", "Saved. The server deletes once a day.")


VIEWS: Views = (("GET", "/retention", show), ("POST", "/retention", change))

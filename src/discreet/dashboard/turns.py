"""Why the agent said what it said: one turn, in its parts."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of
from discreet.domain.ids import TurnId
from discreet.services.turns import get_turn


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show what a turn was given, what it did and what came of it."""
    record = await get_turn(dashboard.db, dashboard.owner_id, TurnId(id_of(request)))
    turn = record.turn
    await dashboard.note("read", *(one.id for one in record.read))
    seconds = (
        None if turn.finished_at is None else (turn.finished_at - turn.started_at).total_seconds()
    )
    found = [
        {
            "kind": item.get("kind", ""),
            "text": item.get("text") or item.get("content") or "",
            "scores": [
                (name, value)
                for name, value in (item.get("parts") or item.get("scores") or {}).items()
                if isinstance(value, int | float)
            ],
        }
        for item in record.found
    ]
    return dashboard.renderer.page(
        request, "turn.html", record=record, turn=turn, seconds=seconds, found=found
    )


VIEWS: Views = (("GET", "/turns/{id}", show),)

"""Why the agent said what it said: one turn, in its parts, and a dry run of it beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of
from discreet.dashboard.memories import difference
from discreet.domain.ids import TurnId
from discreet.schemas.turns import TurnRecord
from discreet.services.turns import get_turn

STAGES = {
    "waited": "Waited",
    "prompt": "Prompt",
    "model": "Model",
    "saved": "Saved",
    "sent": "Sent",
}
MAX_COMPARED = 20_000
"""Characters of two answers that are compared word by word; longer ones are shown whole."""


async def show(dashboard: Dashboard, request: Request) -> Response:
    """Show what a turn was given, what it did and its result."""
    record = await _record(dashboard, request)
    turn = record.turn
    seconds = (
        None if turn.finished_at is None else (turn.finished_at - turn.started_at).total_seconds()
    )
    most = max(record.stages.values(), default=0.0) or 1.0
    return dashboard.renderer.page(
        request,
        "turn.html",
        record=record,
        turn=turn,
        seconds=seconds,
        found=[_shown(item) for item in record.found],
        stages=[(STAGES[name], n, n / most) for name, n in record.stages.items()],
    )


async def rerun(dashboard: Dashboard, request: Request) -> Response:
    """Answer the same context again, beside what was recorded. Nothing is kept of it."""
    from discreet.turn.dry_run import rehearse
    from discreet.turn.responders import make_responder

    record = await _record(dashboard, request)
    app = dashboard.app
    done = await rehearse(
        app.db,
        app.owner_id,
        TurnId(record.turn.id),
        app.embedder(),
        make_responder(app.settings),
    )
    before, after = record.answer or "", done.result.text
    is_short = len(before) + len(after) <= MAX_COMPARED
    return dashboard.renderer.page(
        request,
        "rerun.html",
        record=record,
        turn=record.turn,
        result=done.result,
        usage=done.result.usage.as_json(),
        words=difference(before, after) if is_short else [("old", before), ("new", after)],
        calls=_beside(record.steps, done.result.steps, done.sources),
    )


async def _record(dashboard: Dashboard, request: Request) -> TurnRecord:
    record = await get_turn(dashboard.db, dashboard.owner_id, TurnId(id_of(request)))
    await dashboard.note("read", *(one.id for one in record.read))
    return record


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    scores = (item.get("parts") or item.get("scores") or {}).items()
    return {
        "kind": item.get("kind", ""),
        "text": item.get("text") or item.get("content") or "",
        "scores": [(name, value) for name, value in scores if isinstance(value, int | float)],
    }


def _beside(
    before: Sequence[Mapping[str, Any]], after: Sequence[Any], sources: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the calls of both runs in order, each with its result then and now."""
    then = [{**step, "key": (step["tool"], repr(step["arguments"]))} for step in before]
    rows: list[dict[str, Any]] = []
    for step, source in zip(after, sources, strict=True):
        key = (step.tool, repr(dict(step.arguments)))
        same = next((one for one in then if one["key"] == key), None)
        if same is not None:
            then.remove(same)
        rows.append(
            {
                "tool": step.tool,
                "arguments": step.arguments,
                "then": None if same is None else same["result"],
                "now": step.result,
                "source": source,
            }
        )
    gone = [{**one, "then": one["result"], "now": None, "source": ""} for one in then]
    return [*rows, *gone]


VIEWS: Views = (
    ("GET", "/turns/{id}", show),
    ("POST", "/turns/{id}/rerun", rerun),
)

"""The reasons for an answer: one turn in its parts, with a dry run beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from discreet.dashboard.context import Dashboard, Views, id_of
from discreet.dashboard.memories import difference
from discreet.dashboard.rendering import go_to
from discreet.domain.errors import DiscreetError
from discreet.domain.ids import TurnId
from discreet.domain.outbound import OFFLINE
from discreet.schemas.turns import TurnRecord
from discreet.services.turns import get_turn

STATES = {
    "running": "running",
    "answered": "answered",
    "failed": "failed, and tried again",
    "given_up": "gave up",
    "lost": "lost with its server",
    "stopped": "stopped",
    "restarted": "begun again",
}
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
        state=STATES.get(turn.state, turn.state),
        model=_model_name(turn.model),
        found=[_shown(item) for item in record.found],
        stages=[(STAGES[name], n, n / most) for name, n in record.stages.items()],
    )


async def rerun(dashboard: Dashboard, request: Request) -> Response:
    """Answer the same context again, beside what was recorded. Nothing is kept of it."""
    from discreet.turn.dry_run import rehearse
    from discreet.turn.responders import make_responder

    record = await _record(dashboard, request)
    app = dashboard.app
    turn_id, responder = TurnId(record.turn.id), make_responder(app.settings)
    try:
        done = await rehearse(app.db, app.owner_id, turn_id, app.embedder(), responder)
    except DiscreetError as error:
        why = f"It can't be run again. {error.message} {error.hint or ''}".strip()
        return go_to(f"/turns/{turn_id}", why, failed=True)
    before, after = record.answer or "", done.result.text
    is_short = len(before) + len(after) <= MAX_COMPARED
    return dashboard.renderer.page(
        request,
        "rerun.html",
        record=record,
        turn=record.turn,
        result=done.result,
        models=(_model_name(record.turn.model), _model_name(done.result.model)),
        usage=done.result.usage.as_json(),
        words=difference(before, after) if is_short else [("old", before), ("new", after)],
        calls=_beside(record.steps, done.result.steps, done.sources),
    )


async def _record(dashboard: Dashboard, request: Request) -> TurnRecord:
    record = await get_turn(dashboard.db, dashboard.owner_id, TurnId(id_of(request)))
    await dashboard.note("read", *(one.id for one in record.read))
    return record


def _model_name(model: str | None) -> str:
    return "built-in responder" if model == OFFLINE else model or "none"


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    scores = (item.get("parts") or item.get("scores") or {}).items()
    whose, now = item.get("whose") or {}, item.get("now")
    pages = {
        "kept": "/memories/{}",
        "changed": "/memories/{}",
        "forgotten": "/memories/{}/forgotten",
    }
    return {
        "kind": item.get("kind", ""),
        "now": now,
        "page": pages.get(now or "", "").format(item.get("id")),
        "whose": whose.get("name") or whose.get("address") or "",
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

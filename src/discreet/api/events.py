"""Events: as a stream, and by webhooks."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from discreet.api.dependencies import AnyCaller, Caller, OwnerCaller
from discreet.api.event_streams import EVENT_STREAM, EventStream
from discreet.api.problems import documented
from discreet.auth.tokens import authenticate
from discreet.domain.errors import NotFound, Unauthorized, Unavailable
from discreet.domain.ids import AgentId, parse_uuid
from discreet.schemas import events as wire
from discreet.scope import OwnerScope
from discreet.scope.scopes import SessionScope
from discreet.services import event_webhooks
from discreet.services.agents import get_agent_by_id
from discreet.services.events import EventMark, events_after, latest_mark, mark_of_event

router = APIRouter(tags=["events"])

LOOK_SECONDS = 0.5
ACCESS_SECONDS = 5.0
"""Seconds between two checks whether the token is still valid."""
KEEP_ALIVE_SECONDS = 15.0
_STREAMED: dict[str, Any] = {
    "description": "Events, each with its `id`, its kind as `event`, and an `Event` as `data`.",
    "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
}


@router.get(
    "/api/events", responses=documented(404) | {200: _STREAMED}, operation_id="follow_events",
    response_class=StreamingResponse,
)  # fmt: skip
async def follow(
    who: AnyCaller,
    kinds: Annotated[
        list[wire.EventKind], Query(alias="kind", max_length=30, description="Only these kinds.")
    ] = [],  # noqa: B006 - FastAPI copies it
    agent_id: Annotated[
        UUID | None, Query(description="Only events of this agent. Default: all.")
    ] = None,
    seconds: Annotated[
        float | None,
        Query(ge=0, le=86_400, description="End the stream after so long. Default: never."),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(
            max_length=100,
            description=(
                "The id of the last event you have seen. The stream continues after it, or from "
                "the oldest event if the id is unknown. Without it, only new events are sent."
            ),
        ),
    ] = None,
) -> Any:
    """Follow the events that the token may see."""
    seen = None if last_event_id is None else parse_uuid(last_event_id, "Last-Event-ID")
    who.api.streams.begin(who.bearer.token_id)
    try:
        scope, reach = _reach(who)
        if agent_id is not None:
            await _check_agent(who, agent_id)
        async with who.db.begin(scope) as tx:
            if seen is None:
                mark = await latest_mark(tx, reach)
            else:
                mark = await mark_of_event(tx, seen, reach)
    except BaseException:
        who.api.streams.end(who.bearer.token_id)
        raise
    until = math.inf if seconds is None else time.monotonic() + seconds
    return EventStream(who, _events(who, scope, reach, mark, list(kinds), agent_id, until))


def _reach(who: Caller) -> tuple[SessionScope, AgentId | None]:
    """Return the scope that the token reads in; for an agent's token, with its agent."""
    if who.bearer.kind == "contact":
        return who.bearer.scope, None
    return OwnerScope(who.owner_id), who.bearer.agent_id


async def _check_agent(who: Caller, agent_id: UUID) -> None:
    """Refuse an agent that this token doesn't reach, as if there were none."""
    if who.bearer.agent_id is None:
        await get_agent_by_id(who.db, who.owner_id, AgentId(agent_id))
    elif who.bearer.agent_id != agent_id:
        raise NotFound("There is no such agent.")


async def _events(
    who: Caller,
    scope: SessionScope,
    agent_id: AgentId | None,
    mark: EventMark | None,
    kinds: list[str],
    only_agent: UUID | None,
    until: float,
) -> AsyncIterator[str]:
    sent_at = checked_at = time.monotonic()
    yield ": following\n\n"
    while True:
        try:
            if time.monotonic() - checked_at > ACCESS_SECONDS:
                checked_at = time.monotonic()
                await authenticate(who.db, who.token)
            async with who.db.begin(scope) as tx:
                found = await events_after(tx, mark, kinds, agent_id, only_agent=only_agent)
        except Unauthorized:
            return
        except Unavailable:
            found = []
        for at, event in found:
            mark = at
            yield f"id: {event.id}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
            sent_at = time.monotonic()
        if time.monotonic() - sent_at > KEEP_ALIVE_SECONDS:
            sent_at = time.monotonic()
            yield ": still there\n\n"
        if not found:
            if time.monotonic() > until:
                return
            await asyncio.sleep(LOOK_SECONDS)


def _access(who: Caller) -> event_webhooks.WebhookAccess:
    return who.api.app.webhooks


@router.post(
    "/api/admin/webhooks", status_code=201, responses=documented(404), operation_id="add_webhook"
)
async def add(who: OwnerCaller, given: wire.WebhookToAdd) -> wire.AddedWebhook:
    """Add a webhook, which is sent events. Its secret is shown only once."""
    return await event_webhooks.add_webhook(_access(who), who.owner_id, given)


@router.get("/api/admin/webhooks", responses=documented(), operation_id="list_webhooks")
async def list_all(who: OwnerCaller) -> wire.WebhookList:
    """List webhooks, oldest first."""
    return await event_webhooks.list_webhooks(who.db, who.owner_id)


@router.delete(
    "/api/admin/webhooks/{webhook_id}", responses=documented(404), operation_id="remove_webhook"
)
async def remove(who: OwnerCaller, webhook_id: UUID) -> wire.Webhook:
    """Remove a webhook and its secret."""
    return await event_webhooks.remove_webhook(who.db, who.owner_id, str(webhook_id))


@router.post(
    "/api/admin/webhooks/{webhook_id}/test", responses=documented(404), operation_id="test_webhook"
)
async def test(who: OwnerCaller, webhook_id: UUID) -> wire.WebhookTested:
    """Send a webhook a test event. If that works, a disabled one is enabled again."""
    return await event_webhooks.test_webhook(_access(who), who.owner_id, str(webhook_id))

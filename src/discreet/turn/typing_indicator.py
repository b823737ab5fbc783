"""Show a typing indicator while a turn runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from discreet.domain.concurrency import running
from discreet.domain.ids import OwnerId, RouteId
from discreet.domain.outbound import Place
from discreet.queue.job_scope import due_route
from discreet.scope import ScopedDatabase

QUICK_SECONDS = 0.5
"""An answer that comes sooner needs no indicator."""
TYPING_SECONDS = 4.0
"""Seconds between two updates; platforms show the indicator for about five seconds."""

ShowTyping = Callable[[OwnerId, str, Place], Awaitable[None]]
"""Shows it once, with this owner's account on the named platform, at this place."""


@asynccontextmanager
async def typing_indicator(
    db: ScopedDatabase, owner_id: OwnerId, route_id: RouteId, show: ShowTyping
) -> AsyncIterator[None]:
    """Show it until the block ends. A failure to show it delays nothing."""
    async with running(_show(db, owner_id, route_id, show), "typing"):
        yield


async def _show(db: ScopedDatabase, owner_id: OwnerId, route_id: RouteId, show: ShowTyping) -> None:
    await asyncio.sleep(QUICK_SECONDS)
    found = await place_of(db, route_id)
    while found is not None:
        await show(owner_id, *found)
        await asyncio.sleep(TYPING_SECONDS)


async def place_of(db: ScopedDatabase, route_id: RouteId) -> tuple[str, Place] | None:
    """Return the platform of a route and the place there, or None if it is gone."""
    route = await due_route(db, route_id)
    if route is None:
        return None
    async with db.begin(route.scope) as tx:
        row = await tx.fetch_one(
            # Messages that arrived after the turn began aren't being answered, so they aren't
            # marked as read.
            "SELECT r.chat_id, r.thread_id,"
            " (SELECT m.platform_message_id FROM discreet.messages m"
            "   WHERE m.session_id = r.session_id AND m.route_id = r.id AND m.direction = 'in'"
            "     AND m.turn_id IS NOT NULL ORDER BY m.position DESC LIMIT 1) AS asked"
            " FROM discreet.routes r WHERE r.id = %(route)s",
            {"route": route_id},
        )
    if row is None:
        return None
    return route.platform, Place(route.account, row["chat_id"], row["thread_id"], row["asked"])

"""Whoever waits for an answer sees that one is coming, as long as the turn thinks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from discreet.domain.outbound import Place, Progress
from discreet.queue.due import due_route
from discreet.scope import Door
from discreet.turn.claim import Claim

QUICK_SECONDS = 0.5
"""An answer that comes sooner needs no announcement."""

ShowProgress = Callable[[str, Progress], Awaitable[timedelta]]
"""Shows it once, on the platform of this name; how long to wait before the next time."""


class Presence:
    """``so_far``: what is written of the answer, whole."""

    def __init__(self) -> None:
        self.so_far = ""


@asynccontextmanager
async def presence(door: Door, claimed: Claim, show: ShowProgress) -> AsyncIterator[Presence]:
    """Shows it from now on until the block ends; that it can't be shown holds nothing up."""
    here = Presence()
    showing = asyncio.create_task(_show(door, claimed, show, here), name="progress")
    try:
        yield here
    finally:
        showing.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await showing


async def _show(door: Door, claimed: Claim, show: ShowProgress, here: Presence) -> None:
    await asyncio.sleep(QUICK_SECONDS)
    route = await due_route(door, claimed.route_id)
    if route is None:
        return
    async with door.enter(route.scope) as rows:
        row = await rows.fetch_one(
            "SELECT chat_id, thread_id FROM discreet.routes WHERE id = %(route)s",
            {"route": claimed.route_id},
        )
    if row is None:
        return
    place = Place(route.account, row["chat_id"], row["thread_id"])
    while True:
        wait = await show(route.platform, Progress(claimed.turn_id, place, here.so_far))
        await asyncio.sleep(wait.total_seconds())

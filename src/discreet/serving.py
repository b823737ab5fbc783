"""Keep an installation at work: as a server, or for as long as a command waits for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from discreet.domain.canaries import watched
from discreet.domain.concurrency import happens, relying_on, running
from discreet.domain.errors import Unavailable
from discreet.domain.overheard import stop_listening

if TYPE_CHECKING:
    from discreet.app import App

SERVED_POLL_SECONDS = 1.0
"""Seconds between two checks whether a server still works on the installation."""
ENDING_SECONDS = 60.0
"""Maximum seconds for the shutdown here; the worker's own limit is shorter."""


async def serve(app: App, ready: Callable[[], None], stop: asyncio.Event | None = None) -> None:
    """Work and deliver until ``stop`` is set; finish what has begun."""
    from discreet.audit.fixture import clear_stages
    from discreet.audit.schedule import audit_on_schedule
    from discreet.queue.backlog import indexing
    from discreet.queue.server_lock import serving
    from discreet.services.backups import back_up_on_schedule
    from discreet.services.decoys import sync_decoys, sync_decoys_forever
    from discreet.services.policy import write_policy
    from discreet.services.retention import retain_daily

    await write_policy(app.db, app.settings)
    if await clear_stages(app.db):
        stop_listening(app.settings.home)
    canaries = watched()
    await sync_decoys(app.db, canaries)
    async with (
        serving(app.database.conninfo("discreet_worker")),
        indexing(app.db, app.embedder()),
        app.gateway() as gateway,
        app.worker(gateway),
        gateway.receiving(),
        running(
            back_up_on_schedule(app.db, app.database.conninfo("discreet_worker"), app.settings),
            "backups",
        ),
        running(
            audit_on_schedule(app.settings.home, app.database.conninfo("discreet_worker")),
            "audits",
        ),
        running(sync_decoys_forever(app.db, canaries), "decoys"),
        running(retain_daily(app.db, app.database.conninfo("discreet_worker")), "retention"),
    ):
        ready()
        await (stop or asyncio.Event()).wait()


@asynccontextmanager
async def working(app: App) -> AsyncIterator[None]:
    """Make sure that a process works while open: this one, unless a server does."""
    stop = asyncio.Event()
    work = _work_unless_served(app, stop)
    # Abort if nobody works: the block would wait for an answer that nobody writes.
    async with relying_on(work, "work unless served", grace=ENDING_SECONDS):
        try:
            yield
        finally:
            stop.set()


async def _work_unless_served(app: App, stop: asyncio.Event) -> None:
    from discreet.queue.server_lock import is_served

    while not stop.is_set():
        # While the database can't be reached, nobody can work at all.
        with suppress(Unavailable):
            if not await is_served(app.db):
                async with app.gateway() as gateway, app.worker(gateway):
                    await stop.wait()
                return
        await happens(stop, SERVED_POLL_SECONDS)

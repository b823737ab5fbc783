"""Run due jobs with procrastinate, and sweep up the jobs of dead workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Sequence,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import procrastinate
import procrastinate.worker
import structlog
from procrastinate.app import WorkerOptions
from psycopg.conninfo import make_conninfo

from discreet.domain.concurrency import happens, running, within
from discreet.domain.ids import RouteId, SessionId
from discreet.queue.fair import TURNS, FairJobs
from discreet.scope import ScopedDatabase, WorkScope

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.25
"""A NOTIFY that arrives while a job is fetched is lost; polling finds the job."""
HEARTBEAT_SECONDS = 1.0
STALLED_SECONDS = 5.0
"""A worker that was silent this long loses its jobs. If it is alive, its turns can't save, because
they lost their sessions.
"""
SWEEP_SECONDS = 2.0
GRACE_SECONDS = 20.0
"""Seconds that a stopping worker waits for its running turns."""
MARGIN_SECONDS = 5.0
"""Additional seconds for its own shutdown, before it is aborted."""
CONNECTIONS = 6
"""Maximum connections to the queue: each worker listens on one; running jobs hold none."""
RESTART_SECONDS = 0.5
"""Seconds until a worker that ended by itself is restarted."""
EXPIRED_KEPT = timedelta(days=30)
"""How long an expired memory can still be requested; after that it is only in its history."""
MAX_PURGED = 500
"""Maximum expired memories that one sweep deletes."""
CONNECTIONS_KEPT = timedelta(days=30)
"""How long an unused MCP connection is kept."""
COUNT_SECONDS = 600.0
"""Seconds between two counts of the words of owners with many memories."""
MANY_MEMORIES = 20_000


async def _tell_nobody() -> None:
    """Do nothing, if no owner is to be notified."""


@dataclass(frozen=True, slots=True)
class Work:
    """The function for each kind of job, and the platforms that this process can deliver to.

    ``turn_seconds``: the maximum duration of a turn. A turn that takes longer hangs; it is given
    up, and the sweep wakes its session again.
    """

    run_turn: Callable[[SessionId], Coroutine[Any, Any, None]]
    deliver: Callable[[RouteId], Awaitable[None]]
    release_quarantined: Callable[[], Awaitable[None]]
    platforms: Sequence[str]
    tell_owners: Callable[[], Awaitable[None]] = _tell_nobody
    turn_seconds: float = 1_200.0


@dataclass(frozen=True, slots=True)
class Slots:
    """How many jobs of each kind one process runs at once.

    A turn that waits for its model holds only its slot, so there can be many. Deliveries have slots
    of their own, so a finished answer never waits for a turn.
    """

    turns: int = 200
    turns_of_agent: int = 64
    deliveries: int = 32
    deliveries_of_platform: int = 16


@asynccontextmanager
async def work(conninfo: str, db: ScopedDatabase, work: Work, slots: Slots) -> AsyncIterator[None]:
    """Run due jobs while the context is open; at its end, finish the jobs that have begun.

    ``conninfo``: the worker's login.
    """
    app = _procrastinate_app(conninfo, work, slots)
    turns = _Worker(app, _options([TURNS], slots.turns))
    deliveries = _Worker(app, _options(_deliveries(work), slots.deliveries))
    grace = GRACE_SECONDS + MARGIN_SECONDS
    async with (
        app.open_async(),
        running(deliveries.run(), "deliveries", grace=grace),
        running(turns.run(), "turns", grace=grace),
        running(_sweep_for_ever(app, db, work), "sweeper"),
    ):
        try:
            yield
        finally:
            turns.stop()
            deliveries.stop()


async def work_off(conninfo: str, work: Work) -> None:
    """Run the jobs that are due now, one after the other, until none is left."""
    app = _procrastinate_app(conninfo, work, Slots())
    async with app.open_async():
        options: WorkerOptions = {
            **_options([TURNS, *_deliveries(work)], 1), "wait": False, "listen_notify": False
        }  # fmt: skip
        await app.run_worker_async(**options)


async def sweep(app: procrastinate.App, db: ScopedDatabase) -> int:
    """Clean up the queue and return how many sessions and routes got a new job.

    Drop the jobs of dead workers and those that this process forgot, defer waiting work that has no
    job, and delete memories that expired long ago and unused MCP connections.
    """
    manager = app.job_manager
    stalled = await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)
    left = {job.id for job in stalled if job.id is not None}
    if isinstance(manager, FairJobs):
        left |= await manager.forgotten()
    for job_id in left:
        # It may be gone: finished after all, or dropped by another process.
        with suppress(procrastinate.exceptions.ConnectorException):
            await manager.finish_job_by_id_async(
                job_id, procrastinate.jobs.Status.FAILED, delete_job=True
            )
    async with db.begin(WorkScope()) as tx:
        await tx.execute("SELECT gate.purge_expired(%s, %s)", (EXPIRED_KEPT, MAX_PURGED))
        await tx.execute("SELECT gate.purge_mcp_sessions(%s)", (CONNECTIONS_KEPT,))
        return int(await tx.value("SELECT gate.wake_stranded()"))


async def count_owner_terms(db: ScopedDatabase, many: int = MANY_MEMORIES) -> None:
    """Count the words of owners with ``many`` memories or more, for their searches."""
    async with db.begin(WorkScope()) as tx:
        await tx.execute("SELECT gate.count_owner_terms(%s)", (many,))


class _Worker:
    """Procrastinate's worker, restarted if it ends by itself.

    It ends when it loses the database and when it was considered dead.
    """

    def __init__(self, app: procrastinate.App, options: WorkerOptions) -> None:
        self._app, self._options = app, options
        self._current: procrastinate.worker.Worker | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take no more jobs, and end once the running ones have ended."""
        self._stopping.set()
        if self._current is not None:
            self._current.stop()  # type: ignore[no-untyped-call]

    async def run(self) -> None:
        while not self._stopping.is_set():
            self._current = procrastinate.worker.Worker(self._app, **self._options)
            try:
                await self._current.run()  # type: ignore[no-untyped-call]
            except Exception as error:
                log.warning("the worker failed and restarts", error=type(error).__name__)
            await happens(self._stopping, RESTART_SECONDS)


async def _sweep_for_ever(app: procrastinate.App, db: ScopedDatabase, work: Work) -> None:
    counted_at = -COUNT_SECONDS
    while True:
        try:
            if time.monotonic() - counted_at >= COUNT_SECONDS:
                counted_at = time.monotonic()
                await count_owner_terms(db)
            if woken := await sweep(app, db):
                log.info("swept up unfinished work", sessions_and_routes=woken)
            await work.release_quarantined()
            await work.tell_owners()
        except Exception as error:
            log.warning("the sweep failed; it will be retried", error=type(error).__name__)
        await asyncio.sleep(SWEEP_SECONDS)


def _deliveries(work: Work) -> list[str]:
    return [f"deliveries-{platform}" for platform in work.platforms]


def _options(queues: list[str], concurrency: int) -> WorkerOptions:
    return {
        "queues": queues,
        "concurrency": concurrency,
        "fetch_job_polling_interval": POLL_SECONDS,
        "shutdown_graceful_timeout": GRACE_SECONDS,
        "abort_job_polling_interval": 3600.0,
        "update_heartbeat_interval": HEARTBEAT_SECONDS,
        "stalled_worker_timeout": STALLED_SECONDS,
        "delete_jobs": "always",
        "install_signal_handlers": False,
    }


def _procrastinate_app(conninfo: str, work: Work, slots: Slots) -> procrastinate.App:
    app = procrastinate.App(
        connector=procrastinate.PsycopgConnector(
            conninfo=make_conninfo(conninfo, application_name="discreet-queue"),
            min_size=1,
            max_size=CONNECTIONS,
        )
    )
    limit = {TURNS: slots.turns_of_agent, "deliveries": slots.deliveries_of_platform}
    app.job_manager = FairJobs(app.connector, limit)

    @app.task(name="run_turn")
    async def run_turn(session_id: str) -> None:
        with _noted("a turn was aborted and is swept up"):
            turn = work.run_turn(SessionId(UUID(session_id)))
            await within(work.turn_seconds, turn, "a turn")

    @app.task(name="deliver")
    async def deliver(route_id: str) -> None:
        with _noted("a delivery was aborted and is swept up"):
            await work.deliver(RouteId(UUID(route_id)))

    return app


@contextmanager
def _noted(event: str) -> Iterator[None]:
    """Catch an error here: procrastinate would log its text, which may quote a message.

    The sweep finds the work that the job left undone.
    """
    try:
        yield
    except Exception as error:
        log.error(event, error=type(error).__name__)

"""Run due jobs with procrastinate, and sweep up the jobs of dead workers."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import procrastinate
import procrastinate.worker
import structlog
from procrastinate.app import WorkerOptions
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from discreet.domain.concurrency import happens, running, within
from discreet.domain.ids import RouteId, SessionId
from discreet.queue.failing_jobs import Recurring, record_failure
from discreet.queue.fair_choice import BEAT, POLL_SECONDS, TURNS, FairJobs
from discreet.queue.job_scope import DueRoute, route_of_job, scope_of_job
from discreet.scope import ScopedDatabase, WorkScope
from discreet.scope.scopes import SessionScope

log = structlog.get_logger(__name__)

HEARTBEAT_SECONDS = 1.5
STALLED_SECONDS = 6.0
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
CALL_SECONDS = 2.0
"""Seconds between two looks at what is due beside webhooks."""
EVENTS_KEPT = timedelta(days=3)
"""How long a program that follows events may be away without missing any."""
PURGE_SECONDS = 30.0
MAX_EVENTS_PURGED = 20_000
"""Maximum events that one purge removes."""
COUNT_SECONDS = 600.0
"""Seconds between two counts of the words of owners with many memories."""
ERASE_SECONDS = 15.0
"""Seconds between two looks for contacts that are to be erased."""
REVOKE_EVERY_SECONDS = 60.0
"""Seconds between two looks for sign-ins that expired and have tokens."""
MANY_MEMORIES = 20_000
REMINDERS = "reminders"
"""The queue of reminders. A job is one short transaction, so they have slots beside deliveries."""
REMINDERS_AT_ONCE = 8


async def _erase_nobody() -> None:
    """Do nothing, if nobody is to be erased."""


async def _tell_nobody() -> None:
    """Do nothing, if nobody is to be notified."""


async def _remind_nobody(_: UUID) -> None:
    """Do nothing, where no reminder is fired."""


@dataclass(frozen=True, slots=True)
class Work:
    """The function for each kind of job, and the platforms that this process can deliver to.

    ``run_turn`` and ``deliver`` return True if the job was deleted with what they have stored.

    ``turn_seconds``: the maximum duration of a turn. A turn that takes longer hangs; it is given
    up, and the sweep wakes its session again.
    """

    run_turn: Callable[[SessionId, SessionScope], Coroutine[Any, Any, object]]
    deliver: Callable[[RouteId, DueRoute], Awaitable[object]]
    release_quarantined: Callable[[], Awaitable[None]]
    platforms: Sequence[str]
    notify_owners: Callable[[], Awaitable[None]] = _tell_nobody
    call_webhooks: Callable[[], Awaitable[None]] = _tell_nobody
    remind: Callable[[UUID], Awaitable[object]] = _remind_nobody
    erase_due: Callable[[], Awaitable[None]] = _erase_nobody
    revoke_accounts: Callable[[], Awaitable[None]] = _tell_nobody
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


@dataclass(frozen=True, slots=True)
class Swept:
    """The results of a sweep.

    ``woken``: the number of sessions and routes that got a new job. ``has_quarantined``: messages
    in quarantine are due; ``has_owners``: some owner has a chat to be notified in;
    ``has_webhooks``: some webhook may have to be called.
    """

    woken: int
    has_quarantined: bool
    has_owners: bool
    has_webhooks: bool


@asynccontextmanager
async def work(conninfo: str, db: ScopedDatabase, work: Work, slots: Slots) -> AsyncIterator[None]:
    """Run due jobs while the context is open; at its end, finish the jobs that have begun.

    ``conninfo``: the worker's login.
    """
    app, manager = _procrastinate_app(conninfo, db, work, slots)
    turns = _Worker(app, manager, _options([TURNS], slots.turns))
    deliveries = _Worker(
        app, manager, _options(_deliveries(work), slots.deliveries + REMINDERS_AT_ONCE)
    )
    grace = GRACE_SECONDS + MARGIN_SECONDS
    webhooks = asyncio.Event()
    async with (
        app.open_async(),
        running(deliveries.run(), "deliveries", grace=grace),
        running(turns.run(), "turns", grace=grace),
        running(_sweep_for_ever(manager, db, work, webhooks), "sweeper"),
        running(_call_for_ever(db, work, webhooks), "webhooks"),
    ):
        try:
            yield
        finally:
            turns.stop()
            deliveries.stop()


async def work_off(conninfo: str, work: Work) -> None:
    """Run the jobs that are due now, one after the other, until none is left."""
    app, _ = _procrastinate_app(conninfo, None, work, Slots())
    async with app.open_async():
        options: WorkerOptions = {
            **_options([TURNS, *_deliveries(work)], 1), "wait": False, "listen_notify": False
        }  # fmt: skip
        await app.run_worker_async(**options)


async def sweep(manager: FairJobs, db: ScopedDatabase) -> Swept:
    """Clean up the queue.

    Drop the jobs of dead workers and those that this process forgot: it took or ended them just
    when the database was lost, and never learned of it. Its workers are alive, so nobody else
    considers such a job stalled, and it blocks the jobs behind it. Defer waiting work that has no
    job, and delete memories that expired long ago and unused MCP connections.
    """
    async with db.begin(WorkScope()) as tx:
        row = await tx.fetch_one(
            "SELECT * FROM gate.sweep(%(stalled)s, %(workers)s, %(running)s, %(suspects)s,"
            " %(expired)s, %(most)s, %(connections)s)",
            {
                "stalled": timedelta(seconds=STALLED_SECONDS),
                "workers": manager.workers,
                "running": manager.running,
                "suspects": manager.forgotten,
                "expired": EXPIRED_KEPT,
                "most": MAX_PURGED,
                "connections": CONNECTIONS_KEPT,
            },
        )
        assert row is not None  # noqa: S101 - the function gives one row
        # Last, because another heartbeat waits for these rows until the transaction ends.
        await tx.execute(BEAT, {"workers": manager.alive()})
    manager.note_beat()
    manager.forgotten = row["forgotten"]
    return Swept(row["woken"], row["has_quarantined"], row["has_owners"], row["has_webhooks"])


async def count_owner_terms(db: ScopedDatabase, many: int = MANY_MEMORIES) -> None:
    """Count the words of owners with ``many`` memories or more, for their searches."""
    async with db.begin(WorkScope()) as tx:
        await tx.execute("SELECT gate.count_owner_terms(%s)", (many,))


async def purge_events(db: ScopedDatabase) -> None:
    """Remove events that are older than programs may be away."""
    async with db.begin(WorkScope()) as tx:
        await tx.execute("SELECT gate.purge_events(%s, %s)", (EVENTS_KEPT, MAX_EVENTS_PURGED))


class _Worker:
    """Procrastinate's worker, restarted if it ends by itself.

    It ends when it loses the database and when it was considered dead.
    """

    def __init__(self, app: procrastinate.App, manager: FairJobs, options: WorkerOptions) -> None:
        self._app, self._manager, self._options = app, manager, options
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
            self._manager.attach(self._current)
            try:
                await self._current.run()  # type: ignore[no-untyped-call]
            except Exception as error:
                log.warning("the worker failed and restarts", error=type(error).__name__)
            if not await happens(self._stopping, RESTART_SECONDS):
                await self._manager.check_connections()


async def _sweep_for_ever(
    manager: FairJobs, db: ScopedDatabase, work: Work, webhooks: asyncio.Event
) -> None:
    """Sweep, and do what a sweep finds. ``webhooks`` is set when any may have to be called."""
    counting = Recurring(db, "word counts", partial(count_owner_terms, db), COUNT_SECONDS)
    erasing = Recurring(db, "erasures", work.erase_due, ERASE_SECONDS)
    sweeping = Recurring(db, "sweep", partial(sweep, manager, db))
    releasing = Recurring(db, "quarantine", work.release_quarantined)
    telling = Recurring(db, "notices to the owner", work.notify_owners)
    while True:
        await counting.run_if_due()
        await erasing.run_if_due()
        swept = await sweeping.run_if_due()
        if swept is not None:
            if swept.woken:
                log.info("swept up unfinished work", sessions_and_routes=swept.woken)
            if swept.has_quarantined:
                await releasing.run_if_due()
            if swept.has_owners:
                await telling.run_if_due()
            if swept.has_webhooks:
                webhooks.set()
        await asyncio.sleep(SWEEP_SECONDS)


async def _call_for_ever(db: ScopedDatabase, work: Work, webhooks: asyncio.Event) -> None:
    """Call webhooks, revoke accounts, and remove old events.

    A slow receiver holds up nothing else. ``webhooks``: set when a sweep finds any to call.
    """
    calling = Recurring(db, "webhooks", work.call_webhooks)
    purging = Recurring(db, "old events", partial(purge_events, db), PURGE_SECONDS)
    revoking = Recurring(db, "accounts", work.revoke_accounts, REVOKE_EVERY_SECONDS)
    while True:
        if webhooks.is_set():
            webhooks.clear()
            await calling.run_if_due()
        await purging.run_if_due()
        await revoking.run_if_due()
        await happens(webhooks, CALL_SECONDS)


def _deliveries(work: Work) -> list[str]:
    return [*(f"deliveries-{platform}" for platform in work.platforms), REMINDERS]


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


def _procrastinate_app(
    conninfo: str, db: ScopedDatabase | None, work: Work, slots: Slots
) -> tuple[procrastinate.App, FairJobs]:
    named = make_conninfo(conninfo, application_name="discreet-queue")
    connector = procrastinate.PsycopgConnector(
        pool_factory=_pool, conninfo=named, min_size=1, max_size=CONNECTIONS
    )
    app = procrastinate.App(connector=connector)
    limit = {
        TURNS: slots.turns_of_agent,
        "deliveries": slots.deliveries_of_platform,
        REMINDERS: REMINDERS_AT_ONCE,
    }
    app.job_manager = manager = FairJobs(connector, limit, named, HEARTBEAT_SECONDS)

    @app.task(name="run_turn", pass_context=True)
    async def run_turn(
        context: procrastinate.JobContext, session_id: str, scope: dict[str, Any] | None
    ) -> None:
        async with _noted(db, f"turn:{session_id}", "a turn was aborted and is swept up"):
            within_scope = scope_of_job(scope)
            if within_scope is not None:
                turn = work.run_turn(SessionId(UUID(session_id)), within_scope)
                if await within(work.turn_seconds, turn, "a turn") is True:
                    manager.note_deleted(context.job)

    @app.task(name="deliver", pass_context=True)
    async def deliver(
        context: procrastinate.JobContext, route_id: str, scope: dict[str, Any] | None
    ) -> None:
        async with _noted(db, f"deliver:{route_id}", "a delivery was aborted and is swept up"):
            route = route_of_job(scope)
            if route is not None and await work.deliver(RouteId(UUID(route_id)), route) is True:
                manager.note_deleted(context.job)

    @app.task(name="remind")
    async def remind(reminder_id: str, session_id: str, scope: object) -> None:  # noqa: ARG001
        async with _noted(db, f"remind:{reminder_id}", "a reminder was aborted and is swept up"):
            await work.remind(UUID(reminder_id))

    return app, manager


def _pool(**options: Any) -> AsyncConnectionPool[Any]:
    """Return a pool whose calls are one round trip each.

    No connection is checked before its use, and each statement is a transaction of its own.
    """
    return AsyncConnectionPool(**{**options, "check": None, "configure": _commit_each})


async def _commit_each(connection: AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)


@asynccontextmanager
async def _noted(db: ScopedDatabase | None, lock: str, event: str) -> AsyncIterator[None]:
    """Catch an error here: procrastinate would log its text, which may quote a message.

    The sweep finds the work that the job left undone, later after each failure.
    """
    try:
        yield
    except Exception as error:
        log.error(event, error=type(error).__name__)
        if db is not None:
            await record_failure(db, lock, error)

"""Choose the next job fairly: from the agent or platform with the fewest running jobs.

A queue belongs to an agent or a platform. A queue that reached its limit is skipped, and its jobs
hold no slot while they wait.

A worker looks for jobs when it is notified, when one of its own ends, and when the first scheduled
one is due; it polls only as a fallback.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from procrastinate import PsycopgConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback, get_channel_for_queues
from procrastinate.worker import Worker
from psycopg import AsyncConnection, OperationalError, sql

TURNS = "turns"
"""Stands for the queues of all agents, which are named ``turns-`` and a digest."""
TURNS_CHANNEL = "discreet_turns"
"""Notified when a turn was queued, of whichever agent."""
POLL_SECONDS = 10.0
"""Seconds until a worker looks without a reason, in case its notifications don't arrive."""
EARLY_SECONDS = 0.01
"""Added to the time until a job is due, so that it is due when the worker looks."""

RECONNECT_SECONDS = 0.5

_TAKE = """
SELECT (taken.job).*, taken.more, taken.due_in
  FROM gate.take_job(%(ended)s::bigint[], %(queues)s::text[], %(turns)s, %(names)s::text[],
                     %(jobs)s::int[], %(full)s::text[], %(worker_id)s) taken
"""
BEAT = """
UPDATE queue.procrastinate_workers SET last_heartbeat = now() WHERE id = ANY (%(workers)s::bigint[])
"""

_Queues = frozenset[str]


@dataclass(slots=True)
class _Looking:
    """One worker's knowledge of its queues.

    ``news``: there may be jobs that the last call didn't see; ``empty``: it saw no other;
    ``skipped``: it left out queues that had reached their limit.
    """

    worker: Worker | None = None
    callback: NotificationCallback | None = None
    news: bool = True
    empty: bool = False
    skipped: bool = False
    ended: list[int] = field(default_factory=list)

    async def tell(self) -> None:
        """Let the worker look."""
        self.news = True
        if self.callback is not None:
            await self.callback(channel="", notification={"type": "job_inserted", "job_id": 0})


class FairJobs(JobManager):
    """Fetches jobs fairly.

    ``limit``: how many jobs of one queue run at once, by the first word of its name. ``conninfo``:
    for the connections that listen. ``interval``: seconds between two heartbeats.

    Notifications only trigger a check. Everybody with a connection can send one, and
    procrastinate's own handler would also cancel the job that it names.
    """

    def __init__(
        self, connector: PsycopgConnector, limit: Mapping[str, int], conninfo: str, interval: float
    ) -> None:
        super().__init__(connector)
        self._connector = connector
        self._limit = limit
        self._conninfo = conninfo
        self._interval = interval
        self._looking: dict[_Queues, _Looking] = {}
        self._running: dict[int, Job] = {}
        self._deleted: set[int] = set()
        self._workers: set[int] = set()
        self._beats: dict[int, float] = {}
        self._beat_at = 0.0
        self.forgotten: list[int] = []

    @property
    def running(self) -> list[int]:
        """The jobs that run in this process."""
        return list(self._running)

    @property
    def workers(self) -> list[int]:
        """The workers that this process has had."""
        return list(self._workers)

    def note_deleted(self, job: Job) -> None:
        """Note that a job was deleted in the commit that ended its work."""
        if job.id is not None:
            self._deleted.add(job.id)

    async def check_connections(self) -> None:
        """Replace the connections that were lost."""
        await self._connector.pool.check()

    def attach(self, worker: Worker) -> None:
        """Set the time until this worker polls after each call."""
        self._of(worker.queues).worker = worker

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        self._workers.add(worker_id)
        looking = self._of(queues)
        if looking.empty and not looking.news and not looking.ended:
            # Procrastinate asks again after each job; this answer is as old as that job.
            looking.empty = False
            return None
        while True:
            looking.news = looking.empty = False
            job = await self._take(looking, list(queues or ()), worker_id)
            # Jobs that arrived meanwhile may have been too late for that call.
            if job is not None or not (looking.news or looking.ended):
                return job

    async def _take(self, looking: _Looking, queues: list[str], worker_id: int) -> Job | None:
        running = Counter(job.queue for job in self._running.values())
        ended = list(looking.ended)
        full = [name for name in running if running[name] >= self._limit[name.split("-")[0]]]
        looking.skipped = bool(full)
        row = await self.connector.execute_query_one_async(
            query=_TAKE,
            ended=ended,
            names=list(running),
            jobs=list(running.values()),
            full=full,
            queues=queues,
            turns=TURNS in queues,
            worker_id=worker_id,
        )
        del looking.ended[: len(ended)]
        due_in = row.pop("due_in")
        looking.empty = row["id"] is not None and not row["more"]
        del row["more"]
        if looking.worker is not None:
            wait = POLL_SECONDS if due_in is None else max(0.0, due_in) + EARLY_SECONDS
            looking.worker.fetch_job_polling_interval = min(POLL_SECONDS, wait)
        if row["id"] is None:
            return None
        job = Job.from_row(row)
        self._running[row["id"]] = job
        return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """Let the next call delete the job. Until then no other job of its session runs."""
        if job.id is None or not delete_job:
            await super().finish_job(job, status, delete_job)
            return
        self._running.pop(job.id, None)
        is_deleted = job.id in self._deleted
        self._deleted.discard(job.id)
        for queues, looking in self._looking.items():
            if (TURNS in queues) if job.queue.startswith(f"{TURNS}-") else job.queue in queues:
                # What it has put into the queue is younger than the last answer.
                looking.empty = False
                if not is_deleted:
                    looking.ended.append(job.id)
                # Its deletion has notified its waiters; its queue may have room again.
                if not is_deleted or looking.skipped:
                    await looking.tell()
                return

    async def unregister_worker(self, worker_id: int) -> None:
        for looking in self._looking.values():
            if looking.ended:
                ended = list(looking.ended)
                await self.connector.execute_query_async(
                    query="DELETE FROM procrastinate_jobs WHERE id = ANY (%(ended)s::bigint[])",
                    ended=ended,
                )
                del looking.ended[: len(ended)]
        self._beats.pop(worker_id, None)
        await super().unregister_worker(worker_id)

    async def update_heartbeat(self, worker_id: int) -> None:
        """Update the heartbeats of this process's live workers, unless a sweep has just done it."""
        is_new = worker_id not in self._beats
        self._beats[worker_id] = time.monotonic()
        if is_new or time.monotonic() - self._beat_at >= self._interval:
            self.note_beat()
            await self.connector.execute_query_async(query=BEAT, workers=self.alive())

    def alive(self) -> list[int]:
        """Return the workers of this process that have asked for a heartbeat lately."""
        now = time.monotonic()
        return [one for one, at in self._beats.items() if now - at <= 2 * self._interval]

    def note_beat(self) -> None:
        """Note that the heartbeats of the live workers were updated."""
        self._beat_at = time.monotonic()

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        looking = self._of(queues)
        looking.callback = on_notification
        channels = list(get_channel_for_queues(queues=queues))
        if TURNS in frozenset(queues or ()):
            # An agent created meanwhile has a new queue, so there is one channel for all of them.
            channels.append(TURNS_CHANNEL)
        while True:
            with suppress(OperationalError):
                await self._listen(channels, looking)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen(self, channels: Iterable[str], looking: _Looking) -> None:
        async with await AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
            for channel in channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            await looking.tell()  # of what came before it listened
            async for _ in connection.notifies():
                await looking.tell()

    def _of(self, queues: Iterable[str] | None) -> _Looking:
        return self._looking.setdefault(frozenset(queues or ()), _Looking())

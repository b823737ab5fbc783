"""Choose the next job fairly: from the agent or platform with the fewest running jobs.

A queue belongs to an agent or a platform. A queue that reached its limit is skipped, and its jobs
hold no slot while they wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback, get_channel_for_queues

TURNS = "turns"
"""Stands for the queues of all agents, which are named ``turns-`` and a digest."""

# Among the queues with runnable jobs, take those with the fewest running here; among their jobs,
# the most urgent and then the oldest. A session with a running turn is not runnable.
_FETCH = """
WITH waiting AS (
  SELECT DISTINCT job.queue_name, coalesce(running.jobs, 0) AS jobs
    FROM procrastinate_jobs job
    LEFT JOIN unnest(%(names)s::text[], %(jobs)s::int[]) AS running (queue_name, jobs)
      USING (queue_name)
   WHERE job.status = 'todo' AND (job.scheduled_at IS NULL OR job.scheduled_at <= now())
     AND (job.queue_name = ANY (%(queues)s::text[])
          OR (%(turns)s AND starts_with(job.queue_name, 'turns-')))
     AND job.queue_name <> ALL (%(full)s::text[])
     AND NOT EXISTS (SELECT FROM procrastinate_jobs other
                      WHERE other.lock = job.lock AND other.status = 'doing')
)
SELECT id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name,
       attempts, worker_id
  FROM procrastinate_fetch_job_v2(
    coalesce((SELECT array_agg(queue_name) FROM waiting
               WHERE jobs = (SELECT min(jobs) FROM waiting)), '{}')::varchar[], %(worker_id)s)
"""


_FORGOTTEN = """
SELECT id FROM procrastinate_jobs
 WHERE status = 'doing' AND worker_id = ANY (%(workers)s) AND id <> ALL (%(running)s)
"""


class FairJobs(JobManager):
    """Fetches jobs fairly.

    ``limit``: how many jobs of one queue run at once, by the first word of its name.

    Notifications only trigger a check. Everybody with a connection can send one, and
    procrastinate's own handler would also cancel the job that it names.
    """

    def __init__(self, connector: BaseConnector, limit: Mapping[str, int]) -> None:
        super().__init__(connector)
        self._limit = limit
        self._running: dict[int, str] = {}
        self._workers: set[int] = set()
        self._suspects: frozenset[int] = frozenset()

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        self._workers.add(worker_id)
        wanted, running = list(queues or ()), Counter(self._running.values())
        row = await self.connector.execute_query_one_async(
            query=_FETCH,
            names=list(running),
            jobs=list(running.values()),
            full=[name for name in running if running[name] >= self._limit[name.split("-")[0]]],
            queues=wanted,
            turns=TURNS in wanted,
            worker_id=worker_id,
        )
        if row["id"] is None:
            return None
        job = Job.from_row(row)
        self._running[row["id"]] = job.queue
        return job

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        if job.id is not None:
            self._running.pop(job.id, None)
        await super().finish_job(job, status, delete_job)

    async def forgotten(self) -> frozenset[int]:
        """Return jobs assigned to this process that run nowhere, now and at the last call.

        The process took or ended such a job just when the database was lost, and never learned of
        it. Its workers are alive, so nobody else considers the job stalled, and it blocks the jobs
        behind it.
        """
        rows = await self.connector.execute_query_all_async(
            query=_FORGOTTEN, workers=list(self._workers), running=list(self._running)
        )
        before, self._suspects = self._suspects, frozenset(row["id"] for row in rows)
        return self._suspects & before

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        async def look(*, channel: str, payload: str) -> None:  # noqa: ARG001 - not believed
            await on_notification(
                channel=channel, notification={"type": "job_inserted", "job_id": 0}
            )

        # An agent created meanwhile has a new queue.
        wanted = None if TURNS in frozenset(queues or ()) else queues
        await self.connector.listen_notify(
            on_notification=look, channels=get_channel_for_queues(queues=wanted)
        )

"""Jobs and tasks that fail because of a program error: retried with growing delays, and listed.

An unreachable database fails everybody's work, which is simply tried again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

import structlog
from psycopg import Error, OperationalError

from discreet.domain.errors import DiscreetError, Unavailable
from discreet.scope import ScopedDatabase, WorkScope

__all__ = ["Recurring", "record_failure"]

log = structlog.get_logger(__name__)

FIRST_WAIT = timedelta(seconds=2)
"""How long a job or task waits after its first failure. Twice as long after each further one."""
MAX_JOB_WAIT = timedelta(minutes=5)
MAX_TASK_WAIT = timedelta(minutes=1)

Result = TypeVar("Result")


async def record_failure(
    db: ScopedDatabase, key: str, error: Exception, max_wait: timedelta = MAX_JOB_WAIT
) -> None:
    """Count a failure of a job or task. Only the type of the error is kept: its text may quote."""
    if isinstance(error, Unavailable | OperationalError):
        return
    try:
        async with db.begin(WorkScope()) as tx:
            await tx.execute(
                "SELECT gate.record_failure(%(key)s, %(error)s, %(first)s, %(max)s)",
                {
                    "key": key,
                    "error": type(error).__name__,
                    "first": FIRST_WAIT,
                    "max": max_wait,
                },
            )
    except (DiscreetError, Error) as unnoted:
        log.warning("a failure can't be noted", error=type(unnoted).__name__)


class Recurring(Generic[Result]):
    """A task of the server that runs again and again, less often while it fails.

    ``name``: what the owner sees; ``seconds``: the least time between two runs.
    """

    def __init__(
        self,
        db: ScopedDatabase,
        name: str,
        run: Callable[[], Awaitable[Result]],
        seconds: float = 0.0,
    ) -> None:
        self._db, self._name, self._run, self._seconds = db, name, run, seconds
        self._next_at = float("-inf")
        self._failures = 0
        self._is_noted = True  # perhaps, by a process that ended meanwhile

    async def run_if_due(self) -> Result | None:
        """Run it if it is due, and return what it returned; None: it wasn't due, or failed."""
        if time.monotonic() < self._next_at:
            return None
        wait = self._seconds
        try:
            done = await self._run()
            await self._forget()
        except Exception as error:
            why = error.message if isinstance(error, DiscreetError) else type(error).__name__
            log.warning("a task failed; it will be retried", task=self._name, error=why)
            if not isinstance(error, Unavailable | OperationalError):
                wait = max(wait, self._backoff())
                self._is_noted = True
                await record_failure(self._db, self._name, error, MAX_TASK_WAIT)
            return None
        finally:
            self._next_at = time.monotonic() + wait
        self._failures = 0
        return done

    def _backoff(self) -> float:
        self._failures += 1
        doubled = 1 << min(self._failures - 1, 20)
        return min(FIRST_WAIT * doubled, MAX_TASK_WAIT).total_seconds()

    async def _forget(self) -> None:
        if self._is_noted:
            async with self._db.begin(WorkScope()) as tx:
                await tx.execute("DELETE FROM queue.failures WHERE lock = %s", (self._name,))
            self._is_noted = False

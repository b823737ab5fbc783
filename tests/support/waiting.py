"""The waits of tests. Each ends on the state that it waits for, or reports what is missing.

Nothing else in the tests sleeps.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any, TypeVar

from discreet.delivery.outbox import FIRST_WAIT, MAX_WAIT

__all__ = [
    "PATIENCE_SECONDS",
    "Faults",
    "leave_midnight_behind",
    "patience",
    "retry_seconds",
    "until",
    "until_sync",
]

PATIENCE_SECONDS = 180.0
"""Enough for anything that a test waits for, even on a busy machine, if nothing fails."""
POLL_SECONDS = 0.02
DAY_SECONDS = 86_400
MIDNIGHT_SECONDS = 30
"""A test of what counts within a day takes less, even on a busy machine."""

Found = TypeVar("Found")


async def until(
    holds: Callable[[], Found | Awaitable[Found]],
    what: str = "it",
    *,
    outstanding: Callable[[], object] | None = None,
    faults_seconds: float = 0.0,
    every: float = POLL_SECONDS,
) -> Found:
    """Wait for ``holds`` to be true, and return its result.

    ``faults_seconds`` is the maximum delay by faults that the test injects; see ``retry_seconds``.
    ``outstanding`` reports the progress in a failure.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS + faults_seconds
    while True:
        found = holds()
        value: Any = await found if inspect.isawaitable(found) else found
        if value:
            return value  # type: ignore[no-any-return]
        _give_up_after(deadline, what, outstanding)
        await asyncio.sleep(every)


def until_sync(
    holds: Callable[[], Found],
    what: str = "it",
    *,
    outstanding: Callable[[], object] | None = None,
    every: float = POLL_SECONDS,
) -> Found:
    """Do the same in tests without an event loop."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (value := holds()):
        _give_up_after(deadline, what, outstanding)
        time.sleep(every)
    return value


def leave_midnight_behind(clock: Callable[[], float] = time.time) -> None:
    """Wait if the day ends shortly (UTC): a budget of a day would begin anew within a test."""
    until_sync(
        lambda: clock() % DAY_SECONDS < DAY_SECONDS - MIDNIGHT_SECONDS, "the next day", every=0.5
    )


def patience(faults_seconds: float = 0.0) -> AbstractAsyncContextManager[Any]:
    """Limit the time of anything awaited without ``until``, such as an event."""
    return asyncio.timeout(PATIENCE_SECONDS + faults_seconds)


def retry_seconds(failures: int, answers: int = 1) -> float:
    """Return the delay of answers sent one after the other, each failing this often in a row."""
    waits = (min(FIRST_WAIT * 2**failed, MAX_WAIT) for failed in range(failures))
    return answers * sum(wait.total_seconds() for wait in waits)


class Faults:
    """Which requests to a platform fail: some for each target, at most ``MAX_IN_A_ROW`` in a row.

    So the delay is limited.
    """

    MAX_IN_A_ROW = 2
    PROBABILITY = 0.3

    def __init__(self) -> None:
        self._in_a_row: dict[object, int] = defaultdict(int)

    def hit(self, chaos: Random, target: object) -> bool:
        """Return whether this request fails."""
        failed = self._in_a_row[target] < self.MAX_IN_A_ROW and chaos.random() < self.PROBABILITY
        self._in_a_row[target] = self._in_a_row[target] + 1 if failed else 0
        return failed


def _give_up_after(deadline: float, what: str, outstanding: Callable[[], object] | None) -> None:
    if time.monotonic() > deadline:
        left = "" if outstanding is None else f"; outstanding: {outstanding()}"
        raise AssertionError(f"{what} did not come{left}")

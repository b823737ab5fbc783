"""Start, cancel and await tasks. No other module does.

A cancellation can get lost: ``asyncio.wait_for`` on Python 3.11 swallows one that arrives at the
same moment as its result, and some libraries do so on every Python. Code that cancels once and then
waits without a timeout can hang. So tasks are cancelled repeatedly here until they end, and a task
that never ends is abandoned.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio
import structlog

log = structlog.get_logger(__name__)

CANCEL_SECONDS = 1.0
"""Seconds that a task has to clean up before it is cancelled again."""
END_SECONDS = 10.0
"""Seconds to wait for a cancelled task before abandoning it."""

Result = TypeVar("Result")


def start(work: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
    """Start a task. The caller must end it with ``end``."""
    return asyncio.create_task(work, name=name)


async def end(*tasks: asyncio.Task[Any], grace: float = 0.0, seconds: float | None = None) -> None:
    """End tasks: wait ``grace`` seconds, cancel them, then wait at most ``seconds``.

    ``seconds`` defaults to ``END_SECONDS``. Tasks that don't end in time are abandoned and logged.
    Results and errors of the tasks are ignored. If the caller is cancelled meanwhile, that
    cancellation is raised at the end.
    """
    clock = asyncio.get_running_loop().time
    cancelled: asyncio.CancelledError | None = None
    told = False
    seconds = END_SECONDS if seconds is None else seconds
    cancel_at = clock() + grace
    give_up_at = cancel_at + seconds
    while left := [task for task in tasks if not task.done()]:
        now = clock()
        if now >= give_up_at:
            log.error("tasks did not end and were abandoned", tasks=_names(left))
            break
        if now >= cancel_at:
            for task in left:
                task.cancel()
            told, cancel_at = True, now + CANCEL_SECONDS
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(left, timeout=min(cancel_at, give_up_at) - now)
        except asyncio.CancelledError as error:
            cancelled = error
            if not told:  # a cancelled caller has no time for the grace period
                cancel_at = clock()
                give_up_at = cancel_at + seconds
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # otherwise asyncio logs it, including people's texts
    if cancelled is not None:
        raise cancelled


@asynccontextmanager
async def running(
    work: Coroutine[Any, Any, Result], name: str, *, grace: float = 0.0
) -> AsyncIterator[asyncio.Task[Result]]:
    """Run ``work`` concurrently with the block and end it with the block; see ``end``.

    If it fails, the failure is logged and the block continues.
    """
    task = start(work, name)
    task.add_done_callback(_note_failure)
    try:
        yield task
    finally:
        await end(task, grace=grace)


@asynccontextmanager
async def relying_on(
    work: Coroutine[Any, Any, None], name: str, *, grace: float = 0.0
) -> AsyncIterator[None]:
    """Run ``work`` concurrently with the block, like ``running``, but abort the block if it fails.

    Raises:
        Exception: whatever ``work`` raised.
    """
    with anyio.CancelScope() as scope:
        async with running(work, name, grace=grace) as task:
            task.add_done_callback(lambda _: scope.cancel() if _failed(task) else None)
            yield
    if _failed(task):
        task.result()


def ask_to_end(task: asyncio.Task[Any]) -> None:
    """Cancel the main task of a program once, so that it shuts down in order.

    The cancellation can get lost, so offer the user a second way to stop the program.
    """
    task.cancel()


async def end_all() -> None:
    """End every other task of the loop. Call it last: ``asyncio.run`` would wait without a timeout.

    If a task doesn't end, the process exits immediately without it.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await end(*others)
    if not all(task.done() for task in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(os.EX_SOFTWARE)


async def within(seconds: float, work: Coroutine[Any, Any, Result], name: str) -> Result:
    """Return the result of ``work`` if it finishes in time; otherwise end or abandon it.

    Raises:
        TimeoutError: it did not finish within ``seconds``.
    """
    task = start(work, name)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        await end(task)


async def finished(seconds: float, work: Coroutine[Any, Any, Result], name: str) -> Result:
    """Return the result of ``work``, which goes on if the caller is cancelled meanwhile.

    That cancellation is raised at the end.

    Raises:
        TimeoutError: it did not finish within ``seconds``; it was ended or abandoned.
    """
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + seconds
    cancelled: asyncio.CancelledError | None = None
    task = start(work, name)
    while not task.done() and (left := give_up_at - clock()) > 0:
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError as error:
            cancelled = error
    await end(task)
    if cancelled is not None:
        raise cancelled
    if not task.done() or task.cancelled():
        raise TimeoutError
    return task.result()


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event for at most ``seconds`` and return whether it was set."""
    with anyio.move_on_after(seconds):
        await event.wait()
    return event.is_set()


def _note_failure(task: asyncio.Task[Any]) -> None:
    if _failed(task):
        error = type(task.exception()).__name__
        log.error("a background task failed", task=task.get_name(), error=error)


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _names(tasks: list[asyncio.Task[Any]]) -> list[str]:
    return [task.get_name() for task in tasks]

"""Tasks. The only module that starts, cancels and awaits them.

A cancellation can get lost: ``asyncio.wait_for`` of Python 3.11 swallows one that comes at the same
moment as its result, and libraries do so on every Python. Whoever cancels once and then waits
without a bound waits for ever. So a task is cancelled here until it has ended, and a task that
never ends is left behind.
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
"""How long a task may clean up before it is cancelled again."""
END_SECONDS = 10.0
"""How long a cancelled task is waited for."""

Result = TypeVar("Result")


def start(work: Coroutine[Any, Any, Result], name: str) -> asyncio.Task[Result]:
    """Start a task. Whoever starts one ends it, with ``end``."""
    return asyncio.create_task(work, name=name)


async def end(*tasks: asyncio.Task[Any], grace: float = 0.0, seconds: float | None = None) -> None:
    """End tasks: wait ``grace`` seconds for them, then cancel them and wait at most ``seconds``
    (``END_SECONDS``).

    A task that doesn't end in time is left behind, which the log tells. Results and errors of the
    tasks are not looked at. A cancellation of the caller is raised when this is over.
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
            log.error("tasks that don't end are left behind", tasks=_names(left))
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
            if not told:  # the caller has no time left for grace
                cancel_at = clock()
                give_up_at = cancel_at + seconds
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # or asyncio would log it, with texts of people in it
    if cancelled is not None:
        raise cancelled


@asynccontextmanager
async def running(
    work: Coroutine[Any, Any, Result], name: str, *, grace: float = 0.0
) -> AsyncIterator[asyncio.Task[Result]]:
    """Run ``work`` beside the block, and end it with the block; see ``end``.

    If it fails, the log tells, and the block goes on.
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
    """Run ``work`` beside the block, as ``running`` does; if it fails, break the block off.

    Raises:
        Exception: what ``work`` raised.
    """
    with anyio.CancelScope() as scope:
        async with running(work, name, grace=grace) as task:
            task.add_done_callback(lambda _: scope.cancel() if _failed(task) else None)
            yield
    if _failed(task):
        task.result()


def ask_to_end(task: asyncio.Task[Any]) -> None:
    """Cancel the main task of a program, once, so that it closes everything in its order.

    It can get lost: give whoever asks a second way to end the program.
    """
    task.cancel()


async def end_all() -> None:
    """End every other task of the loop; call it last. ``asyncio.run`` would wait without a bound.

    If a task doesn't end, the process ends here, without it.
    """
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await end(*others)
    if not all(task.done() for task in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(os.EX_SOFTWARE)


async def within(seconds: float, work: Coroutine[Any, Any, Result], name: str) -> Result:
    """Give what ``work`` gives, if it ends in time; else end it, or leave it behind.

    Raises:
        TimeoutError: it did not end in so many seconds.
    """
    task = start(work, name)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            raise TimeoutError
        return task.result()
    finally:
        await end(task)


async def happens(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event for at most so many seconds, and say whether it has happened."""
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

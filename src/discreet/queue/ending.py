"""Ending a task that works for ever."""

from __future__ import annotations

import asyncio


def is_ending() -> bool:
    """Whether the current task was told to end.

    Where a connection breaks at the same moment, its error takes the place of the CancelledError
    that said so; a loop that goes on after errors would then never end.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

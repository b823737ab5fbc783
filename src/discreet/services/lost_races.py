"""Repeat what lost a race for the same rows, such as an erasure against a turn that is saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from discreet.domain.errors import LostRace

__all__ = ["retry_lost_races"]

TRIES = 5

Result = TypeVar("Result")


async def retry_lost_races(work: Callable[[], Awaitable[Result]]) -> Result:
    """Run ``work``, which begins a transaction of its own, until it wins; at most five times.

    Raises:
        LostRace: It lost each time.
    """
    for _ in range(TRIES - 1):
        try:
            return await work()
        except LostRace:
            continue
    return await work()

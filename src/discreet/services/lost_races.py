"""Retry transactions that lost a race, such as an erasure against a turn being saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from discreet.domain.errors import LostRace

__all__ = ["retry_lost_races"]

TRIES = 5

Result = TypeVar("Result")


async def retry_lost_races(work: Callable[[], Awaitable[Result]]) -> Result:
    """Run ``work``, which begins its own transaction, until it succeeds; at most five times.

    Raises:
        LostRace: it lost every time.
    """
    for _ in range(TRIES - 1):
        try:
            return await work()
        except LostRace:
            continue
    return await work()

"""Thinking ends when it has become pointless: its turn was stopped, or is forbidden to speak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from discreet.scope import Door
from discreet.scope.scopes import SessionScope
from discreet.turn.claim import Claim
from discreet.turn.holding import hold

WATCH_SECONDS = 1.0
"""How often it is looked whether a turn that thinks still holds its session."""

Result = TypeVar("Result")


async def while_held(
    door: Door, scope: SessionScope, claim: Claim, thinking: Awaitable[Result]
) -> Result:
    """What ``thinking`` gives; it is cancelled as soon as the turn has lost its session.

    Raises:
        ClaimLost: the turn holds its session no more.
    """
    task = asyncio.ensure_future(thinking)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=WATCH_SECONDS)
            if done:
                return task.result()
            async with door.enter(scope) as rows:
                await hold(rows, claim.session_id, claim.turn_id)
    finally:
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

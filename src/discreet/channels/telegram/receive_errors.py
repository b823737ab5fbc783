"""Tell the owner why a bot can't receive, such as another program with the same token."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from discreet.domain.errors import Unavailable
from discreet.domain.platform import ReceiveCursor

WRONG_TOKEN = "Telegram rejected the token; enter another: sb channels add telegram"  # noqa: S105
ALSO_ELSEWHERE = (
    "another program receives with this bot's token, so each of them gets only some of the"
    " messages; stop that program, or give it a bot of its own"
)
WEBHOOK_LOST = (
    "another program receives with this bot's token and gets its messages; stop that program,"
    " then restart sb serve"
)
CALM_SECONDS = 120.0
"""Seconds without a conflict after which the other program counts as gone."""


class ReceiveErrors:
    """Records the errors of one account, each once, and removes them when it works again.

    A single conflict is no error: a request of a server that was just killed may still be open.
    """

    def __init__(self, cursor: ReceiveCursor) -> None:
        self._cursor = cursor
        self._recorded: str | None = None
        self._conflict_at: float | None = None

    async def note_conflict(self) -> None:
        """Record a conflict if it is the second one within ``CALM_SECONDS``."""
        repeated = self._had_conflict()
        self._conflict_at = asyncio.get_running_loop().time()
        if repeated:
            await self.record(ALSO_ELSEWHERE)

    async def note_success(self) -> None:
        """Remove the error. Two programs take turns, so a recent conflict stays."""
        if not self._had_conflict():
            await self.record("")

    async def record(self, why: str) -> None:
        """Record why the account can't receive; empty: it works. Retried at the next call."""
        if why != self._recorded:
            with suppress(Unavailable):
                await self._cursor.record_error(why)
                self._recorded = why

    def _had_conflict(self) -> bool:
        if self._conflict_at is None:
            return False
        return asyncio.get_running_loop().time() - self._conflict_at < CALM_SECONDS

"""Wake clients that wait for an answer, whichever process writes it; and servers, for channels.

One connection of this process listens, only while somebody waits. A notification is not trusted: it
only triggers a check, because every login role can send one.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
from psycopg import AsyncConnection, Error

from discreet.domain.concurrency import end, start

log = structlog.get_logger(__name__)

CHANNEL = "discreet_answers"
ACCESS = "access"
"""Notified when a token was revoked, or a contact blocked, merged or erased, without saying whose.
"""
CHANNELS = "channels"
"""Notified when a channel was added or closed, or got another secret, without saying which."""
IDLE_SECONDS = 10.0
"""Seconds for which the connection is kept after the last client stopped waiting."""
RETRY_SECONDS = 1.0


class Wakes:
    """The clients that wait in this process. ``conninfo``: the worker's login."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def waiting(self, message_id: UUID) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set when the state of this message may have changed.

        Clear it, check the state, and wait again; also check every few seconds without an event.
        """
        async with self._woken_by(_key(message_id)) as woken:
            yield woken

    @asynccontextmanager
    async def of_access(self) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set when somebody may have lost access to an answer."""
        async with self._woken_by(ACCESS) as woken:
            yield woken

    @asynccontextmanager
    async def of_channels(self) -> AsyncIterator[asyncio.Event]:
        """Yield an event that is set when other channels may be open than before."""
        async with self._woken_by(CHANNELS) as woken:
            yield woken

    @asynccontextmanager
    async def _woken_by(self, key: str) -> AsyncIterator[asyncio.Event]:
        if self._listening is None or self._listening.done():
            self._listening = start(self._listen(), "wakes")
        woken = asyncio.Event()
        self._waiting[key].add(woken)
        try:
            yield woken
        finally:
            self._waiting[key].discard(woken)
            if not self._waiting[key]:
                del self._waiting[key]

    async def close(self) -> None:
        """Close the connection."""
        if self._listening is not None:
            await end(self._listening)

    async def _listen(self) -> None:
        while self._waiting:
            try:
                async with await AsyncConnection.connect(
                    self._conninfo, autocommit=True, application_name="discreet-wakes"
                ) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await self._pass_on(connection)
            except (Error, OSError) as error:
                log.warning("notifications can't be received now", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _pass_on(self, connection: AsyncConnection) -> None:
        # Check now for changes from before it listened.
        for events in self._waiting.values():
            for woken in events:
                woken.set()
        while self._waiting:
            async for heard in connection.notifies(timeout=IDLE_SECONDS):
                for woken in self._waiting.get(heard.payload, ()):
                    woken.set()


def _key(message_id: UUID) -> str:
    # Must match gate.notify_waiting_clients. Everybody can listen, so the channel reveals no id.
    return hashlib.sha256(str(message_id).encode()).hexdigest()[:16]

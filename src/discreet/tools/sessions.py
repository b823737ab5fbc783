"""The sessions with servers that this process has open, each for one scope.

A session is found by its server and the whole scope, so that nobody is ever served by another's. A
server that its owner declared stateless (``shared``) has one session for everybody.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import structlog

from discreet.domain.concurrency import end, happens, running, start
from discreet.domain.errors import BadInput, Unavailable
from discreet.scope.scopes import SessionScope
from discreet.tools.client import CLOSE_SECONDS, Lost, NoReplyInTime, ServerSession, TokenSource
from discreet.tools.sandbox import Protected
from discreet.tools.servers import McpServer, ToolDescription

log = structlog.get_logger(__name__)

LOOK_SECONDS = 5.0
"""Seconds between two checks which sessions may stay open."""

Key = tuple[UUID, SessionScope | None]
"""A server, and the scope that it serves; None: everybody."""
Allowed = Callable[[set[Key]], Awaitable[set[Key]]]
"""Returns those that may go on: the server and the agent exist, and the contact is welcome."""


Compare = Callable[[McpServer, list[ToolDescription] | None], Awaitable[None]]
"""Looks at the tools that a server offers, when a session begins and when they change."""


async def _ignore(_: McpServer, __: list[ToolDescription] | None) -> None:
    """Compare nothing."""


class Busy(Exception):
    """Every session that this process may have open is in use."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How many sessions one process has open, and for how long.

    ``most``: of all servers; ``idle``: seconds without a call; ``call``: seconds of one call.
    """

    most: int = 32
    idle: float = 300.0
    call: float = 60.0


@dataclass
class ServerSessions:
    """The open sessions. Get them with ``session_for``; ``close_all`` ends them."""

    protected: Protected
    folders: Path
    limits: SessionLimits = SessionLimits()
    compare: Compare = _ignore
    clock: Callable[[], float] = time.monotonic
    _open: dict[Key, ServerSession] = field(default_factory=dict)
    _configured: dict[Key, McpServer] = field(default_factory=dict)
    _locks: dict[Key, asyncio.Lock] = field(default_factory=dict)
    _opening: set[Key] = field(default_factory=set)
    _waiting: dict[Key, int] = field(default_factory=dict)

    @asynccontextmanager
    async def session_for(
        self, server: McpServer, scope: SessionScope, bearer: TokenSource | None = None
    ) -> AsyncIterator[ServerSession]:
        """Yield the session of a server for this scope, opening one if needed.

        It isn't ended as idle during the block.

        Raises:
            Busy: as many as allowed are in use.
            BadInput, Unavailable: it can't be opened.
        """
        # An account belongs to one scope, so its session does too, even if the server is shared.
        key: Key = (server.id, None if server.shared and bearer is None else scope)
        lock = self._locks.setdefault(key, asyncio.Lock())
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            async with lock:
                session = await self._opened(key, server, bearer)
                session.calls += 1
            try:
                await self._compare(session)
                yield session
            finally:
                session.calls -= 1
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                if key not in self._open:
                    self._locks.pop(key, None)

    async def _opened(
        self, key: Key, server: McpServer, bearer: TokenSource | None
    ) -> ServerSession:
        session = self._open.get(key)
        if session is not None and session.is_open and self._configured[key] == server:
            return session
        if session is not None:
            await self._end(key)
        await self._make_room()
        self._opening.add(key)
        try:
            session = ServerSession(server, bearer)
            await session.open(self.protected, self.folders)
            session.changed.set()  # they may have changed since the owner approved them
            self._open[key], self._configured[key] = session, server
            return session
        finally:
            self._opening.discard(key)

    async def _compare(self, session: ServerSession) -> None:
        """Let the tools be compared, if the server may have changed them. It never fails a call."""
        if not session.changed.is_set():
            return
        session.changed.clear()
        try:
            await self.compare(session.server, await session.tools())
        except (BadInput, Lost, NoReplyInTime, Unavailable) as error:
            log.warning("the tools of a server were not compared", error=type(error).__name__)

    async def _make_room(self) -> None:
        while len(self._open) + len(self._opening) >= self.limits.most:
            idle = [key for key, one in self._open.items() if not one.calls]
            if not idle:
                raise Busy
            await self._end(min(idle, key=lambda key: self._open[key].used_at))

    async def _end(self, key: Key) -> None:
        session = self._open.pop(key, None)
        self._configured.pop(key, None)
        if key not in self._waiting:
            self._locks.pop(key, None)
        if session is not None:
            await session.close()

    async def end_idle(self) -> None:
        """End the sessions that nobody has used for a while, and those that have died."""
        now = self.clock()
        for key, session in list(self._open.items()):
            is_idle = not session.calls and now - session.used_at >= self.limits.idle
            if is_idle or not session.is_open:
                await self._end(key)

    async def end_ended(self, allowed: Allowed) -> None:
        """End the sessions of scopes and servers that exist no more or aren't welcome."""
        if not self._open:
            return
        left = set(self._open) - await allowed(set(self._open))
        for key in left:
            await self._end(key)

    @property
    def keys(self) -> set[Key]:
        """The open sessions."""
        return set(self._open)

    @asynccontextmanager
    async def kept(self, allowed: Allowed) -> AsyncIterator[None]:
        """Look after the sessions while the block runs; end all of them with it."""
        _remove_left_behind(self.folders)
        stop = asyncio.Event()
        async with running(self._look_after(allowed, stop), "tool sessions", grace=LOOK_SECONDS):
            try:
                yield
            finally:
                stop.set()
                await self.close_all()

    async def _look_after(self, allowed: Allowed, stop: asyncio.Event) -> None:
        while not await happens(stop, LOOK_SECONDS):
            try:
                await self.end_idle()
                await self.end_ended(allowed)
            except Exception as error:  # the database may be away for a while
                log.warning("tool sessions could not be checked", error=type(error).__name__)

    async def close_all(self) -> None:
        """End every session."""
        closing = [start(self._end(key), "closing a tool session") for key in list(self._open)]
        await end(*closing, grace=CLOSE_SECONDS)


def _remove_left_behind(folders: Path) -> None:
    """Delete the folders of processes that no longer exist."""
    if not folders.is_dir():
        return
    for folder in folders.iterdir():
        process = folder.name.partition("-")[0]
        if process.isdigit() and not _exists(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

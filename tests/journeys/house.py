"""One installation in this process, and the Bot API server that it reaches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from discreet.app import App
from discreet.domain.platform import ChannelSecret
from discreet.oversight.admission import set_admission
from discreet.oversight.channels import ConnectedChannel
from discreet.postgres.server import Database
from discreet.scope import Door
from discreet.settings import Settings
from tests.support.bot_api import TOKEN, BotApi, bot_api
from tests.support.world import make_world

PATIENCE = 30.0


@dataclass
class House:
    """One installation, and the Bot API that it reaches."""

    app: App
    api: BotApi
    admin: psycopg.Connection[Any]

    @asynccontextmanager
    async def serving(self, app: App | None = None) -> AsyncIterator[None]:
        ready = asyncio.Event()
        task = asyncio.create_task((app or self.app).serve(ready.set))
        await asyncio.wait({task, asyncio.create_task(ready.wait())}, return_when="FIRST_COMPLETED")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def storing_nothing(self) -> AsyncIterator[None]:
        """Meanwhile no message can be stored. In a thread of its own: what runs here may hold a
        lock on these tables, and couldn't go on while it was waited for."""
        names = (("messages", "hidden"), ("quarantine", "also_hidden"))
        for name, hidden in names:
            await asyncio.to_thread(
                self.admin.execute, f"ALTER TABLE discreet.{name} RENAME TO {hidden}"
            )
        try:
            yield
        finally:
            for name, hidden in names:
                await asyncio.to_thread(
                    self.admin.execute, f"ALTER TABLE discreet.{hidden} RENAME TO {name}"
                )

    async def until(self, holds: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not holds():  # noqa: ASYNC110 - what is awaited happens in a database
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"it didn't come to that: {self.standing()}") from None

    def standing(self) -> dict[str, list[Any]]:
        """How far messages, answers, jobs and channels are."""
        return {
            what: self.admin.execute(f"SELECT {columns}").fetchall()
            for what, columns in {
                "messages": "direction, state, created_at FROM discreet.messages",
                "outbox": "state, attempts, error, next_try_at FROM discreet.outbox",
                "jobs": "status, lock, scheduled_at FROM queue.procrastinate_jobs",
                "channels": "platform, heard_until, trouble FROM discreet.channels",
                "at work": "usename, state, wait_event FROM pg_stat_activity"
                " WHERE datname = current_database()",
            }.items()
        }

    async def connect(self, app: App | None = None) -> ConnectedChannel:
        """A bot that whoever writes to is let in."""
        app = app or self.app
        channel = await app.add_channel("Ada", "telegram", ChannelSecret(TOKEN))
        await set_admission(app.door, app.owner_id, "Ada", "telegram", "open")
        return channel

    def count(self, what: str) -> int:
        row = self.admin.execute(f"SELECT count(*) FROM discreet.{what}").fetchone()
        assert row is not None
        return int(row[0])

    def app_with(self, **settings: Any) -> App:
        """The same installation under other settings."""
        app = self.app
        changed = app.settings.model_copy(update=settings)
        return App(changed, app.database, app.door, app.owner_id)


@asynccontextmanager
async def open_house(
    database: Database, door: Door, home: Path, admin: psycopg.Connection[Any]
) -> AsyncIterator[House]:
    """An installation with an agent and no channel yet."""
    world = await make_world(door)
    async with bot_api() as api:
        settings = Settings(home=home, telegram_base_url=api.base_url)
        yield House(App(settings, database, door, world.owner_id), api, admin)

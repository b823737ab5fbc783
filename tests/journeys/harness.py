"""One installation in this process, and its Bot API server."""

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
from discreet.postgres.server import Database
from discreet.schemas.channels import ConnectedChannel
from discreet.scope import ScopedDatabase
from discreet.services.admission import set_admission
from discreet.services.channels import connect_channel
from discreet.serving import serve
from discreet.settings import Settings
from tests.support.bot_api import TOKEN, BotApi, bot_api
from tests.support.waiting import Faults, retry_seconds, until
from tests.support.world import make_world

REFUSE = """
CREATE SEQUENCE public.refused;
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM nextval('public.refused');  -- counts on, although the rest is rolled back
  RAISE EXCEPTION 'nothing can be stored now' USING ERRCODE = 'disk_full';
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON discreet.messages
  FOR EACH ROW EXECUTE FUNCTION public.refuse();
CREATE TRIGGER refuse BEFORE INSERT ON discreet.quarantine
  FOR EACH ROW EXECUTE FUNCTION public.refuse();
"""
STOP_REFUSING = "DROP FUNCTION public.refuse CASCADE; DROP SEQUENCE public.refused"
FAULTS_SECONDS = retry_seconds(Faults.MAX_IN_A_ROW, answers=6)
"""Maximum delay of answers by random platform failures: six answers for one person."""


@dataclass
class Harness:
    """One installation, and its Bot API server."""

    app: App
    api: BotApi
    admin: psycopg.Connection[Any]

    @asynccontextmanager
    async def serving(self, app: App | None = None) -> AsyncIterator[None]:
        ready = asyncio.Event()
        task = asyncio.create_task(serve(app or self.app, ready.set))
        try:
            await until(lambda: ready.is_set() or task.done(), "a server")
            if task.done():
                task.result()
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def storing_nothing(self) -> AsyncIterator[Callable[[], bool]]:
        """Make storing messages fail. Yield a function that says whether one has been refused.

        It uses its own thread: code in this one may hold a lock on these tables, and couldn't
        continue while it is waited for.
        """
        await asyncio.to_thread(self.admin.execute, REFUSE)
        try:
            yield lambda: self._refused() > 0
        finally:
            await asyncio.to_thread(self.admin.execute, STOP_REFUSING)

    def _refused(self) -> int:
        [(number, called)] = self.admin.execute(
            "SELECT last_value, is_called FROM public.refused"
        ).fetchall()
        return int(number) if called else 0

    async def until(
        self, holds: Callable[[], bool], what: str = "it", *, faults_seconds: float = 0.0
    ) -> None:
        """Wait for the processes of this installation; see ``until``."""
        await until(holds, what, outstanding=self.outstanding, faults_seconds=faults_seconds)

    def outstanding(self) -> dict[str, list[Any]]:
        """Return the messages, answers, jobs and channels that aren't done."""
        return {
            what: self.admin.execute(f"SELECT {columns}").fetchall()
            for what, columns in {
                "messages": "state, created_at FROM discreet.messages"
                " WHERE direction = 'in' AND state NOT IN ('answered', 'context')",
                "outbox": "state, attempts, error, next_try_at FROM discreet.outbox"
                " WHERE state <> 'sent'",
                "jobs": "status, lock, scheduled_at FROM queue.procrastinate_jobs",
                "channels": "platform, received_through, last_error FROM discreet.channels",
                "at work": "usename, state, wait_event FROM pg_stat_activity"
                " WHERE datname = current_database()",
            }.items()
        }

    def receiving(self) -> int:
        """Count the processes that hold a channel's lease or keep trying to get it."""
        [(number,)] = self.admin.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'discreet-lease' AND query LIKE '%queue.leases%'"
        ).fetchall()
        return int(number)

    async def connect(self, app: App | None = None) -> ConnectedChannel:
        """Connect a bot that admits everyone."""
        app = app or self.app
        channel = await connect_channel(app.channels, "Ada", "telegram", ChannelSecret(TOKEN))
        await set_admission(app.db, app.owner_id, "Ada", "telegram", "open")
        return channel

    def count(self, what: str) -> int:
        row = self.admin.execute(f"SELECT count(*) FROM discreet.{what}").fetchone()
        assert row is not None
        return int(row[0])

    def app_with(self, **settings: Any) -> App:
        """Return the same installation with other settings."""
        app = self.app
        changed = app.settings.model_copy(update=settings)
        return App(changed, app.database, app.db, app.owner_id)


@asynccontextmanager
async def open_harness(
    database: Database, db: ScopedDatabase, home: Path, admin: psycopg.Connection[Any]
) -> AsyncIterator[Harness]:
    """Yield an installation with an agent and no channel yet."""
    world = await make_world(db)
    async with bot_api() as api:
        settings = Settings(home=home, telegram_base_url=api.base_url)
        yield Harness(App(settings, database, db, world.owner_id), api, admin)

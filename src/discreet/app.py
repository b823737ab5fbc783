"""The composition root: builds what the process needs, and binds the names of jobs to functions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from discreet.auth.channel_secrets import load_secret
from discreet.auth.channels_file import take_over_channels_file
from discreet.channel_registry import Platforms
from discreet.channels.terminal import TerminalMessage, to_inbound
from discreet.domain.concurrency import happens, relying_on
from discreet.domain.errors import BadInput, DiscreetError, NotFound, Unavailable
from discreet.domain.ids import MessageId, OwnerId, RouteId, SessionId, TurnId
from discreet.domain.inbound import Inbound
from discreet.domain.platform import ChannelSecret
from discreet.gateway import Gateway
from discreet.intake import Accepted, accept
from discreet.postgres.server import Database, open_database
from discreet.queue.wakes import Wakes
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope
from discreet.scope.scopes import Role, SessionScope
from discreet.services.channels import (
    ConnectedChannel,
    add_channel,
    find_channel,
    remove_channel,
    terminal_of,
)
from discreet.services.context import OperationContext, in_scope
from discreet.services.requeue import why_silent
from discreet.services.seed import make_example_agent
from discreet.sessions.replies import MessageReply, reply_to
from discreet.settings import Settings

if TYPE_CHECKING:
    from discreet.memory.embedding import Embedder
    from discreet.turn.result import TurnResult

POOL_SIZES: dict[Role, int] = {"discreet_contact": 8}
"""Connections that one process holds at most, where it differs from the door's default."""

LOOK_SECONDS = 2.0
"""How often whoever waits looks for an answer, also where nothing says that there is one."""
LEAST_LOOK_SECONDS = 0.01
"""How soon they look again, however often they are told to."""
SERVED_POLL_SECONDS = 1.0
"""How often a terminal looks whether somebody still works on it."""
HUNG_SECONDS = 120.0
"""How much longer than its model a turn may take before it counts as hung."""
ENDING_SECONDS = 60.0
"""How long the end of the work here may take; the worker gives itself less."""
OUTAGE_SECONDS = 60.0
"""How long a terminal that waits bears with a database that can't be reached."""

Progress = Callable[[str], None]
OnText = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``failed``: every attempt at an answer failed, and this is the excuse."""

    text: str
    failed: bool


class Stopped(DiscreetError):
    """Its sender said ``/stop`` after it: it is kept, and nobody answers it."""


class App:
    """A database that is up, the door to it, and what can be done with both."""

    def __init__(
        self, settings: Settings, database: Database, db: ScopedDatabase, owner_id: OwnerId
    ):
        self.settings = settings
        self.database = database
        self.db = db
        self.owner_id = owner_id
        self.wakes = Wakes(database.conninfo("discreet_worker"))

    async def accept(self, inbound: Inbound) -> Accepted:
        """Stores a message that a channel took in; see ``discreet.intake.accept``."""
        return await accept(self.db, self.owner_id, inbound)

    async def say(self, said: TerminalMessage) -> Accepted:
        """Stores what was typed at a terminal.

        Raises:
            BadInput, NotFound: what is wrong with it; nothing was stored.
        """
        async with self.db.begin(self.scope) as tx:
            channel_id = await terminal_of(tx, said.agent)
        return await self.accept(to_inbound(said, channel_id))

    async def accepted_before(self, message_id: MessageId) -> Accepted:
        """A message that was stored before.

        Raises:
            NotFound: there is none.
        """
        async with self.db.begin(self.scope) as tx:
            row = await tx.fetch_one(
                "SELECT session_id, contact_id FROM discreet.messages WHERE id = %(id)s",
                {"id": message_id},
            )
        if row is None:
            raise NotFound("No such message.")
        return Accepted(message_id, row["session_id"], row["contact_id"], new=False)

    async def add_channel(
        self, agent: str | None, platform: str, secret: ChannelSecret, account: str = ""
    ) -> ConnectedChannel:
        """Connects an account to an agent, once the platform has said whose secret it is.

        Raises:
            BadInput: the platform doesn't know the secret, or there is no such platform.
            Unavailable: the platform can't be reached; nothing was kept.
            NotFound, Conflict: no such agent; the account leads to another one.
        """
        platforms = Platforms(self.settings)
        if platform not in platforms:
            raise BadInput(
                f"{platform!a} is not a known platform.",
                hint=f"Known platforms: {', '.join(platforms)}.",
            )
        me = await platforms[platform].identify(secret, account)
        key = self.database.sealing_key
        return await add_channel(self.db, self.owner_id, agent, platform, me, secret, key)

    async def test_channel(self, what: str) -> ConnectedChannel:
        """Asks the platform whether a channel can be used; what the platform calls it now.

        Raises:
            NotFound: no such channel.
            SecretMissing: its token is missing, or can't be read on this server.
            BadInput, Unavailable: the platform's answer.
        """
        channel = await find_channel(self.db, self.owner_id, what)
        async with self.db.begin(self.scope) as tx:
            key = self.database.sealing_key
            secret = await load_secret(tx, key, channel.platform, channel.account)
        if secret is None:
            raise NotFound(f"{channel.label} was removed.", hint="See: sb channels list")
        await Platforms(self.settings)[channel.platform].identify(secret, channel.account)
        return channel

    async def remove_channel(self, what: str) -> ConnectedChannel:
        """Disconnects a channel and forgets its token; its conversations stay.

        Raises:
            NotFound: no such channel.
        """
        channel = await find_channel(self.db, self.owner_id, what)
        await remove_channel(self.db, self.owner_id, channel.id)
        return channel

    async def answer_to(
        self,
        accepted: Accepted,
        scope: SessionScope,
        on_text: OnText,
        on_delay: OnText,
        *,
        delivered: bool = False,
    ) -> Answer:
        """Wait for the answer to a message, as ``scope`` sees it: until it is saved, or until it is
        ``delivered``, so that whoever works here has nothing left to do. ``on_text`` gets what is
        written so far, whole. ``on_delay`` gets one line about why it takes longer, which only
        the owner is told: an attempt failed and is followed by another, or the agent may not speak
        now.

        Raises:
            Stopped: nobody answers it any more.
            Unavailable: the database is gone. The message is stored, and is answered later.
        """
        shown, told = "", None
        is_owner = isinstance(scope, OwnerScope)
        silence: str | None = None
        asked_at = 0.0
        async with self.wakes.waiting(accepted.message_id) as woken:
            async for reply in self._replies(accepted.message_id, scope, woken):
                if reply.answer is not None and (reply.sent or not delivered):
                    return Answer(reply.answer, reply.failed)
                if reply.dropped:
                    raise Stopped("This message was stopped before it was answered.")
                if is_owner and reply.last_error is not None and reply.last_error != told:
                    told = reply.last_error
                    await on_delay(f"The agent tries again ({told})")
                if is_owner and time.monotonic() - asked_at > SERVED_POLL_SECONDS:
                    asked_at, before = time.monotonic(), silence
                    silence = await why_silent(self.db, self.owner_id, accepted.session_id)
                    if silence is not None and silence != before:
                        await on_delay(silence)
                if reply.draft is not None and reply.draft != shown:
                    shown = reply.draft
                    await on_text(shown)
        raise AssertionError("a wait ends with an answer")

    async def _replies(
        self, message_id: MessageId, scope: SessionScope, woken: asyncio.Event
    ) -> AsyncIterator[MessageReply]:
        """What has become of a message: now, whenever there is news, and every few seconds."""
        seen_at = time.monotonic()
        while True:
            woken.clear()
            try:
                async with self.db.begin(scope) as tx:
                    reply = await reply_to(tx, message_id)
            except Unavailable:
                if time.monotonic() - seen_at > OUTAGE_SECONDS:
                    raise
                await asyncio.sleep(SERVED_POLL_SECONDS)
                continue
            seen_at = time.monotonic()
            yield reply
            await asyncio.sleep(LEAST_LOOK_SECONDS)
            await happens(woken, LOOK_SECONDS)

    @property
    def scope(self) -> OwnerScope:
        """The scope of whoever runs the installation."""
        return OwnerScope(self.owner_id)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Sees to it that somebody works: this process, unless and until another one serves."""
        stop = asyncio.Event()
        working = self._work_unless_served(stop)
        # Broken off if nobody works: it would wait for an answer that nobody writes.
        async with relying_on(working, "work unless served", grace=ENDING_SECONDS):
            try:
                yield
            finally:
                stop.set()

    def embedder(self) -> Embedder:
        """What makes texts comparable in this installation.

        Raises:
            BadInput: the settings name none that there is.
        """
        from discreet.memory.embedders import open_embedder

        return open_embedder(self.settings)

    @property
    def context(self) -> OperationContext:
        """The context of an operation in the owner's scope, as it is run at the terminal."""
        return in_scope(self.db, self.scope, self.embedder, "cli")

    async def rehearse(self, turn_id: TurnId) -> TurnResult:
        """A turn once more, as a dry run; see ``discreet.turn.dry_run``."""
        from discreet.turn.dry_run import rehearse
        from discreet.turn.responders import make_responder

        responder = make_responder(self.settings)
        return await rehearse(self.db, self.owner_id, turn_id, self.embedder(), responder)

    async def serve(self, ready: Callable[[], None], stop: asyncio.Event | None = None) -> None:
        """Works and delivers until ``stop`` is set; what was begun is finished first."""
        from discreet.queue.backlog import indexing
        from discreet.queue.server_lock import serving
        from discreet.services.policy import write_policy

        await write_policy(self.db, self.settings)
        async with (
            serving(self.database.conninfo("discreet_worker")),
            indexing(self.db, self.embedder()),
            self._gateway() as gateway,
            self._worker(gateway),
            gateway.receiving(),
        ):
            ready()
            await (stop or asyncio.Event()).wait()

    async def _work_unless_served(self, stop: asyncio.Event) -> None:
        from discreet.queue.server_lock import is_served

        while not stop.is_set():
            # While the database can't be reached, nobody can work on anything.
            with suppress(Unavailable):
                if not await is_served(self.db):
                    async with self._gateway() as gateway, self._worker(gateway):
                        await stop.wait()
                    return
            await happens(stop, SERVED_POLL_SECONDS)

    @asynccontextmanager
    async def _gateway(self) -> AsyncIterator[Gateway]:
        gateway = Gateway(
            self.settings,
            self.db,
            self.database.conninfo("discreet_worker"),
            self.database.sealing_key,
        )
        try:
            yield gateway
        finally:
            await gateway.close()

    @asynccontextmanager
    async def _worker(self, gateway: Gateway) -> AsyncIterator[None]:
        # What only a worker needs is imported here: a command that just asks stays quick.
        from discreet.delivery import deliver
        from discreet.intake.retry import release_due
        from discreet.queue.worker import Slots, Work, work
        from discreet.services.agents import list_agents
        from discreet.turn.prompt import Budget
        from discreet.turn.responders import import_responders, make_responder, summariser_for
        from discreet.turn.run import Turns, run_turn

        agents = await list_agents(self.db, self.owner_id)
        await import_responders(self.settings, [agent.model for agent in agents if agent.model])
        turns = Turns(
            db=self.db,
            embedder=self.embedder(),
            responder=make_responder(self.settings),
            max_attempts=self.settings.turn_max_attempts,
            budget=Budget(),
            summarise=summariser_for(self.settings),
            show_typing=gateway.show_typing,
            fetch=gateway.fetch,
            platforms=gateway,
            total_seconds=self.settings.turn_total_seconds,
        )

        async def one_turn(session_id: SessionId) -> None:
            await run_turn(turns, session_id)

        async def one_route(route_id: RouteId) -> None:
            await deliver(self.db, gateway.channel_of, route_id)

        async def release_quarantined() -> None:
            await release_due(self.db)

        async with work(
            self.database.conninfo("discreet_worker"),
            self.db,
            Work(
                one_turn,
                one_route,
                release_quarantined,
                gateway.platforms,
                turn_seconds=turns.total_seconds + HUNG_SECONDS,
            ),
            Slots(self.settings.max_turns, self.settings.max_turns_per_agent),
        ):
            yield


@asynccontextmanager
async def open_app(settings: Settings, progress: Progress = lambda _: None) -> AsyncIterator[App]:
    """An installation that is ready: database up and migrated, an owner and an agent in it.

    ``progress`` gets a line for each thing that takes long; it may be called from another thread.

    Raises:
        Unavailable: the database can't be started or reached.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, progress))
        db = ScopedDatabase(database.conninfo, database.ticket_key, POOL_SIZES)
        stack.push_async_callback(db.close)
        async with db.begin(WorkScope()) as tx:
            owner_id = OwnerId(
                await tx.value("SELECT gate.find_or_create_first_owner(%s)", ("Owner",))
            )
        await make_example_agent(db, owner_id)
        await take_over_channels_file(db, owner_id, database.sealing_key, settings.home)
        app = App(settings, database, db, owner_id)
        stack.push_async_callback(app.wakes.close)
        yield app

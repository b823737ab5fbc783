"""The composition root: build the object graph, and bind job names to functions.

Every command opens an installation, and few need channels, web chats or a worker. So what only some
need is imported where it is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

from discreet.auth.channels_file import take_over_channels_file
from discreet.domain.canaries import Canaries, watch
from discreet.domain.ids import OwnerId, RouteId, SessionId
from discreet.postgres.server import Database, open_database
from discreet.queue.wakes import Wakes
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope
from discreet.scope.scopes import Role, SessionScope
from discreet.services.context import OperationContext, in_scope
from discreet.services.seed import make_example_agent
from discreet.settings import Settings

if TYPE_CHECKING:
    from discreet.gateway import Gateway
    from discreet.memory.embedding import Embedder
    from discreet.queue.job_scope import DueRoute
    from discreet.services.channels import ChannelAccess
    from discreet.services.event_webhooks import WebhookAccess
    from discreet.services.tool_access import ToolAccess
    from discreet.services.web_chats import WebChatAccess

POOL_SIZES: dict[Role, int] = {"discreet_contact": 8}
"""Maximum connections per process that differ from the default of ``ScopedDatabase``."""
HUNG_SECONDS = 120.0
"""Seconds beyond its model's limit after which a turn counts as hung."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class App:
    """An open installation: its settings, its database, and the owner it acts for.

    ``made_agent``: the first agent, if it was made just now.
    """

    settings: Settings
    database: Database
    db: ScopedDatabase
    owner_id: OwnerId
    made_agent: str | None = None
    wakes: Wakes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wakes", Wakes(self.database.conninfo("discreet_worker")))

    @property
    def scope(self) -> OwnerScope:
        """The scope of the person who runs the installation."""
        return OwnerScope(self.owner_id)

    @property
    def context(self) -> OperationContext:
        """The context of an operation in the owner's scope, as run at the terminal."""
        return in_scope(self.db, self.scope, self.embedder, "cli")

    @property
    def channels(self) -> ChannelAccess:
        """The parts needed to connect channels."""
        return self.channels_of(self.owner_id)

    def channels_of(self, owner_id: OwnerId) -> ChannelAccess:
        """Return the same for the channels of any owner."""
        from discreet.channel_registry import ChannelRegistry
        from discreet.services.channels import ChannelAccess

        return ChannelAccess(
            self.db, owner_id, ChannelRegistry(self.settings), self.database.sealing_key
        )

    @property
    def tools(self) -> ToolAccess:
        """What is needed to reach the servers of agents."""
        from discreet.services.tool_access import ToolAccess
        from discreet.tools.sandbox import protected_by

        home = self.settings.home
        protected = protected_by(home, self.database.conninfo("discreet_contact"))
        return ToolAccess(
            self.db,
            self.owner_id,
            self.database.sealing_key,
            protected,
            home / "tools",
            self.settings.public_url,
        )

    @property
    def web_chats(self) -> WebChatAccess:
        """What web chats need."""
        from discreet.services.web_chats import WebChatAccess

        return WebChatAccess(self.db, self.owner_id, self.database.sealing_key)

    @property
    def webhooks(self) -> WebhookAccess:
        """What is needed to call webhooks."""
        from discreet.services.event_webhooks import WebhookAccess

        return WebhookAccess(self.db, self.database.sealing_key)

    def embedder(self) -> Embedder:
        """Open the embedder of this installation.

        Raises:
            BadInput: the settings name an unknown one.
        """
        from discreet.memory.embedders import open_embedder

        return open_embedder(self.settings)

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Gateway]:
        """Open the channels of this process."""
        from discreet.gateway import Gateway

        gateway = Gateway(
            self.settings,
            self.db,
            self.database.conninfo("discreet_worker"),
            self.database.sealing_key,
            self.wakes,
        )
        try:
            yield gateway
        finally:
            await gateway.close()

    @asynccontextmanager
    async def worker(self, gateway: Gateway) -> AsyncIterator[None]:
        """Bind the names of jobs to functions, and work while the context is open."""
        from discreet.delivery import deliver
        from discreet.domain.quiet_hours import QuietHours
        from discreet.intake.retry import release_due
        from discreet.queue.worker import Slots, Work, work
        from discreet.services.agents import list_agents
        from discreet.services.attention import find_concerns
        from discreet.services.event_webhooks import send_webhooks
        from discreet.services.own_data import erase_due
        from discreet.services.owner_notices import NoticeRules, notify_owners
        from discreet.services.revoking import revoke_expired, revoking
        from discreet.services.tool_access import note_offered
        from discreet.tools.outgoing_calls import ToolCaller
        from discreet.tools.sessions import ServerSessions
        from discreet.turn.reminders import fire_reminder
        from discreet.turn.responders import Models, import_responders
        from discreet.turn.run import run_turn
        from discreet.turn.server_tools import open_server_tools
        from discreet.turn.turns import Turns

        tools = self.tools
        sessions = ServerSessions(
            tools.protected, tools.folders, compare=partial(note_offered, tools)
        )
        agents = await list_agents(self.db, self.owner_id)
        named = [name for agent in agents for name in (agent.model, *agent.fallback_models) if name]
        await import_responders(self.settings, named)
        models = Models(self.settings)

        turns = Turns(
            db=self.db,
            embedder=self.embedder(),
            responder=models.answer,
            max_attempts=self.settings.turn_max_attempts,
            budget=models.budget,
            budget_for=models.budget_for,
            summarise=models.summarise,
            show_typing=gateway.show_typing,
            fetch=gateway.fetch,
            platforms=gateway,
            total_seconds=self.settings.turn_total_seconds,
            zone=ZoneInfo(self.settings.timezone),
            look=partial(find_concerns, self.channels, self.settings),
            servers=partial(open_server_tools, tools, ToolCaller(sessions)),
            revoking=partial(revoking, tools),
            at_terminal=True,
        )

        async def one_turn(session_id: SessionId, scope: SessionScope) -> bool:
            return await run_turn(turns, session_id, scope)

        async def one_route(route_id: RouteId, route: DueRoute) -> bool:
            return await deliver(self.db, gateway.channel_of, route_id, route)

        async def one_reminder(reminder_id: UUID) -> None:
            await fire_reminder(self.db, reminder_id)

        async def release_quarantined() -> None:
            await release_due(self.db)

        quiet = self.settings.owner_quiet_hours
        rules = NoticeRules(
            QuietHours.parse(quiet) if quiet else None,
            timedelta(minutes=self.settings.owner_digest_minutes),
            turns.zone,
        )

        async def tell_everyone() -> None:
            await notify_owners(self.db, rules)

        async def erase_who_asked() -> None:
            await erase_due(self.db, self.settings.home, tools)

        async def call_webhooks() -> None:
            await send_webhooks(self.webhooks)

        async def revoke_accounts() -> None:
            await revoke_expired(tools)

        async with (
            sessions.kept(tools.still_allowed),
            work(
                self.database.conninfo("discreet_worker"),
                self.db,
                Work(
                    one_turn,
                    one_route,
                    release_quarantined,
                    gateway.platforms,
                    notify_owners=tell_everyone,
                    call_webhooks=call_webhooks,
                    remind=one_reminder,
                    erase_due=erase_who_asked,
                    revoke_accounts=revoke_accounts,
                    turn_seconds=turns.total_seconds + HUNG_SECONDS,
                ),
                Slots(self.settings.max_turns, self.settings.max_turns_per_agent),
            ),
        ):
            yield


@asynccontextmanager
async def open_app(settings: Settings, progress: Progress = lambda _: None) -> AsyncIterator[App]:
    """Open an installation: start and migrate the database, and create an owner and an agent.

    ``progress`` gets a line for each slow step; it may be called from another thread.

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
        made_agent = await make_example_agent(db, owner_id)
        watch(Canaries(database.sealing_key) if settings.canaries else None)
        await take_over_channels_file(db, owner_id, database.sealing_key, settings.home)
        app = App(settings, database, db, owner_id, made_agent)
        stack.push_async_callback(app.wakes.close)
        yield app

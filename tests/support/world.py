"""A small world for tests: an owner, agents with terminals, and people who write to them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID, uuid4

import psycopg

from discreet.domain.addresses import Address
from discreet.domain.ids import AgentId, ChannelId, ContactId, OwnerId
from discreet.domain.inbound import AddressSender, Group, Inbound, OwnerSender, Sender
from discreet.intake import Accepted, accept
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, WorkScope
from discreet.scope.scopes import Role, SessionScope
from discreet.services.agents import create_agent
from discreet.services.channels import terminal_of
from discreet.services.context import OperationContext, in_scope


@asynccontextmanager
async def open_scoped(database: Database, size: int = 4) -> AsyncIterator[ScopedDatabase]:
    """Yield a scoped database for a test; ``size`` connections per role."""
    db = ScopedDatabase(database.conninfo, database.ticket_key, dict.fromkeys(get_args(Role), size))
    try:
        yield db
    finally:
        await db.close()


@dataclass
class World:
    """One owner with one agent on a terminal. ``number`` makes platform message ids."""

    db: ScopedDatabase
    owner_id: OwnerId
    agent_id: AgentId
    channel_id: ChannelId
    said: dict[str, Accepted] = field(default_factory=dict)

    async def say(
        self,
        sender: str | None,
        text: str,
        *,
        group: str | None = None,
        name: str = "",
        thread_key: str = "",
        message_id: str | None = None,
        new: bool = False,
        channel_id: ChannelId | None = None,
        chat: str | None = None,
        sent_at: datetime | None = None,
        title: str = "",
        **more: Any,
    ) -> Accepted:
        """Stores a message from an address (None: the owner), in a group or directly; on the
        agent's terminal and in the sender's own chat, unless others are named. ``title``: of the
        group. ``more``: other
        attributes of the ``Inbound``."""
        who: Sender = (
            OwnerSender() if sender is None else AddressSender(Address.parse(sender), name)
        )
        return await accept(
            self.db,
            self.owner_id,
            Inbound(
                channel_id=channel_id or self.channel_id,
                chat_id=chat or group or sender or "owner",
                message_id=message_id or str(uuid4()),
                sender=who,
                text=text,
                sent_at=sent_at or datetime.now(UTC),
                group=None if group is None else Group(Address.parse(group), title),
                thread_key=thread_key,
                new_session=new,
                **more,
            ),
        )

    async def answer(self, to: Accepted, text: str) -> UUID:
        """Store an answer of the agent, as if a turn had ended; return the message's id."""
        scope = self.contact(to.contact_id) if to.contact_id else self.owner
        async with self.db.begin(scope) as tx:
            made: UUID = await tx.value(
                "WITH here AS (UPDATE discreet.sessions SET last_position = last_position + 1"
                "   WHERE id = %(session)s RETURNING last_position)"
                " INSERT INTO discreet.messages"
                "   (session_id, route_id, position, direction, state, text)"
                " SELECT %(session)s, m.route_id, here.last_position, 'out', 'sent', %(text)s"
                "   FROM here, discreet.messages m WHERE m.id = %(message)s RETURNING id",
                {"session": to.session_id, "message": to.message_id, "text": text},
            )
        return made

    async def add_channel(
        self, platform: str, account: str = "", admission: str = "open"
    ) -> ChannelId:
        """Add a channel of the agent on a platform, without debouncing."""
        async with self.db.begin(self.owner) as tx:
            made = await tx.value(
                "INSERT INTO discreet.channels (agent_id, platform, account, admission)"
                " VALUES (%s, %s, %s, %s) RETURNING id",
                (self.agent_id, platform, account, admission),
            )
            await tx.execute("UPDATE discreet.channels SET debounce = '0' WHERE id = %s", (made,))
        return ChannelId(made)

    def context(self, scope: SessionScope | None = None) -> OperationContext:
        """Return an operation's context in a scope; by default the owner's without an agent."""
        within = OwnerScope(self.owner_id) if scope is None else scope
        return in_scope(self.db, within, bundled_embedder, "cli")

    def contact(self, contact_id: ContactId | None) -> ContactScope:
        assert contact_id is not None
        return ContactScope(self.owner_id, self.agent_id, contact_id)

    @property
    def owner(self) -> OwnerScope:
        return OwnerScope(self.owner_id, self.agent_id)


async def make_world(
    db: ScopedDatabase, *, agent: str = "Ada", memory_model: str = "per_contact"
) -> World:
    """Return the installation's owner (created if new) with an agent of this name."""
    async with db.begin(WorkScope()) as tx:
        owner_id = OwnerId(await tx.value("SELECT gate.find_or_create_first_owner('Olga')"))
    change = AgentChange(memory_model="shared" if memory_model == "shared" else "per_contact")
    made = await create_agent(db, owner_id, agent, change)
    async with db.begin(OwnerScope(owner_id)) as tx:
        channel_id = await terminal_of(tx, agent)
    return World(db, owner_id, made.id, channel_id)


async def other_owner(world: World, admin: psycopg.Connection[Any]) -> World:
    """Return another owner in the same database, with an agent of the same name."""
    made = admin.execute("INSERT INTO discreet.owners (name) VALUES ('Otto') RETURNING id")
    row = made.fetchone()
    assert row is not None
    owner_id = OwnerId(row[0])
    agent = await create_agent(world.db, owner_id, "Ada")
    async with world.db.begin(OwnerScope(owner_id)) as tx:
        channel_id = await terminal_of(tx, "Ada")
    return World(world.db, owner_id, agent.id, channel_id)

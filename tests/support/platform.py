"""A world in which people write over a platform: the same intake, without anything on a wire."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from discreet.domain.addresses import Address
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Group, Inbound
from discreet.intake.accept import Accepted, Quarantined, TurnedAway, accept_or_quarantine
from discreet.scope import OwnerScope, ScopedDatabase
from discreet.turn.lease import Lease, NotYet, acquire
from tests.support.world import World, make_world


@dataclass
class Platform:
    """One agent with a Telegram channel; ``channel_id`` is that channel's."""

    world: World
    channel_id: ChannelId

    def inbound(self, sender: str, text: str, *, group: str | None = None, **more: Any) -> Inbound:
        address = Address.parse(sender)
        values: dict[str, Any] = {
            "channel_id": self.channel_id,
            "chat_id": Address.parse(group or sender).platform_id,
            "message_id": str(uuid4()),
            "sender": AddressSender(address, more.pop("name", "")),
            "text": text,
            "sent_at": datetime.now(UTC),
            "group": None if group is None else Group(Address.parse(group), "The Adamses"),
        }
        return Inbound(**{**values, **more})

    async def say(
        self, sender: str, text: str, *, group: str | None = None, **more: Any
    ) -> Accepted | TurnedAway | Quarantined:
        inbound = self.inbound(sender, text, group=group, **more)
        return await accept_or_quarantine(self.world.db, self.world.owner_id, inbound)

    async def accepted(
        self, sender: str, text: str, *, group: str | None = None, **more: Any
    ) -> Accepted:
        said = await self.say(sender, text, group=group, **more)
        assert isinstance(said, Accepted), said
        return said

    async def reason(self, sender: str, text: str, *, group: str | None = None, **more: Any) -> str:
        """Return why a message was turned away; fail if it was taken."""
        said = await self.say(sender, text, group=group, **more)
        assert isinstance(said, TurnedAway), said
        return said.reason

    async def sent(self, chat: str) -> list[str]:
        """Return every text sent or waiting to be sent to a chat, oldest first."""
        async with self.world.db.begin(self.world.owner) as tx:
            found = await tx.fetch(
                "SELECT m.text FROM discreet.outbox o JOIN discreet.messages m"
                " ON m.id = o.message_id JOIN discreet.routes r ON r.id = o.route_id"
                " WHERE r.chat_id = %(chat)s ORDER BY o.created_at",
                {"chat": Address.parse(chat).platform_id},
            )
        return [row["text"] for row in found]

    async def acquire(self, said: Accepted) -> Lease | NotYet | None:
        assert said.contact_id is not None
        async with self.world.db.begin(self.world.contact(said.contact_id)) as tx:
            return await acquire(tx, said.session_id)


async def make_platform(
    db: ScopedDatabase, *, admission: str = "pairing", memory_model: str = "per_contact"
) -> Platform:
    """Return an agent whose channel has this admission policy."""
    return await with_telegram(await make_world(db, memory_model=memory_model), admission)


async def with_telegram(world: World, admission: str = "pairing") -> Platform:
    """Give the agent of a world a channel to Telegram."""
    async with world.db.begin(OwnerScope(world.owner_id)) as tx:
        await tx.execute(
            "INSERT INTO discreet.channels (agent_id, platform, account, admission)"
            " VALUES (%(agent)s, 'telegram', 'bot', %(admission)s)",
            {"agent": world.agent_id, "admission": admission},
        )
        channel_id = await tx.value("SELECT id FROM discreet.channels WHERE platform = 'telegram'")
    return Platform(world, ChannelId(channel_id))

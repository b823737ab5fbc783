"""Messages that are stored in one call: each sender gets the outcome of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg

from discreet.domain.addresses import Address
from discreet.domain.inbound import AddressSender, Inbound
from discreet.intake import accept
from tests.support.turns import rows_of
from tests.support.world import World, other_owner


def _from(world: World, sender: int) -> Inbound:
    address = Address("telegram", str(1000 + sender))
    return Inbound(
        channel_id=world.channel_id,
        chat_id=str(1000 + sender),
        message_id=str(sender),
        sender=AddressSender(address, f"Sender {sender}"),
        text=f"hello from {sender}",
        sent_at=datetime.now(UTC),
    )


async def test_each_of_many_senders_gets_the_ids_of_its_own_message(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    other = await other_owner(world, admin)
    worlds = [(world, sender) for sender in range(20)] + [(other, sender) for sender in range(20)]
    found = await asyncio.gather(
        *[accept(one.db, one.owner_id, _from(one, sender)) for one, sender in worlds]
    )
    for owner, accepted in ((world, found[:20]), (other, found[20:])):
        rows = await rows_of(
            owner,
            'SELECT id, session_id, contact_id FROM discreet.messages ORDER BY text COLLATE "C"',
        )
        stored = {(row["id"], row["session_id"], row["contact_id"]) for row in rows}
        assert {(one.message_id, one.session_id, one.contact_id) for one in accepted} == stored
        texts = await rows_of(owner, "SELECT id, text FROM discreet.messages")
        said = {row["id"]: row["text"] for row in texts}
        assert [said[one.message_id] for one in accepted] == [f"hello from {n}" for n in range(20)]

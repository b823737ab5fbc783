"""Receipts for accepted answers: early, late, twice, in any order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from discreet.delivery import deliver
from discreet.domain.ids import ChannelId, RouteId
from discreet.domain.outbound import Outbound, Sent
from discreet.domain.platform import Receipt, Stage
from discreet.intake.receipts import record_receipt
from discreet.services.status import get_status
from discreet.services.turns import get_turn, list_turns
from discreet.turn.run import run_turn
from tests.support.responders import Responder
from tests.support.turns import Recording, by_platform, turns_of
from tests.support.world import World

Admin = psycopg.Connection[Any]

ALICE = "whatsapp:US.1"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class InParts(Recording):
    """Answers need one message per word, whose ids are the words."""

    def parts(self, text: str) -> int:
        return len(text.split())

    async def send(self, outbound: Outbound) -> Sent:
        self.sent.append(outbound)
        return Sent(outbound.text.split()[outbound.part])


def says(text: str) -> Responder:
    async def reply(*_: Any) -> str:
        return text

    return Responder(reply)


async def answered(world: World, channel: ChannelId, text: str, sender: str = ALICE) -> RouteId:
    """Store an answer that waits to be sent."""
    said = await world.say(sender, "hello", channel_id=channel)
    await run_turn(turns_of(world.db, says(text)), said.session_id)
    async with world.db.begin(world.owner) as tx:
        return RouteId(
            await tx.value(
                "SELECT route_id FROM discreet.messages WHERE id = %(id)s",
                {"id": said.message_id},
            )
        )


async def tell(world: World, channel: ChannelId, name: str, stage: Stage, after: int = 0) -> bool:
    at = AT + timedelta(seconds=after)
    return await record_receipt(
        world.db,
        world.owner_id,
        Receipt(channel, (ALICE, "whatsapp:US.2"), name, stage, at, "no such number"),
    )


def outbox(admin: Admin) -> list[tuple[Any, ...]]:
    return admin.execute(
        "SELECT state, delivered_at, read_at, error FROM discreet.outbox ORDER BY created_at"
    ).fetchall()


async def test_a_long_answer_has_arrived_with_its_last_message(world: World, admin: Admin) -> None:
    channel = await world.add_channel("whatsapp", "1")
    route = await answered(world, channel, "one two three")
    await deliver(world.db, by_platform({"whatsapp": InParts("whatsapp")}), route)
    for name in ("one", "two"):
        assert await tell(world, channel, name, "read")
        assert outbox(admin) == [("sent", None, None, None)]
    assert await tell(world, channel, "three", "delivered", 1)
    assert await tell(world, channel, "three", "read", 2)
    assert await tell(world, channel, "three", "delivered", 9)
    first, second = AT + timedelta(seconds=1), AT + timedelta(seconds=2)
    assert outbox(admin) == [("sent", first, second, None)]
    assert await tell(world, channel, "three", "failed")
    assert outbox(admin)[0][0] == "sent"


async def test_a_long_answer_fails_with_any_of_its_messages_and_the_owner_learns_why(
    world: World, admin: Admin
) -> None:
    channel = await world.add_channel("whatsapp", "1")
    route = await answered(world, channel, "one two three")
    await deliver(world.db, by_platform({"whatsapp": InParts("whatsapp")}), route)
    assert await tell(world, channel, "two", "failed")
    assert outbox(admin) == [("failed", None, None, "no such number")]
    [held] = (await get_status(world.db, world.owner_id)).undelivered
    assert held.error == "no such number"


async def test_a_receipt_before_the_send_is_recorded_counts_afterwards(
    world: World, admin: Admin
) -> None:
    channel, other = [await world.add_channel("whatsapp", account) for account in "12"]

    class Hasty(InParts):
        async def send(self, outbound: Outbound) -> Sent:
            sent = await super().send(outbound)
            name = sent.platform_message_id
            assert not await tell(world, channel, name, "delivered", 1)
            assert not await tell(world, other, name, "failed")
            if name == "gone":
                assert not await tell(world, channel, name, "failed")
            return sent

    await tell(world, channel, "somebody elses", "failed")
    lucky = await answered(world, channel, "one two")
    await deliver(world.db, by_platform({"whatsapp": Hasty("whatsapp")}), lucky)
    unlucky = await answered(world, channel, "gone there", "whatsapp:US.2")
    await deliver(world.db, by_platform({"whatsapp": Hasty("whatsapp")}), unlucky)
    arrived = AT + timedelta(seconds=1)
    assert [row[:2] for row in outbox(admin)] == [("sent", arrived), ("failed", arrived)]
    left = admin.execute(
        "SELECT platform_message FROM discreet.early_receipts WHERE channel_id = %s", (channel,)
    ).fetchall()
    assert left == [("somebody elses",)]


async def test_receipts_for_other_peoples_messages_are_deleted_after_an_hour(
    world: World, admin: Admin
) -> None:
    channel = await world.add_channel("whatsapp", "1")
    assert not await tell(world, channel, "old", "delivered")
    admin.execute("UPDATE discreet.early_receipts SET created_at = now() - interval '2 hours'")
    assert not await tell(world, channel, "new", "delivered")
    found = admin.execute("SELECT platform_message FROM discreet.early_receipts").fetchall()
    assert found == [("new",)]


async def test_the_owner_sees_of_a_turn_what_became_of_its_answer(
    world: World, admin: Admin
) -> None:
    channel = await world.add_channel("whatsapp", "1")
    route = await answered(world, channel, "one two")

    async def shown() -> str:
        [turn] = await list_turns(world.db, world.owner_id)
        assert (await get_turn(world.db, world.owner_id, turn.id)).turn.delivery == turn.delivery
        assert turn.delivery is not None
        return turn.delivery.state

    assert await shown() == "waiting"
    await deliver(world.db, by_platform({"whatsapp": InParts("whatsapp")}), route)
    assert await shown() == "sent"
    await tell(world, channel, "two", "delivered")
    assert await shown() == "delivered"
    await tell(world, channel, "two", "read")
    assert await shown() == "read"
    admin.execute("UPDATE discreet.outbox SET state = 'failed'")
    assert await shown() == "failed"

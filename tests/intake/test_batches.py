"""Messages that arrive together are stored together, and each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import uuid4

import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import NotFound
from discreet.domain.ids import ChannelId
from discreet.domain.inbound import AddressSender, Inbound
from discreet.intake import accept
from discreet.intake.accept import Accepted, _message
from discreet.intake.batches import MAX_CALLS, MAX_TOGETHER, store
from discreet.scope import IntakeScope
from tests.support.turns import count
from tests.support.world import World

MANY = 40


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


@pytest.fixture
def sizes(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many messages each call had, in the order of the calls."""
    made: list[int] = []
    really = world.db.call_all

    async def counted(
        scope: IntakeScope, sql: LiteralString, params: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        if "messages" in params:
            made.append(len(params["messages"].obj))
        return await really(scope, sql, params)

    monkeypatch.setattr(world.db, "call_all", counted)
    return made


async def test_a_message_that_arrives_alone_is_stored_in_a_call_of_its_own(
    world: World, sizes: list[int]
) -> None:
    for sender in range(3):
        await accept(world.db, world.owner_id, _from(world, sender))
    assert sizes == [1, 1, 1]


async def test_messages_that_arrive_during_calls_share_the_next_one(
    world: World, sizes: list[int]
) -> None:
    tasks = [accept(world.db, world.owner_id, _from(world, sender)) for sender in range(MANY)]
    found = await asyncio.gather(*tasks)
    assert all(one.new for one in found)
    assert sizes[: MAX_CALLS + 1] == [*[1] * MAX_CALLS, MAX_TOGETHER]
    assert sum(sizes) == MANY == await count(world, "messages") == await count(world, "contacts")


async def test_a_message_that_fails_in_its_savepoint_fails_alone(world: World) -> None:
    nowhere = replace(_from(world, 20), channel_id=ChannelId(uuid4()))
    given = [*[_from(world, sender) for sender in range(20)], nowhere, _from(world, 21)]
    found = await asyncio.gather(
        *[accept(world.db, world.owner_id, one) for one in given], return_exceptions=True
    )
    assert [type(one) for one in found] == [*[Accepted] * 20, NotFound, Accepted]
    assert await count(world, "messages") == 21


async def test_a_message_that_breaks_the_call_fails_alone(world: World) -> None:
    given = [_message(_from(world, sender)) for sender in range(20)]
    given[10]["written_at"] = "never"
    found = await asyncio.gather(
        *[store(world.db, world.owner_id, one) for one in given], return_exceptions=True
    )
    failed = [at for at, one in enumerate(found) if isinstance(one, BaseException)]
    assert failed == [10]
    assert await count(world, "messages") == 19


@pytest.mark.parametrize("cancelled", [0, MAX_CALLS, MAX_CALLS + 1])
async def test_a_cancelled_message_does_not_delay_the_others(world: World, cancelled: int) -> None:
    tasks = [
        asyncio.create_task(accept(world.db, world.owner_id, _from(world, sender)))
        for sender in range(20)
    ]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    tasks[cancelled].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [at for at, one in enumerate(found) if isinstance(one, BaseException)] in (
        [],
        [cancelled],
    )
    later = await asyncio.gather(
        *[accept(world.db, world.owner_id, _from(world, sender)) for sender in range(30, 50)]
    )
    assert all(one.new for one in later)

"""A streamed answer is in its own chat, and can't change other chats' messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest

from discreet.domain.audience import Released, release_notice
from discreet.domain.ids import OwnerId
from discreet.domain.outbound import Place, Sent
from discreet.turn.lease import Lease, LeaseLost
from discreet.turn.streaming import streaming
from tests.support.platform import Platform
from tests.support.waiting import until
from tests.support.world import World

ALICE = "telegram:1001"


def so_far(_: int) -> Released:
    return release_notice("so far")


@dataclass
class Screens:
    """Platforms on which streaming starts at once."""

    shown: list[tuple[str, str]] = field(default_factory=list)
    taken_back: list[tuple[str, str]] = field(default_factory=list)

    def draft_interval(self, _: OwnerId, __: str, ___: Place) -> float:
        return 0.01

    async def show_draft(
        self, _: OwnerId, __: str, place: Place, text: str, ___: str | None, ____: str | None
    ) -> Sent:
        self.shown.append((place.account, text))
        return Sent("mine")

    async def take_back(self, _: OwnerId, __: str, place: Place, message: str) -> None:
        self.taken_back.append((place.account, message))


async def test_an_answer_grows_and_is_taken_back_in_its_own_chat_alone(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    first = Platform(world, await world.add_channel("telegram", "bot"))
    second = Platform(world, await world.add_channel("telegram", "bot2"))
    said = await first.accepted(ALICE, "hello")
    await second.accepted(ALICE, "hello over there")
    lease = await first.acquire(said)
    assert isinstance(lease, Lease)
    admin.execute(
        "UPDATE discreet.routes SET draft_message = 'theirs', draft_at = now() WHERE id <> %s",
        (lease.route_id,),
    )
    screens = Screens()
    drafts = (
        "SELECT c.account, r.draft_message FROM discreet.routes r"
        " JOIN discreet.channels c ON c.id = r.channel_id ORDER BY 1"
    )

    async def kept() -> bool:
        return admin.execute(drafts).fetchall() == [("bot", "mine"), ("bot2", "theirs")]

    async def think_until_it_is_lost() -> None:
        scope = world.contact(said.contact_id)
        async with streaming(world.db, scope, lease, so_far, screens):
            await until(kept)
            raise LeaseLost

    with pytest.raises(LeaseLost):
        await think_until_it_is_lost()
    assert {account for account, _ in screens.shown} == {"bot"}
    assert screens.taken_back == [("bot", "mine")]
    assert admin.execute(drafts).fetchall() == [("bot", None), ("bot2", "theirs")]

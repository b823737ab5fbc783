"""Answers in the outbox."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.delivery import deliver
from discreet.domain.ids import RouteId
from discreet.domain.outbound import Channel
from tests.support.turns import (
    by_platform,
    one_turn,
    rows_of,
)
from tests.support.world import World

Admin = psycopg.Connection[Any]


async def answer(world: World, sender: str, text: str = "hello", chat: str | None = None) -> Any:
    """Store a message and its answer, which is then in the outbox."""
    said = await world.say(sender, text, chat=chat)
    await one_turn(world, said.session_id)
    return said


async def outbox(world: World) -> list[tuple[str, int, str | None]]:
    found = await rows_of(
        world,
        "SELECT o.state, o.attempts, o.error FROM discreet.outbox o"
        " JOIN discreet.messages m ON m.id = o.message_id ORDER BY m.position, m.created_at",
    )
    return [(row["state"], row["attempts"], row["error"]) for row in found]


async def send_all(world: World, channel: Channel) -> None:
    for row in await rows_of(world, "SELECT id FROM discreet.routes"):
        await deliver(world.db, by_platform({channel.platform: channel}), RouteId(row["id"]))


def make_due(admin: Admin) -> None:
    admin.execute("UPDATE discreet.outbox SET next_try_at = now()")


def let_doubt_end(admin: Admin) -> None:
    admin.execute("UPDATE discreet.outbox SET uncertain_since = now() - interval '1 minute'")

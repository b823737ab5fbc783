"""Channels, codes and running turns for the tests of admission."""

from __future__ import annotations

from typing import Any

import psycopg

from discreet.turn.lease import Lease
from tests.support.platform import Platform
from tests.support.world import World, other_owner

Admin = psycopg.Connection[Any]


ALICE, BOB, EVE, GROUP = "telegram:1001", "telegram:1002", "telegram:1003", "telegram:-100500"


async def channel(
    world: World, account: str = "bot", *, admission: str = "open", platform: str = "telegram"
) -> Platform:
    return Platform(world, await world.add_channel(platform, account, admission))


async def ottos(world: World, admin: Admin, *, admission: str = "open") -> Platform:
    """Return another owner's channel on the same platform."""
    return await channel(await other_owner(world, admin), "ottos", admission=admission)


async def begun(platform: Platform, who: str, text: str, **more: Any) -> Lease:
    """Begin a turn and leave it running."""
    lease = await platform.acquire(await platform.accepted(who, text, **more))
    assert isinstance(lease, Lease)
    return lease

"""An idempotency key is leased by the running call, and free once its process has died."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from discreet.auth.tokens import authenticate, create_token
from discreet.domain.errors import Conflict
from discreet.services import idempotency
from discreet.services.idempotency import once
from tests.support.waiting import until
from tests.support.world import World

Admin = psycopg.Connection[Any]


async def test_a_slow_call_keeps_its_key_as_long_as_it_lives(
    world: World, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "RENEW_SECONDS", 0.05)
    bearer = await authenticate(world.db, (await create_token(world.db, world.owner_id))[1])
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow() -> UUID:
        begun.set()
        await end.wait()
        return uuid4()

    first = asyncio.create_task(once(world.db, bearer, "key", b"asked", slow))
    await begun.wait()
    left = "SELECT leased_until - clock_timestamp() FROM discreet.idempotency_keys"
    assert admin.execute(left).fetchone()[0] <= timedelta(seconds=5)  # type: ignore[index]
    for _ in range(3):
        admin.execute("UPDATE discreet.idempotency_keys SET leased_until = now() + interval '1 s'")

        async def renewed() -> bool:
            row = admin.execute(left).fetchone()
            return row is not None and row[0] > timedelta(seconds=2)

        await until(renewed, "a renewed lease")
        with pytest.raises(Conflict):
            await once(world.db, bearer, "key", b"asked", slow)
    end.set()
    made = await first
    assert await once(world.db, bearer, "key", b"asked", slow) == made

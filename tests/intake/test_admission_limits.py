"""Limits of a contact: beyond them, one notice and then silence."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput
from discreet.domain.policy import Policy
from discreet.postgres.server import Database
from discreet.queue.job_scope import scope_of_session
from discreet.scope import ScopedDatabase
from discreet.services.admission import allow_address
from discreet.services.limits import ContactLimits, get_limits, reset_limits, set_limits
from discreet.services.policy import write_policy
from discreet.services.status import get_status
from discreet.turn.lease import Lease, acquire
from discreet.turn.prompt import Prompt
from discreet.turn.result import ModelError, TurnResult, Usage
from discreet.turn.save import save_answer, save_failure
from tests.support.platform import Platform, make_platform
from tests.support.world import open_scoped

ALICE, BOB, GROUP = "telegram:1001", "telegram:1002", "telegram:-100500"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def limit(platform: Platform, who: str | None = None, **limits: int) -> None:
    await set_limits(platform.world.db, platform.world.owner_id, who, ContactLimits(**limits))


async def answer(platform: Platform, tokens: int) -> None:
    said = await platform.accepted(ALICE, "a question")
    lease = await platform.acquire(said)
    assert isinstance(lease, Lease)
    result = TurnResult("an answer", "model", (), Usage(1, tokens - 1, 1))
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await save_answer(tx, lease, Prompt("", ()), result)


async def test_above_the_limit_per_minute_there_is_one_notice_and_then_silence(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await limit(platform, messages_a_minute=3)
    for _ in range(3):
        assert (await platform.accepted(ALICE, "hello")).new
    for _ in range(4):
        assert await platform.reason(ALICE, "hello") == "limited"
    [told] = await platform.sent(ALICE)
    assert "minute" in told
    assert (await platform.accepted(BOB, "hello")).new
    [hit] = (await get_status(platform.world.db, platform.world.owner_id)).limit_hits
    assert (hit.whose, hit.kind, hit.refused) == (ALICE, "messages_a_minute", 4)
    admin.execute("UPDATE discreet.limit_hits SET until = now()")
    admin.execute("UPDATE discreet.messages SET created_at = now() - interval '61 seconds'")
    assert (await platform.accepted(ALICE, "hello")).new


async def test_a_limited_number_of_messages_waits_and_an_answer_frees_a_place(
    platform: Platform,
) -> None:
    await limit(platform, waiting=2, messages_a_minute=100)
    said = [await platform.accepted(ALICE, "hello") for _ in range(2)]
    assert await platform.reason(ALICE, "hello") == "limited"
    assert await platform.reason(ALICE, "hello") == "limited"
    assert len(await platform.sent(ALICE)) == 1
    lease = await platform.acquire(said[0])
    assert isinstance(lease, Lease)
    async with platform.world.db.begin(platform.world.contact(said[0].contact_id)) as tx:
        await save_answer(tx, lease, Prompt("", ()), TurnResult("an answer", "model"))
    assert (await platform.accepted(ALICE, "hello")).new


async def test_a_contact_that_used_up_the_days_tokens_waits_for_the_next_day(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await limit(platform, tokens_a_day=1000)
    await answer(platform, 999)
    await answer(platform, 1)
    assert await platform.reason(ALICE, "one more") == "limited"
    assert "tomorrow" in (await platform.sent(ALICE))[-1]
    admin.execute("UPDATE discreet.turns SET started_at = started_at - interval '1 day'")
    admin.execute("UPDATE discreet.limit_hits SET until = now()")
    assert (await platform.accepted(ALICE, "one more")).new


async def test_the_tokens_of_an_attempt_that_failed_count(platform: Platform) -> None:
    await limit(platform, tokens_a_day=1000)
    said = await platform.accepted(ALICE, "a question")
    lease = await platform.acquire(said)
    assert isinstance(lease, Lease)
    failure = ModelError("limits", "too much")
    failure.usage = Usage(3, 900, 100)
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await save_failure(tx, lease, None, failure, timedelta(0))
    assert await platform.reason(ALICE, "one more") == "limited"
    assert (await platform.accepted(BOB, "hello")).new


async def test_tokens_of_a_shared_agent_count_for_everyone_it_answered(db: ScopedDatabase) -> None:
    platform = await make_platform(db, admission="pairing", memory_model="shared")
    world = platform.world
    for who in (ALICE, BOB):
        await allow_address(db, world.owner_id, "Ada", Address.parse(who), of_group=False)
    await limit(platform, tokens_a_day=1000)
    said = await platform.accepted(ALICE, "a question")
    scope = await scope_of_session(db, said.session_id)
    assert scope is not None
    async with db.begin(scope) as tx:
        lease = await acquire(tx, said.session_id)
        assert isinstance(lease, Lease)
        result = TurnResult("an answer", "model", (), Usage(1, 999, 1))
        await save_answer(tx, lease, Prompt("", ()), result)
    assert await platform.reason(ALICE, "one more") == "limited"
    assert (await platform.accepted(BOB, "hello")).new


async def test_a_contact_may_have_limits_of_its_own(platform: Platform) -> None:
    await platform.say(ALICE, "hello")
    await platform.say(BOB, "hello")
    await limit(platform, messages_a_minute=1)
    await limit(platform, ALICE, messages_a_minute=2)
    assert (await platform.accepted(ALICE, "hello")).new
    assert await platform.reason(BOB, "hello") == "limited"
    assert await platform.reason(ALICE, "hello") == "limited"
    db, owner = platform.world.db, platform.world.owner_id
    assert (await get_limits(db, owner, ALICE)).messages_a_minute == 2
    assert (await reset_limits(db, owner, ALICE)).messages_a_minute == 1
    assert (await reset_limits(db, owner, None)).messages_a_minute == 20


async def test_another_limit_ends_the_silence(platform: Platform) -> None:
    await limit(platform, messages_a_minute=1)
    await platform.say(ALICE, "hello")
    assert await platform.reason(ALICE, "hello") == "limited"
    await limit(platform, ALICE, messages_a_minute=5)
    assert (await platform.accepted(ALICE, "hello")).new


async def test_a_group_is_one_contact_and_overheard_lines_cost_nothing(
    platform: Platform,
) -> None:
    await limit(platform, messages_a_minute=2)
    for _ in range(5):
        await platform.accepted(ALICE, "chatter", group=GROUP, addressed=False)
    await platform.accepted(ALICE, "@ada hello", group=GROUP)
    await platform.accepted(BOB, "@ada hello", group=GROUP)
    assert await platform.reason(BOB, "@ada hello", group=GROUP) == "limited"
    assert (await platform.accepted(BOB, "hello")).new


async def test_in_a_shared_conversation_each_speaker_has_a_limit(db: ScopedDatabase) -> None:
    platform = await make_platform(db, admission="pairing", memory_model="shared")
    async with db.begin(platform.world.owner) as tx:
        for sender in ("1001", "1002"):
            await tx.value(
                "SELECT gate.admit_sender(%s, 'telegram', %s, 'external')",
                (platform.channel_id, sender),
            )
    await limit(platform, messages_a_minute=1)
    await platform.accepted(ALICE, "hello")
    assert await platform.reason(ALICE, "hello") == "limited"
    assert (await platform.accepted(BOB, "hello")).contact_id is None
    async with db.begin(platform.world.owner) as tx:
        lines = await tx.value(
            "SELECT count(*) FROM discreet.messages WHERE contact_id IS NULL AND direction = 'out'"
        )
    assert lines == 0, "nobody else reads what one was told"


async def test_a_limit_is_at_least_one(platform: Platform) -> None:
    with pytest.raises(BadInput):
        await limit(platform, waiting=0)


async def test_the_policy_of_the_settings_counts_where_nothing_was_set_for_a_contact(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await write_policy(platform.world.db, Policy(messages_a_minute=2, pairing_code_seconds=7200))
    for _ in range(2):
        assert (await platform.accepted(ALICE, "hello")).new
    assert await platform.reason(ALICE, "hello") == "limited"
    shown = await get_limits(platform.world.db, platform.world.owner_id, None)
    assert (shown.messages_a_minute, shown.waiting) == (2, 50)
    texts = dict(admin.execute("SELECT code, text FROM gate.notices").fetchall())
    assert "valid for 2 hours" in texts["pairing"]

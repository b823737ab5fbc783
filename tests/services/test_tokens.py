from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from discreet.auth.tokens import (
    Unauthorized,
    authenticate,
    create_token,
    list_tokens,
    parse_lasting,
    revoke_token,
)
from discreet.domain.errors import BadInput, Forbidden, NotFound
from discreet.schemas.agents import AgentChange
from discreet.scope import ContactScope, OwnerScope, SharedScope
from discreet.services.agents import change_agent, create_agent
from discreet.services.contacts import block_contact, unblock_contact
from tests.support.world import World, other_owner

ALICE, BOB = "telegram:1001", "telegram:1002"


async def test_a_token_carries_the_scope_that_it_was_made_for_and_no_other(world: World) -> None:
    db, owner_id = world.db, world.owner_id
    alice = (await world.say(ALICE, "hi")).contact_id
    await create_agent(db, owner_id, "Eve")
    assert alice is not None
    for made_for, scope in (
        ({}, OwnerScope(owner_id)),
        ({"contact": ALICE}, ContactScope(owner_id, world.agent_id, alice)),
    ):
        _, token = await create_token(db, owner_id, **made_for)
        assert (await authenticate(db, token)).scope == scope
    _, token = await create_token(db, owner_id, agent="Ada")
    bearer = await authenticate(db, token)
    assert (bearer.kind, bearer.agent_id) == ("agent", world.agent_id)
    with pytest.raises(Forbidden):  # it has no scope of its own
        _ = bearer.scope


async def test_a_contacts_token_for_an_agent_that_shares_its_memory_opens_what_all_share(
    world: World,
) -> None:
    await world.say(ALICE, "hi")
    _, token = await create_token(world.db, world.owner_id, contact=ALICE)
    await change_agent(world.db, world.owner_id, "Ada", AgentChange(memory_model="shared"))
    bearer = await authenticate(world.db, token)
    assert bearer.scope == SharedScope(world.owner_id, world.agent_id)


async def test_an_invalid_expired_or_revoked_token_is_refused(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    db, owner_id = world.db, world.owner_id
    _, expired = await create_token(db, owner_id, lasts=timedelta(days=1))
    _, good = await create_token(db, owner_id, name="good")
    gone, revoked = await create_token(db, owner_id, name="gone")
    await authenticate(db, revoked)
    assert (await revoke_token(db, owner_id, "gone")).id == gone.id
    admin.execute("UPDATE discreet.tokens SET expires_at = now() WHERE expires_at IS NOT NULL")
    for token in ("", "x", "sb_é", good + "x", good[:-1], revoked, expired):
        with pytest.raises(Unauthorized):
            await authenticate(db, token)
    await authenticate(db, good)


async def test_a_blocked_contacts_token_opens_nothing_until_it_is_unblocked(world: World) -> None:
    await world.say(ALICE, "hi")
    await world.say(BOB, "hi")
    _, alices = await create_token(world.db, world.owner_id, contact=ALICE)
    _, bobs = await create_token(world.db, world.owner_id, contact=BOB)
    await block_contact(world.db, world.owner_id, ALICE)
    await authenticate(world.db, bobs)
    with pytest.raises(Unauthorized):
        await authenticate(world.db, alices)
    await unblock_contact(world.db, world.owner_id, ALICE)
    await authenticate(world.db, alices)


async def test_a_token_is_kept_as_a_hash_and_listed_with_its_last_use(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    made, token = await create_token(world.db, world.owner_id, name="bot")
    (listed,) = await list_tokens(world.db, world.owner_id)
    assert (listed, listed.last_used_at) == (made, None)
    assert token.startswith(listed.prefix)
    kept = admin.execute("SELECT t::text FROM discreet.tokens t").fetchone()
    assert kept is not None
    assert token not in kept[0]
    await authenticate(world.db, token)
    (listed,) = await list_tokens(world.db, world.owner_id)
    assert listed.last_used_at is not None


async def test_another_owners_tokens_are_neither_seen_nor_revoked(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    otto = await other_owner(world, admin)
    made, token = await create_token(otto.db, otto.owner_id, name="ottos")
    assert await list_tokens(world.db, world.owner_id) == []
    for which in (str(made.id), "ottos", ""):
        with pytest.raises(NotFound):
            await revoke_token(world.db, world.owner_id, which)
    assert (await authenticate(world.db, token)).owner_id == otto.owner_id
    await otto.say(ALICE, "hello Otto")
    with pytest.raises(NotFound):
        await create_token(world.db, world.owner_id, contact=ALICE)


def test_how_long_a_token_lasts_is_said_in_minutes_hours_days_or_weeks() -> None:
    assert parse_lasting("30d") == timedelta(days=30)
    assert parse_lasting("2w") == timedelta(weeks=2)
    for text in ("", "30", "0d", "-1d", "d", "9999w", "1y", "٣d"):
        with pytest.raises(BadInput):
            parse_lasting(text)

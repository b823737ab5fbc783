"""What all contacts together may use in a day: beyond it no model is called for any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, NotFound
from discreet.postgres.server import Database
from discreet.schemas.limits import BudgetToSet
from discreet.scope import ScopedDatabase
from discreet.services.budgets import list_budgets, remove_budget, set_budget
from discreet.services.status import get_status
from discreet.turn.lease import Lease
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult, Usage
from discreet.turn.save import save_answer
from tests.support.platform import Platform, make_platform
from tests.support.world import make_world, open_scoped, other_owner

ALICE, BOB, EVE, GROUP = "telegram:1001", "telegram:1002", "telegram:1003", "telegram:-100500"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def platform(db: ScopedDatabase) -> Platform:
    return await make_platform(db, admission="open")


async def budget(platform: Platform, **given: Any) -> None:
    await set_budget(platform.world.db, platform.world.owner_id, BudgetToSet(**given))


async def answer(platform: Platform, who: str, tokens: int, cost: float | None = None) -> None:
    said = await platform.accepted(who, "a question")
    lease = await platform.acquire(said)
    assert isinstance(lease, Lease)
    used = Usage(1, tokens - 1, 1, cost=cost)
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await save_answer(tx, lease, Prompt("", ()), TurnResult("an answer", "model", (), used))


async def second_agent(platform: Platform) -> Platform:
    world = await make_world(platform.world.db, agent="Eve")
    return Platform(world, await world.add_channel("telegram", "eves", "open"))


async def test_a_used_up_budget_stops_all_contacts_until_it_is_raised(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await budget(platform, agent="Ada", tokens_a_day=1000)
    await answer(platform, ALICE, 600)
    await answer(platform, BOB, 400)
    for who in (ALICE, EVE, EVE, GROUP):
        group = GROUP if who == GROUP else None
        assert await platform.reason(ALICE if group else who, "hello", group=group) == "limited"
    for chat in (EVE, GROUP):
        [told] = await platform.sent(chat)
        assert "tomorrow" in told
    await budget(platform, agent="Ada", tokens_a_day=2000)
    assert (await platform.accepted(ALICE, "one more")).new
    assert (await platform.accepted(EVE, "one more")).new


async def test_usage_of_yesterday_does_not_count(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    await budget(platform, money_a_day=Decimal("0.5"))
    await answer(platform, ALICE, 10, cost=0.5)
    assert await platform.reason(ALICE, "one more") == "limited"
    admin.execute("UPDATE discreet.turns SET started_at = started_at - interval '1 day'")
    admin.execute("UPDATE discreet.limit_hits SET until = now()")
    assert (await platform.accepted(ALICE, "one more")).new


async def test_the_owner_is_answered_whatever_is_used(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    world = platform.world
    await budget(platform, tokens_a_day=10)
    await answer(platform, ALICE, 10)
    admin.execute(
        "INSERT INTO discreet.addresses (owner_id, platform, platform_id, of_owner)"
        " VALUES (%s, 'telegram', '7007', true)",
        (world.owner_id,),
    )
    assert (await platform.accepted("telegram:7007", "hello")).contact_id is None


async def test_an_agent_has_its_own_budget_and_all_agents_one_together(platform: Platform) -> None:
    eves = await second_agent(platform)
    await budget(platform, agent="Ada", tokens_a_day=100)
    await answer(platform, ALICE, 100)
    assert await platform.reason(ALICE, "one more") == "limited"
    assert (await eves.accepted(ALICE, "hello")).new
    await budget(platform, agent="Ada", tokens_a_day=1000)
    await budget(platform, tokens_a_day=150)
    await answer(eves, BOB, 50)
    assert await platform.reason(ALICE, "one more") == "limited"
    assert await eves.reason(BOB, "one more") == "limited"


async def test_another_owners_budget_and_usage_have_no_effect(
    platform: Platform, admin: psycopg.Connection[Any]
) -> None:
    otto = await other_owner(platform.world, admin)
    ottos = Platform(otto, await otto.add_channel("telegram", "ottos", "open"))
    await budget(ottos, tokens_a_day=10)
    await answer(ottos, ALICE, 10)
    assert await ottos.reason(ALICE, "one more") == "limited"
    await budget(platform, tokens_a_day=10)
    assert (await platform.accepted(ALICE, "hello")).new
    [ours] = await list_budgets(platform.world.db, platform.world.owner_id)
    assert ours.tokens == 0


async def test_the_owner_sees_what_is_used_and_is_told_at_four_fifths(platform: Platform) -> None:
    db, owner = platform.world.db, platform.world.owner_id
    await budget(platform, agent="Ada", tokens_a_day=1000, money_a_day=Decimal(2))
    await answer(platform, ALICE, 799, cost=0.25)
    assert (await get_status(db, owner)).near_limits == ()
    await answer(platform, ALICE, 1)
    [near] = (await get_status(db, owner)).near_limits
    assert (near.agent, near.whose, near.kind, near.share) == (
        "Ada", "Everyone together", "tokens_a_day", 0.8,
    )  # fmt: skip
    [one] = await list_budgets(db, owner)
    assert (one.agent, one.tokens, one.money) == ("Ada", 800, Decimal("0.25"))
    await answer(platform, ALICE, 200)
    assert await platform.reason(BOB, "hello") == "limited"
    status = await get_status(db, owner)
    assert [near.share for near in status.near_limits] == [1.0]
    assert status.limit_hits == (), "nobody went beyond a limit of their own"


async def test_a_budget_says_something_and_is_removed_once(platform: Platform) -> None:
    db, owner = platform.world.db, platform.world.owner_id
    with pytest.raises(BadInput):
        await budget(platform, agent="Ada")
    with pytest.raises(NotFound):
        await budget(platform, agent="Nobody", tokens_a_day=1)
    await budget(platform, tokens_a_day=1)
    assert await remove_budget(db, owner, None) == ()
    with pytest.raises(NotFound):
        await remove_budget(db, owner, None)


async def test_what_another_agent_used_counts_for_no_agents_own_budget(platform: Platform) -> None:
    other = await second_agent(platform)
    await budget(platform, agent="Ada", tokens_a_day=1000)
    await answer(other, BOB, 900)
    await answer(platform, ALICE, 200)
    assert (await platform.accepted(ALICE, "one more")).new
    [ours] = await list_budgets(platform.world.db, platform.world.owner_id)
    assert ours.tokens == 200

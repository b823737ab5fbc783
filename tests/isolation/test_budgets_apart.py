"""A budget is its owner's, and tells a sender nothing of anybody else's use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import DiscreetError, NotFound
from discreet.domain.sender_notices import TODAYS_LIMIT
from discreet.schemas.limits import BudgetToSet
from discreet.scope import ContactScope, SharedScope
from discreet.services.budgets import list_budgets, remove_budget, set_budget
from discreet.turn.forgetting import NOTHING_TO_UNDO, undo
from discreet.turn.lease import Lease
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult, Usage
from discreet.turn.run import run_turn
from discreet.turn.save import save_answer
from tests.isolation.people import GROUP, People
from tests.support.platform import Platform
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import turns_of
from tests.support.world import World, make_world, other_owner

ALICE, BOB, EVE = "telegram:1001", "telegram:1002", "telegram:1003"


async def use(platform: Platform, who: str, tokens: int) -> Any:
    """Answer one message with this many tokens, and return the contact's id."""
    said = await platform.accepted(who, "a question")
    lease = await platform.acquire(said)
    assert isinstance(lease, Lease)
    used = Usage(1, tokens - 1, 1, cost=0.01)
    async with platform.world.db.begin(platform.world.contact(said.contact_id)) as tx:
        await save_answer(tx, lease, Prompt("", ()), TurnResult("yes", "model", (), used))
    return said.contact_id


async def test_another_owners_budgets_are_neither_listed_nor_changed_nor_in_force(
    world: World, admin: psycopg.Connection[Any]
) -> None:
    mine = Platform(world, await world.add_channel("telegram", "mine", "open"))
    otto = await other_owner(world, admin)
    ottos = Platform(otto, await otto.add_channel("telegram", "ottos", "open"))
    await set_budget(world.db, otto.owner_id, BudgetToSet(agent="Ada", tokens_a_day=10))
    await use(ottos, ALICE, 100)
    assert await ottos.reason(ALICE, "one more") == "limited"

    await use(mine, ALICE, 100)
    assert (await mine.accepted(ALICE, "one more")).new
    assert await list_budgets(world.db, world.owner_id) == ()
    with pytest.raises(NotFound):
        await remove_budget(world.db, world.owner_id, "Ada")
    [kept] = await list_budgets(world.db, otto.owner_id)
    assert (kept.tokens_a_day, kept.tokens) == (10, 100)


async def test_no_session_reads_writes_or_asks_for_budgets(world: World) -> None:
    await set_budget(world.db, world.owner_id, BudgetToSet(money_a_day=Decimal(5)))
    alice = (await world.say(ALICE, "hi")).contact_id
    assert alice is not None
    for scope in (
        ContactScope(world.owner_id, world.agent_id, alice),
        SharedScope(world.owner_id, world.agent_id),
    ):
        for statement in (
            "SELECT money_a_day FROM discreet.budgets",
            "DELETE FROM discreet.budgets",
            "SELECT * FROM gate.show_budgets()",
            "SELECT * FROM gate.budgets_today(%(owner)s, NULL)",
            "SELECT gate.is_budget_exhausted(%(owner)s, %(agent)s)",
        ):
            with pytest.raises(DiscreetError, match="may not do that"):
                async with world.db.begin(scope) as tx:
                    await tx.fetch(statement, {"owner": world.owner_id, "agent": world.agent_id})
    [kept] = await list_budgets(world.db, world.owner_id)
    assert kept.money_a_day == Decimal(5)


async def test_what_a_budget_tells_is_the_same_whoever_used_it_up_and_whichever_it_is(
    world: World,
) -> None:
    told = set()
    for agent, spender, budget in (
        ("Bea", ALICE, BudgetToSet(agent="Bea", tokens_a_day=50)),
        ("Cleo", EVE, BudgetToSet(agent="Cleo", tokens_a_day=50)),
        ("Dora", EVE, BudgetToSet(tokens_a_day=250)),
    ):
        made = await make_world(world.db, agent=agent)
        platform = Platform(made, await made.add_channel("telegram", agent, "open"))
        await set_budget(world.db, world.owner_id, budget)
        await use(platform, spender, 100)
        for who in (ALICE, BOB):  # Alice has used something, Bob has never written
            assert await platform.reason(who, "hello") == "limited"
        for who in (ALICE, BOB):
            told.add((await platform.sent(who))[-1])
    [words] = told
    assert words != TODAYS_LIMIT, "it isn't said to be the sender's own limit"
    assert not any(character.isdigit() for character in words)
    assert "budget" not in words


async def test_undo_takes_back_ones_own_change_and_nobody_elses(people: People) -> None:
    others = ("alice", "group", "eve", "otto", "owner")
    turns = turns_of(people.db, Responder(do_as_told))
    for who in others:
        told = calling("remember", content=f"{who} likes tea")
        sender, group = None if who == "owner" else ALICE, GROUP if who == "group" else None
        said = await people.worlds[who].say(sender, told, group=group)
        await run_turn(turns, said.session_id)
    async with people.db.begin(people.scopes["bob"]) as tx:
        assert await undo(tx, people.scopes["bob"]) == NOTHING_TO_UNDO
    for who in others:
        assert f"{who} likes tea" in await people.kept(who)
    async with people.db.begin(people.scopes["alice"]) as tx:
        assert "alice likes tea" in await undo(tx, people.scopes["alice"])
    assert await people.kept("alice") == []
    for who in others[1:]:
        assert f"{who} likes tea" in await people.kept(who)

"""A turn that is run again: what is called, what is recorded, and who pays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from uuid import UUID

import pytest

from discreet.domain.errors import LimitReached
from discreet.domain.ids import TurnId
from discreet.memory.embedding import bundled_embedder
from discreet.postgres.server import Database
from discreet.schemas.limits import BudgetToSet
from discreet.schemas.operations import UsageBy
from discreet.services.budgets import set_budget
from discreet.services.turns import get_turn, list_turns
from discreet.services.usage import get_usage
from discreet.turn.context import TurnContext
from discreet.turn.dry_run import NOT_RECORDED, PRETENDED, DryRun, rehearse
from discreet.turn.prompt import Prompt
from discreet.turn.result import ModelError, Step, TurnResult, Usage
from discreet.turn.think import OnText, Tools
from tests.support.responders import Think
from tests.support.turns import one_turn
from tests.support.world import World, make_world, open_scoped

KEPT, OTHER = {"content": "Anna likes tea."}, {"content": "Anna likes milk."}
ASKED = {"query": "tea"}
USED = Usage(requests=1, input_tokens=100, output_tokens=10, cost=0.5)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database, 4) as db:
        yield await make_world(db)


def calling(*calls: tuple[str, dict[str, str]]) -> Think:
    """Return a responder that makes calls, and answers with their results."""

    async def think(_: TurnContext, __: Prompt, tools: Tools, ___: OnText) -> TurnResult:
        steps = [Step(name, given, (await tools.call(name, given)).text) for name, given in calls]
        said = "\n".join(step.result for step in steps) or "Well."
        return TurnResult(said, "a:b", tuple(steps), USED)

    return think


async def _once(world: World, think: Think) -> tuple[UUID, TurnId]:
    said = await world.say("telegram:1001", "I like tea.", name="Anna")
    await one_turn(world, said.session_id, think)
    assert said.contact_id is not None
    [turn] = await list_turns(world.db, world.owner_id, contact_id=said.contact_id)
    return said.contact_id, TurnId(turn.id)


async def _again(world: World, turn: TurnId, think: Think) -> DryRun:
    return await rehearse(world.db, world.owner_id, turn, bundled_embedder(), think)


async def _cost(world: World, by: UsageBy) -> dict[str, Decimal]:
    used = await get_usage(world.db, world.owner_id, by, 1)
    return {line.name: line.cost for line in used.items}


async def test_what_reads_is_called_again_and_the_rest_gives_what_was_recorded(
    world: World,
) -> None:
    _, turn = await _once(world, calling(("remember", KEPT), ("recall", ASKED)))
    before = await get_turn(world.db, world.owner_id, turn)
    run = await _again(
        world,
        turn,
        calling(
            ("recall", ASKED), ("remember", KEPT), ("remember", OTHER), ("shop__order", {"id": "1"})
        ),
    )
    assert run.sources == ("called again", "recorded", "pretended", "pretended")
    read, recorded, *pretended = (step.result for step in run.result.steps)
    assert "likes tea" in read
    assert recorded == before.steps[0]["result"]
    assert pretended == [PRETENDED, NOT_RECORDED]
    assert await get_turn(world.db, world.owner_id, turn) == before
    async with world.db.begin(world.owner) as tx:
        assert await tx.value("SELECT count(*) FROM discreet.memories") == 1
        assert await tx.value("SELECT count(*) FROM discreet.outbox") == 1


async def test_a_dry_run_costs_the_owner_and_not_the_contact(world: World) -> None:
    contact, turn = await _once(world, calling())
    await _again(world, turn, calling())

    async def fails(*_: object) -> TurnResult:
        failure = ModelError("provider", "It is down.")
        failure.usage = USED
        raise failure

    with pytest.raises(ModelError):
        await _again(world, turn, fails)
    assert await _cost(world, "contact") == {"Anna": Decimal("0.5"), "owner": Decimal(1)}
    assert sum((await _cost(world, "day")).values()) == Decimal("1.5")
    async with world.db.begin(world.owner) as tx:
        spent = await tx.fetch("SELECT agent_id, contact_id, prompt, steps FROM discreet.turns")
    assert [row["prompt"] for row in spent if row["contact_id"] is None] == [None, None]
    assert {row["agent_id"] for row in spent} == {world.agent_id}
    assert sum(row["contact_id"] == contact for row in spent) == 1


async def test_a_dry_run_is_refused_once_a_budget_is_used_up(world: World) -> None:
    _, turn = await _once(world, calling())
    await set_budget(world.db, world.owner_id, BudgetToSet(agent="Ada", money_a_day=Decimal("0.6")))
    await _again(world, turn, calling())
    with pytest.raises(LimitReached):
        await _again(world, turn, calling())


async def test_the_record_says_how_long_each_stage_took(world: World) -> None:
    _, turn = await _once(world, calling(("recall", ASKED)))
    record = await get_turn(world.db, world.owner_id, turn)
    assert list(record.stages) == ["waited", "prompt", "model", "saved"]
    assert all(seconds >= 0 for seconds in record.stages.values())
    whole = record.turn
    assert whole.finished_at is not None
    took = (whole.finished_at - whole.started_at).total_seconds()
    within = sum(seconds for name, seconds in record.stages.items() if name != "waited")
    assert within == pytest.approx(took, abs=0.05)
    assert record.steps[0]["seconds"] >= 0

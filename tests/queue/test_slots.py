"""Nobody waits for the turns of others."""

from __future__ import annotations

from typing import Any

from discreet.postgres.server import Database
from discreet.queue.worker import Slots
from discreet.turn.run import run_turn
from tests.support.jobs import answered
from tests.support.responders import Held
from tests.support.turns import answers_of, rows_of, turns_of, working
from tests.support.waiting import until
from tests.support.world import World, make_world

ALICE, BOB = "telegram:1001", "telegram:1002"


async def test_one_senders_backlog_holds_up_nobody(database: Database, world: World) -> None:
    for number in range(200):
        flood = await world.say(ALICE, f"{number}")
    held = Held()

    async def slow_for_alice(context: Any, prompt: Any, tools: Any, tell: Any) -> Any:
        first = context.waiting[0].speaker
        return await (held if first and first.address == ALICE else held.then)(
            context, prompt, tools, tell
        )

    what = turns_of(world.db, slow_for_alice)
    async with working(database, world.db, what, slots=Slots(turns=2)):
        await until(held.has_begun)
        for number in range(50):
            await world.say(ALICE, f"more {number}")
        said = await world.say(BOB, "hello")
        await until(lambda: answered(world, said.session_id))
        assert await answers_of(world, flood.session_id) == []
        held.free.set()


async def test_an_agent_whose_model_is_slow_takes_no_slot_of_another_agent(
    database: Database, world: World
) -> None:
    held = Held()
    eve = await make_world(world.db, agent="Eve")

    async def slow_for_ada(context: Any, prompt: Any, tools: Any, tell: Any) -> Any:
        responder = held if context.agent.name == "Ada" else held.then
        return await responder(context, prompt, tools, tell)

    slots = Slots(turns=3, turns_of_agent=2)
    async with working(database, world.db, turns_of(world.db, slow_for_ada), slots=slots):
        slow = [await world.say(f"telegram:{number}", "hello") for number in range(6)]
        await until(held.has_begun)
        for number in range(5):
            quick = await eve.say(f"telegram:{number}", "hello")
            await until(lambda said=quick: answered(world, said.session_id))  # type: ignore[misc]
        assert held.begun == slots.turns_of_agent
        held.free.set()
        for said in slow:
            await until(lambda said=said: answered(world, said.session_id))  # type: ignore[misc]


async def test_a_finished_answer_is_delivered_while_every_turn_thinks(
    database: Database, world: World
) -> None:
    held = Held()
    async with working(database, world.db, turns_of(world.db, held), slots=Slots(turns=1)):
        await world.say(ALICE, "hello")
        await until(held.has_begun)
        said = await world.say(BOB, "hello")
        await run_turn(turns_of(world.db), said.session_id)

        async def sent() -> bool:
            found = await rows_of(world, "SELECT state FROM discreet.outbox")
            return found == [{"state": "sent"}]

        await until(sent, "a delivery")
        assert held.begun == 1
        held.free.set()

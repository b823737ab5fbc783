"""If a model fails, another takes over, the sender is told soon, and the owner sees why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput
from discreet.intake import Accepted
from discreet.intake.accept import NotTaken
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.services.agents import change_agent, get_agent
from discreet.services.limits import ContactLimits, set_limits
from discreet.services.status import get_status
from discreet.services.turns import get_turn, list_turns
from discreet.services.usage import get_usage
from discreet.settings import Price, Settings
from discreet.turn.context import KeptFile
from discreet.turn.prompt import ChatMessage, Prompt
from discreet.turn.request import OnText
from discreet.turn.responders import Models, without_files
from discreet.turn.result import ModelError, TurnResult
from discreet.turn.run import PATIENCE, run_turn
from discreet.turn.save import COURTESY
from tests.support.openai_server import Call, Chunks, Fail, Hang, Reply, Say, Script, openai_server
from tests.support.responders import Failing
from tests.support.turns import answers_of, do_all, turns_of
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        yield await make_world(db)


async def use(world: World, model: str, *others: str) -> None:
    change = AgentChange(model=model, fallback_models=list(others))
    await change_agent(world.db, world.owner_id, "Ada", change)


class ByName(Script):
    """Replies by the name of the requested model."""

    by_name: dict[str, list[Reply]]

    def next(self, request: dict[str, Any]) -> Reply:
        with self.lock:
            self.requests.append(request)
            replies = self.by_name[request["model"]]
            return replies.pop(0) if len(replies) > 1 else replies[0]


async def turn_of(
    world: World, home: Path, by_name: dict[str, Sequence[Reply]], **settings: Any
) -> tuple[Accepted, list[str]]:
    """Run one turn with these models; return the message, and which models were called."""
    said = await world.say(ALICE, "Hello?")
    with openai_server(Say("")) as script:
        script.__class__ = ByName
        script.by_name = {name: list(replies) for name, replies in by_name.items()}  # type: ignore[attr-defined]
        models = Models(Settings(home=home, model_base_url=script.base_url, **settings))
        turns = replace(turns_of(world.db, models.answer), budget_for=models.budget_for)
        await run_turn(turns, said.session_id)
    return said, [request["model"] for request in script.requests]


@pytest.mark.parametrize(
    ("failing", "tries"),
    [
        (Fail(429), 2),
        (Fail(503), 2),
        (Fail(429, retry_after=60), 1),
        (Hang(), 1),
        (Fail(401), 1),
        (Say(""), 1),
    ],
)
async def test_another_model_answers_where_the_first_fails_and_the_owner_sees_which(
    world: World, tmp_path: Path, failing: Reply, tries: int
) -> None:
    await use(world, "first", "second", "third")
    said, asked = await turn_of(
        world,
        tmp_path,
        {"first": [failing], "second": [Fail(500)], "third": [Say("Here.")]},
        turn_silence_seconds=1.0,
    )
    assert await answers_of(world, said.session_id) == ["Here."]
    assert asked == ["first"] * tries + ["second"] * 2 + ["third"]
    [turn] = await list_turns(world.db, world.owner_id)
    assert turn.model == "compatible:third"
    assert turn.instead_of is not None
    assert "compatible:first" in turn.instead_of
    assert "compatible:second: The provider answered with status 500." in turn.instead_of
    [seen] = (await get_status(world.db, world.owner_id)).replaced_models
    assert (seen.agent, seen.turns, seen.model) == ("Ada", 1, "compatible:third")


async def test_no_other_model_takes_over_once_a_tool_has_changed_something(
    world: World, tmp_path: Path
) -> None:
    await use(world, "first", "second")
    keep = Call((("remember", {"content": "My dog is called Rex."}),))
    said, asked = await turn_of(
        world, tmp_path, {"first": [keep, Fail(503)], "second": [Say("Here.")]}
    )
    assert "second" not in asked
    assert await answers_of(world, said.session_id) == []
    [turn] = await list_turns(world.db, world.owner_id)
    assert (turn.state, turn.model) == ("failed", "compatible:first")


async def test_a_wrong_key_is_tried_once_the_sender_hears_at_once_and_the_owner_sees_why(
    world: World, tmp_path: Path
) -> None:
    await use(world, "first")
    said, asked = await turn_of(world, tmp_path, {"first": [Fail(401)]})
    assert asked == ["first"]
    assert await answers_of(world, said.session_id) == [COURTESY]
    [turn] = (await get_status(world.db, world.owner_id)).turns
    assert turn.state == "given_up"
    assert turn.error.startswith("setup: The provider rejected the API key.")


async def test_who_waits_for_a_missing_key_is_told_once_and_answered_when_it_is_there(
    database: Database, world: World, admin: psycopg.Connection[Any]
) -> None:
    said = await world.say(ALICE, "hello")
    responder = Failing([ModelError("setup", "The model has no key.")] * 3)
    for age, answers in (("0 s", []), ("7 s", [COURTESY]), ("9 s", [COURTESY])):
        admin.execute(
            "UPDATE discreet.messages SET not_before = NULL,"
            " created_at = now() - %s::interval WHERE direction = 'in'",
            (age,),
        )
        await run_turn(turns_of(world.db, responder), said.session_id)
        assert await answers_of(world, said.session_id) == answers
    assert timedelta(seconds=10) > PATIENCE
    admin.execute("UPDATE discreet.messages SET not_before = NULL")
    await do_all(database, world.db, responder)
    assert await answers_of(world, said.session_id) == [COURTESY, "re: hello"]


def test_a_file_that_a_model_cannot_take_is_left_out_and_named() -> None:
    prompt = Prompt(
        "", (ChatMessage("user", "What is it?"),), (KeptFile("a.png", "image/png", b""),)
    )
    without = without_files(prompt)
    assert without.files == ()
    assert "a.png (image/png)" in without.messages[-1].text


USAGE = {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100}


async def test_what_a_turn_costs_is_kept_and_added_up(world: World, tmp_path: Path) -> None:
    await use(world, "first")
    prices = {"first": Price(input=2.0, output=10.0)}
    await turn_of(world, tmp_path, {"first": [Chunks(("Hi",), usage=USAGE)]}, model_prices=prices)
    for by, name in (
        ("model", "compatible:first"), ("agent", "Ada"), ("contact", ALICE),
    ):  # fmt: skip
        [line] = (await get_usage(world.db, world.owner_id, by, 7)).items  # type: ignore[arg-type]
        assert line.name == name
        assert (line.turns, line.cost, line.unpriced_tokens) == (1, Decimal("0.003"), 0)
    days = (await get_usage(world.db, world.owner_id, "day", 7)).items
    assert [line.turns for line in days] == [0] * 6 + [1]
    [turn] = await list_turns(world.db, world.owner_id)
    assert turn.usage["cost"] == 0.003


async def test_an_unknown_price_is_said_and_counts_as_the_owner_wants(
    world: World, tmp_path: Path
) -> None:
    await use(world, "first")
    reply = {"first": [Chunks(("Hi",), usage=USAGE)]}
    await turn_of(world, tmp_path, reply)
    [line] = (await get_usage(world.db, world.owner_id, "agent", 1)).items
    assert (line.cost, line.unpriced_tokens) == (0, 1_100)
    await turn_of(world, tmp_path, reply, model_prices={"*": Price(input=1.0, output=0.0)})
    [line] = (await get_usage(world.db, world.owner_id, "agent", 1)).items
    assert (line.cost, line.unpriced_tokens) == (Decimal("0.001"), 1_100)


async def test_a_limit_in_money_warns_the_owner_and_then_stops_the_next_message(
    world: World, tmp_path: Path
) -> None:
    await use(world, "first")
    channel = await world.add_channel("telegram", "bot")
    await set_limits(world.db, world.owner_id, None, ContactLimits(money_a_day=Decimal("0.0035")))
    prices = {"first": Price(input=2.0, output=10.0)}
    await turn_of(world, tmp_path, {"first": [Chunks(("Hi",), usage=USAGE)]}, model_prices=prices)
    [near] = (await get_status(world.db, world.owner_id)).near_limits
    assert (near.whose, near.kind, round(near.share, 2)) == (ALICE, "money_a_day", 0.86)
    await world.say(ALICE, "one more", channel_id=channel)
    await set_limits(world.db, world.owner_id, None, ContactLimits(money_a_day=Decimal("0.003")))
    with pytest.raises(NotTaken) as refused:
        await world.say(ALICE, "too much", channel_id=channel)
    assert refused.value.reason == "limited"
    await world.say(BOB, "me too", channel_id=channel)
    [hit] = (await get_status(world.db, world.owner_id)).limit_hits
    assert (hit.whose, hit.kind) == (ALICE, "money_a_day")


async def test_a_model_is_streamed_from_the_answer_after_the_first_that_it_finished(
    world: World, tmp_path: Path
) -> None:
    await use(world, "first")
    cut, alone = Say("I could", finish="length"), Say("I could say</think>Good day")
    replies = [cut, cut, cut, cut, cut, Say("Good day"), Say("Good evening"), alone, alone]
    shown: list[list[str]] = []
    with openai_server(*replies) as script:
        models = Models(Settings(home=tmp_path, model_base_url=script.base_url))

        async def answer(context: Any, prompt: Any, tools: Any, on_text: OnText) -> TurnResult:
            texts: list[str] = []
            shown.append(texts)

            async def kept(text: str) -> None:
                texts.append(text)
                await on_text(text)

            return await models.answer(context, prompt, tools, kept)

        turns = replace(turns_of(world.db, answer), budget_for=models.budget_for)
        for _ in range(5):
            said = await world.say(ALICE, "Hello?")
            await run_turn(turns, said.session_id)
    assert shown[:3] == [[], [], ["Good", "Good evening"]]
    assert shown[3][-1] == "Good day", "what nobody could know: it never did this before"
    assert shown[4] == ["Good", "Good day"]


@pytest.mark.parametrize("money", ["0", "-1", "NaN", "Infinity"])
async def test_a_limit_in_money_is_more_than_nothing(world: World, money: str) -> None:
    with pytest.raises(BadInput):
        await set_limits(world.db, world.owner_id, None, ContactLimits(money_a_day=Decimal(money)))


@pytest.mark.parametrize(
    "change",
    [
        AgentChange(context_tokens=1_000),
        AgentChange(context_tokens=-5),
        AgentChange(fallback_models=["a"] * 6),
        AgentChange(fallback_models=[" "]),
        AgentChange(fallback_models=["a\0b"]),
    ],
)
async def test_settings_of_models_that_cannot_be_used_are_refused(
    world: World, change: AgentChange
) -> None:
    with pytest.raises(BadInput):
        await change_agent(world.db, world.owner_id, "Ada", change)
    agent = await get_agent(world.db, world.owner_id, "Ada")
    assert (agent.context_tokens, list(agent.fallback_models)) == (None, [])


async def test_the_stable_part_of_a_prompt_is_the_same_to_the_byte_from_turn_to_turn(
    world: World, tmp_path: Path
) -> None:
    await use(world, "first")
    sent: list[bytes] = []
    with openai_server(Say("Yes."), Say("No."), Say("Perhaps.")) as script:
        models = Models(Settings(home=tmp_path, model_base_url=script.base_url))
        turns = replace(turns_of(world.db, models.answer), budget_for=models.budget_for)
        for text in ("The shop opens at nine.", "And on Sunday?", "Who told you that?"):
            said = await world.say(ALICE, text)
            await run_turn(turns, said.session_id)
    for request in script.requests:
        sent.append(request["messages"][0]["content"].encode())
    turns_kept = await list_turns(world.db, world.owner_id)
    records = [await get_turn(world.db, world.owner_id, turn.id) for turn in turns_kept]
    assert all(record.system for record in records)
    heads = {
        system.partition(b"# What may help with what was just said")[0].rstrip() for system in sent
    }
    assert len(heads) == 1
    assert len(heads.pop()) > 1_000
    assert len({str(request["tools"]) for request in script.requests}) == 1

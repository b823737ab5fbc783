"""Two limits of a turn: silence of the model, and total time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from discreet.domain import concurrency
from discreet.domain.ids import SessionId
from discreet.postgres.server import Database
from discreet.queue.worker import Slots, work
from discreet.scope.scopes import SessionScope
from discreet.services.status import get_status
from discreet.settings import Settings
from discreet.turn import run
from discreet.turn.lease import Lease
from discreet.turn.responders import make_responder
from discreet.turn.result import TurnResult
from discreet.turn.run import CUT_OFF, run_turn
from discreet.turn.think import CUT_AT_LIMIT
from tests.support.openai_server import Call, Chunks, Cut, Hang, Reply, Say, openai_server
from tests.support.responders import echo
from tests.support.turns import answers_of, rows_of, turns_of, work_of, working
from tests.support.waiting import patience, until
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    async with open_scoped(database) as db:
        yield await make_world(db)


async def answered_by(
    world: World, home: Path, *replies: Reply, **settings: Any
) -> tuple[list[str], dict[str, Any]]:
    """Run one turn of a model with these replies; return the answers and the turn's row."""
    said = await world.say(ALICE, "Tell me a long story.")
    with openai_server(*replies) as script:
        responder = make_responder(
            Settings(home=home, model="scripted", model_base_url=script.base_url, **settings)
        )
        turns = replace(turns_of(world.db, responder), total_seconds=150)
        async with patience():
            await run_turn(turns, said.session_id)
    [turn] = await rows_of(world, "SELECT state, error, model, usage FROM discreet.turns")
    return await answers_of(world, said.session_id), turn


async def test_text_from_before_a_model_fell_silent_is_sent_and_marked_as_cut_off(
    world: World, tmp_path: Path
) -> None:
    reply = Say("Once upon a time there was", hangs_after=4)
    answers, turn = await answered_by(world, tmp_path, reply, turn_silence_seconds=1.0)
    assert answers == [f"Once upon a time\n\n{CUT_OFF}"]
    assert turn["state"] == "answered"
    assert "sent nothing for 1 seconds" in turn["error"]
    assert "scripted" in turn["model"]


async def test_a_model_that_goes_on_for_too_long_is_cut_although_it_is_never_silent(
    world: World, tmp_path: Path
) -> None:
    reply = Say("on and " * 1_000, pause=0.02)
    [answer], turn = await answered_by(world, tmp_path, reply, turn_total_seconds=1.5)
    assert answer.startswith("on and on and")
    assert answer.endswith(CUT_OFF)
    assert "longer than 1.5 seconds" in turn["error"]


async def test_a_model_that_writes_without_end_is_stopped_and_its_answer_marked_as_cut_off(
    world: World, tmp_path: Path
) -> None:
    reply = Chunks(("on and " * 1_000,) * 10)
    [answer], turn = await answered_by(world, tmp_path, reply, answer_tokens=64)
    assert answer.startswith("on and on and")
    assert answer.endswith(CUT_AT_LIMIT)
    assert len(answer) < 10_000
    assert "more than 1280 characters" in turn["error"]


async def test_an_answer_without_an_end_is_asked_for_again_once_the_model_has_ended_one(
    world: World, tmp_path: Path
) -> None:
    with openai_server(Say("One."), Cut("Half of", orderly=True), Say("Two.")) as script:
        settings = Settings(home=tmp_path, model="scripted", model_base_url=script.base_url)
        turns = replace(turns_of(world.db, make_responder(settings)), total_seconds=150)
        for text in ("first", "second"):
            said = await world.say(ALICE, text)
            async with patience():
                await run_turn(turns, said.session_id)
    assert await answers_of(world, said.session_id) == ["One.", "Two."]


async def test_a_slow_model_that_says_a_word_now_and_then_is_not_silent(
    world: World, tmp_path: Path
) -> None:
    reply = Say("a b c d e f", pause=0.4)
    answers, turn = await answered_by(world, tmp_path, reply, turn_silence_seconds=1.6)
    assert (answers, turn["error"]) == (["a b c d e f"], None)


async def test_a_model_that_says_nothing_at_all_is_tried_again(
    world: World, tmp_path: Path
) -> None:
    answers, turn = await answered_by(world, tmp_path, Hang(), turn_silence_seconds=0.5)
    assert (answers, turn["state"]) == ([], "failed")
    assert turn["error"].startswith("timeout: ")


async def test_what_a_tool_has_done_before_the_silence_is_kept_with_the_turn(
    world: World, tmp_path: Path
) -> None:
    call = Call((("remember", {"content": "Alice likes stories."}),))
    silent = Say("I have kept that", hangs_after=3)
    answers, _ = await answered_by(world, tmp_path, call, silent, turn_silence_seconds=1.0)
    [turn] = await rows_of(world, "SELECT steps FROM discreet.turns")
    assert answers == [f"I have kept\n\n{CUT_OFF}"]
    assert [step["tool"] for step in turn["steps"]] == ["remember"]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a hanging responder soon."""
    monkeypatch.setattr(run, "MARGIN_SECONDS", 0.3)
    monkeypatch.setattr(concurrency, "END_SECONDS", 0.3)


class Deaf:
    """A responder that writes something, then neither ends nor reacts to cancellation.

    It ends when ``free`` is set, like a library waiting for a thread. ``times``: then it answers
    normally.
    """

    def __init__(self, text: str, times: int = 1_000) -> None:
        self.text, self.times = text, times
        self.free = asyncio.Event()
        self.left: set[asyncio.Task[Any]] = set()

    async def __call__(self, context: Any, prompt: Any, tools: Any, on_text: Any) -> TurnResult:
        if self.times == 0:
            return await echo(context, prompt, tools, on_text)
        self.times -= 1
        await on_text(self.text)
        task = asyncio.current_task()
        assert task is not None
        self.left.add(task)
        while not self.free.is_set():
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                continue
        return TurnResult("much too late", "deaf")

    async def let_go(self) -> None:
        self.free.set()
        await asyncio.wait(self.left)


@pytest.mark.usefixtures("quick")
async def test_of_a_mind_that_hangs_what_it_wrote_is_sent_and_what_it_says_later_is_not(
    world: World,
) -> None:
    deaf = Deaf("as far as")
    said = await world.say(ALICE, "hello")
    await run_turn(replace(turns_of(world.db, deaf), total_seconds=0.2), said.session_id)
    assert await answers_of(world, said.session_id) == [f"as far as\n\n{CUT_OFF}"]
    await deaf.let_go()
    assert await answers_of(world, said.session_id) == [f"as far as\n\n{CUT_OFF}"]


@pytest.mark.usefixtures("quick")
async def test_a_mind_that_hangs_frees_its_place_and_its_messages_are_answered(
    database: Database, world: World
) -> None:
    deaf = Deaf("", times=1)
    turns = replace(turns_of(world.db, deaf), total_seconds=0.2)
    async with working(database, world.db, turns, slots=Slots(turns=1)):
        first = await world.say(ALICE, "hello")
        second = await world.say(BOB, "and me?")
        for said, text in ((first, "re: hello"), (second, "re: and me?")):

            async def answered(session_id: SessionId = said.session_id) -> list[str]:
                return await answers_of(world, session_id)

            assert await until(answered) == [text]
        await deaf.let_go()


async def test_a_turn_that_hangs_anywhere_else_is_given_up_and_its_messages_are_answered(
    database: Database, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "END_SECONDS", 0.3)
    deaf = Deaf("", times=1)
    normal = work_of(world.db, turns_of(world.db))

    async def hangs_once(session_id: SessionId, scope: SessionScope) -> None:
        if deaf.times:
            async with world.db.begin(scope) as tx:
                assert isinstance(await run.acquire(tx, session_id), Lease)
            await deaf(None, None, None, _nothing)
        await normal.run_turn(session_id, scope)

    what = replace(normal, run_turn=hangs_once, turn_seconds=0.5)
    said = await world.say(ALICE, "hello")
    async with work(database.conninfo("discreet_worker"), world.db, what, Slots(1)):

        async def answered() -> list[str]:
            return await answers_of(world, said.session_id)

        assert await until(answered) == ["re: hello"]
        await deaf.let_go()


async def _nothing(_: str) -> None: ...


async def test_a_turn_that_runs_long_is_shown_with_how_much_it_has_written(
    world: World, admin: Any
) -> None:
    said = await world.say(ALICE, "hello")
    scope = world.contact(said.contact_id)
    async with world.db.begin(scope) as tx:
        lease = await run.acquire(tx, said.session_id)
        assert isinstance(lease, run.Lease)
        await tx.execute(
            "INSERT INTO discreet.drafts (turn_id, text) VALUES (%(turn)s, 'four')",
            {"turn": lease.turn_id},
        )
    assert (await get_status(world.db, world.owner_id)).long_turns == ()
    admin.execute("UPDATE discreet.turns SET started_at = now() - interval '3 minutes'")
    status = await get_status(world.db, world.owner_id)
    [turn] = status.long_turns
    assert (turn.turn_id, turn.whose, turn.characters) == (lease.turn_id, ALICE, 4)
    assert status.needs_attention

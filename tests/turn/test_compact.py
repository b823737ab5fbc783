"""Long conversations continue with a summary and the newest messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from discreet.domain.ids import SessionId
from discreet.memory.history import get_memory_history
from discreet.memory.memories import Memory, forget, list_memories
from discreet.memory.recall import prepare, search_messages
from discreet.postgres.server import Database
from discreet.scope import ScopedDatabase
from discreet.turn.compact import Passage
from discreet.turn.context import AgentCard
from discreet.turn.prompt import Budget
from discreet.turn.result import ModelError, Usage
from discreet.turn.run import run_turn
from discreet.turn.summarise import SUMMARY_CHARACTERS, pick_sentences
from discreet.turn.turns import Turns
from tests.support.responders import Responder
from tests.support.turns import turns_of
from tests.support.world import World, make_world, open_scoped

ALICE = "telegram:1001"
SMALL = Budget(history=400, recent=150)
LONG = "and much more was said about it on that day, word after word, until late in the night"


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


class Notes:
    """Summarizes by recording its input; fails on request."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self.fails = False

    async def __call__(self, passage: Passage) -> tuple[str, Usage]:
        self.passages.append(passage)
        if self.fails:
            raise ModelError("provider", "gone")
        first, last = passage.lines[0][1], passage.lines[-1][1]
        return f"{passage.before}[{first[:9]} to {last[:9]}]", Usage(1, 10, 5)


def _turns(world: World, responder: Responder, **more: Any) -> Turns:
    return replace(turns_of(world.db, responder), budget=SMALL, **more)


async def _talk(world: World, turns: Turns, *texts: str) -> SessionId:
    for text in texts:
        accepted = await world.say(ALICE, text)
        await run_turn(turns, accepted.session_id)
    return accepted.session_id


async def _memories(world: World) -> list[Memory]:
    accepted = await world.say(ALICE, "whose memories?", thread_key="aside")
    async with world.db.begin(world.contact(accepted.contact_id)) as tx:
        return await list_memories(tx)


async def test_a_long_conversation_goes_on_with_a_summary_and_the_newest_messages(
    world: World,
) -> None:
    responder, notes = Responder(), Notes()
    session = await _talk(
        world,
        _turns(world, responder, summarise=notes),
        *(f"talk {n:02}: {LONG}" for n in range(25)),
    )
    (summary,) = await _memories(world)
    assert (summary.source, summary.topic_key) == ("compaction", f"conversation:{session}")
    assert summary.content.startswith("[talk 00: ")
    context, prompt = responder.contexts[-1], responder.prompts[-1]
    assert context.summary is not None
    assert context.summary.text == summary.content
    shown = prompt.system + "".join(message.text for message in prompt.messages)
    assert shown.count(summary.content) == 1
    assert "talk 24" in prompt.messages[-1].text
    # Every line is either summarized or still there, and none is both.
    told = [text for passage in notes.passages for _, text in passage.lines]
    still = [line.text for line in context.history]
    assert told + still == [t for n in range(24) for t in (f"talk {n:02}: {LONG}", "hm")]
    # Summarized messages can still be searched.
    scope = world.contact((await world.say(ALICE, "?")).contact_id)
    async with world.db.begin(scope) as tx:
        hits = await search_messages(tx, prepare("talk 00", None), limit=1)
        assert "talk 00" in hits[0].content
        assert len(await get_memory_history(tx, summary.id)) == len(notes.passages) - 1


async def test_a_summary_that_fails_loses_nothing_and_is_made_later(world: World) -> None:
    responder, notes = Responder(), Notes()
    notes.fails = True
    turns = _turns(world, responder, summarise=notes)
    texts = [f"talk {n:02}: {LONG}" for n in range(15)]
    session = await _talk(world, turns, *texts)
    assert len(responder.contexts) == 15
    assert await _memories(world) == []
    notes.fails = False
    notes.passages.clear()
    await _talk(world, turns, "one more")
    told = [text for passage in notes.passages for _, text in passage.lines]
    still = [line.text for line in responder.contexts[-1].history]
    assert told + still == [t for text in texts for t in (text, "hm")]
    row = await _turn_usage(world, session)
    assert (row["requests"], row["input_tokens"]) == (1, 10)


async def test_a_turn_that_loses_its_session_while_it_summarises_keeps_nothing(
    world: World, db: ScopedDatabase
) -> None:
    class Thief(Notes):
        async def __call__(self, passage: Passage) -> tuple[str, Usage]:
            async with db.begin(world.owner) as tx:
                await tx.execute("UPDATE discreet.sessions SET current_turn = NULL")
            return await super().__call__(passage)

    responder, notes = Responder(), Thief()
    await _talk(
        world,
        _turns(world, responder, summarise=notes),
        *(f"talk {n:02}: {LONG}" for n in range(15)),
    )
    assert notes.passages
    assert await _memories(world) == []


async def test_a_summary_that_was_forgotten_is_forgotten(world: World) -> None:
    responder, notes = Responder(), Notes()
    turns = _turns(world, responder, summarise=notes)
    await _talk(world, turns, *(f"talk {n:02}: {LONG}" for n in range(15)))
    (summary,) = await _memories(world)
    async with world.db.begin(world.owner) as tx:
        await forget(tx, summary.id)
    await _talk(world, turns, "hello")
    assert responder.contexts[-1].summary is None
    assert "talk 00" not in repr(responder.prompts[-1].messages)


async def test_many_short_messages_are_a_long_conversation_too(world: World) -> None:
    responder, notes = Responder(), Notes()
    turns = replace(turns_of(world.db, responder), summarise=notes)
    await _talk(world, turns, *(f"m{n}" for n in range(83)))
    assert len(notes.passages) == 1
    assert len(responder.contexts[-1].history) >= 60


async def test_sentences_that_say_something_are_picked_in_their_order() -> None:
    lines = [("Alice", "Hello! How are you? My flight to Lisbon leaves on 3 May at 10:45.")]
    lines += [("Ada", "hm")] * 5 + [("Alice", f"{LONG} {n}?") for n in range(60)]
    lines += [("Alice", "The hotel is called Miradouro and costs 120 euros a night.")]
    text, usage = await pick_sentences(Passage(AgentCard("Ada"), "Alice: has a dog.", tuple(lines)))
    picked = text.split("\n")
    assert "Alice: My flight to Lisbon leaves on 3 May at 10:45." in picked
    assert "Alice: has a dog." in picked
    assert picked[-1] == "Alice: The hotel is called Miradouro and costs 120 euros a night."
    assert len(text) <= SUMMARY_CHARACTERS
    assert usage == Usage()


async def _turn_usage(world: World, session: SessionId) -> dict[str, Any]:
    async with world.db.begin(world.owner) as tx:
        found = await tx.value(
            "SELECT usage FROM discreet.turns WHERE session_id = %s AND usage IS NOT NULL"
            " ORDER BY started_at DESC LIMIT 1",
            (session,),
        )
    return dict(found)


async def test_each_thread_has_a_summary_of_its_own(world: World) -> None:
    responder, notes = Responder(), Notes()
    turns = _turns(world, responder, summarise=notes)
    before = await world.say(ALICE, "before", thread_key="early")
    await run_turn(turns, before.session_id)
    await _talk(world, turns, *(f"talk {n:02}: {LONG}" for n in range(15)))
    assert responder.contexts[-1].summary is not None
    for thread in ("early", "late"):
        accepted = await world.say(ALICE, "hello", thread_key=thread)
        await run_turn(turns, accepted.session_id)
        assert responder.contexts[-1].summary is None
    assert [line.text for line in responder.contexts[-2].history] == ["before", "hm"]

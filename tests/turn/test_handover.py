"""A contact asks for a person, and answers that the owner reads before they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from discreet.delivery import deliver
from discreet.domain.errors import Conflict, NotFound, ScopeError
from discreet.postgres.server import Database
from discreet.schemas.agents import AgentChange
from discreet.scope import ScopedDatabase
from discreet.services import held_answers
from discreet.services.agents import change_agent
from discreet.services.contacts import hold_answers
from discreet.services.requeue import silence_of
from discreet.services.takeover import hand_back, take_over
from discreet.turn import draft
from discreet.turn.context import TurnContext
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult
from discreet.turn.think import OnText, Tools
from tests.support.platform import Platform, make_platform
from tests.support.turns import Recording, by_platform, count, rows_of
from tests.support.world import open_scoped
from tests.turn.owner_chat import ALICE, BOB, GROUP, OLGA, ask, link, run, told


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def opened(db: ScopedDatabase) -> Platform:
    """Anybody may write; OLGA is the owner's account."""
    platform = await make_platform(db, admission="open")
    await link(platform, OLGA)
    return platform


async def set_agent(platform: Platform, change: AgentChange) -> None:
    await change_agent(platform.world.db, platform.world.owner_id, "Ada", change)


async def calls_a_person(_: TurnContext, __: Prompt, tools: Tools, ___: OnText) -> TurnResult:
    outcome = await tools.call("ask_for_person", {"reason": "a refund"})
    return TurnResult(outcome.text, "model")


async def streams(_: TurnContext, __: Prompt, ___: Tools, on_text: OnText) -> TurnResult:
    for part in ("It is", "It is free", "It is free on *Friday*."):
        await on_text(part)
    return TurnResult("It is free on *Friday*.", "model")


async def test_the_agent_waits_for_the_person_that_a_contact_asked_for(opened: Platform) -> None:
    answer = await ask(opened, "/human the heating is broken", ALICE, name="Alice")
    assert answer == (
        "I've told the person who runs me. They can answer you here; until then I'll be silent, for"
        " an hour at most."
    )
    [notice] = await told(opened)
    assert notice.startswith("`Alice` asks `Ada` for a person: `the heating is broken`\n")
    assert "`Ada` is silent there until you answer" in notice
    assert await told(opened) == []
    said = await opened.accepted(ALICE, "hello?")
    await run(opened, said)
    assert (await opened.sent(ALICE))[-1] == answer
    world = opened.world
    assert "asked for a person" in (
        str(await silence_of(world.db, world.owner_id, said.message_id) or "")
    )
    # Nobody else waits.
    assert await ask(opened, "hi", BOB) == "I heard: hi"
    takeover = notice.split()[-1]
    assert (await ask(opened, takeover)).startswith("You now answer `Alice` in person")
    assert await ask(opened, "I am coming.") == "To `Alice`."
    assert (await opened.sent(ALICE))[-1] == "I am coming."
    await ask(opened, "/end")
    assert await ask(opened, "thanks", ALICE) == "I heard: thanks"


async def test_a_contacts_commands_are_obeyed_while_a_person_is_awaited_or_answers(
    opened: Platform,
) -> None:
    world = opened.world
    await ask(opened, "hi", ALICE, name="Alice")
    for withhold in (
        lambda: ask(opened, "/human", ALICE),
        lambda: take_over(world.db, world.owner_id, ALICE),
    ):
        await withhold()
        said = await opened.accepted(ALICE, "hello?")
        await run(opened, said)
        assert not (await opened.sent(ALICE))[-1].startswith("I heard")
        for command, word in (
            ("/memories", "remember nothing"),
            ("/help", "/export"),
            ("/export", "What was said"),
        ):
            assert word in await ask(opened, command, ALICE)
            assert await silence_of(world.db, world.owner_id, said.message_id)
        await run(opened, said)
        assert not (await opened.sent(ALICE))[-1].startswith("I heard")
    await hand_back(world.db, world.owner_id, ALICE)
    assert await ask(opened, "thanks", ALICE) == "I heard: hello? / hello? / thanks"


async def test_a_turn_that_thinks_says_nothing_although_a_command_waits(opened: Platform) -> None:
    world = opened.world

    async def thinks(_: TurnContext, __: Prompt, ___: Tools, ____: OnText) -> TurnResult:
        await take_over(world.db, world.owner_id, ALICE)
        await opened.accepted(ALICE, "/memories")
        return TurnResult("too late", "model")

    said = await opened.accepted(ALICE, "hello", name="Alice")
    await run(opened, said, thinks)
    await run(opened, said)
    await run(opened, said)
    assert await opened.sent(ALICE) == ["I remember nothing here yet."]


async def test_the_agent_goes_on_by_itself_after_the_time_that_is_set(
    opened: Platform, admin: Any
) -> None:
    await set_agent(opened, AgentChange(person_minutes=5))
    assert "for 5 minutes at most" in await ask(opened, "/human", ALICE)
    said = await opened.accepted(ALICE, "hello?")
    await run(opened, said)
    admin.execute("UPDATE discreet.person_requests SET ends_at = clock_timestamp()")
    admin.execute("UPDATE queue.procrastinate_jobs SET lock = 'gone', queueing_lock = NULL")
    assert admin.execute("SELECT gate.wake_stranded()").fetchone()[0] >= 1
    await run(opened, said)
    assert (await opened.sent(ALICE))[-1] == "I heard: hello?"


async def test_an_agent_that_goes_on_answers_meanwhile(opened: Platform) -> None:
    await set_agent(opened, AgentChange(waits_for_person=False))
    said = await opened.accepted(ALICE, "I want my money back", name="Alice")
    await run(opened, said, calls_a_person)
    assert "I'll keep answering until they do." in (await opened.sent(ALICE))[-1]
    [notice] = await told(opened)
    assert "`a refund`" in notice
    assert "`Ada` keeps answering." in notice
    assert await ask(opened, "and now?", ALICE) == "I heard: and now?"
    assert "already knows" in await ask(opened, "/human", ALICE)
    assert await told(opened) == []


async def test_a_group_that_asks_for_a_person_waits_alone(opened: Platform) -> None:
    assert "until then I'll be silent" in await ask(opened, "/human", ALICE, group=GROUP)
    assert await ask(opened, "hi", ALICE) == "I heard: hi"
    world = opened.world
    await run(opened, await opened.accepted(ALICE, "hello?", group=GROUP))
    assert (await opened.sent(GROUP))[-1].startswith("I've told")
    await hand_back(world.db, world.owner_id, GROUP)
    assert await ask(opened, "again", ALICE, group=GROUP) == "I heard: hello? / again"


async def test_an_answer_waits_until_the_owner_approves_it(
    db: ScopedDatabase, opened: Platform
) -> None:
    world = opened.world
    await set_agent(opened, AgentChange(holds_answers=True))
    said = await opened.accepted(ALICE, "is a room free?", name="Alice")
    await run(opened, said, streams)
    assert await opened.sent(ALICE) == []
    assert await rows_of(world, "SELECT 1 FROM discreet.drafts") == []
    assert "sb drafts list" in str(await silence_of(db, world.owner_id, said.message_id) or "")
    [notice] = await told(opened)
    assert "`Alice` wrote: `is a room free?`" in notice
    assert "`Ada` would answer: `It is free on *Friday*.`" in notice
    approve = next(word for word in notice.split() if word.startswith("/approve_"))
    assert await ask(opened, approve) == "Sent to `Alice`."
    assert await ask(opened, approve) == "Sent to `Alice`."
    assert await opened.sent(ALICE) == ["It is free on *Friday*."]
    channel = Recording("telegram")
    [row] = await rows_of(
        world, "SELECT route_id FROM discreet.messages WHERE id = %s", said.message_id
    )
    await deliver(db, by_platform(channel), row["route_id"])
    [sent] = channel.sent
    assert (sent.text, sent.plain, sent.chat_id) == ("It is free on *Friday*.", False, "1001")


async def test_an_answer_that_waits_is_shown_to_nobody_while_it_is_written(
    opened: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = opened.world
    monkeypatch.setattr(draft, "DRAFT_SECONDS", 0.0)
    seen: list[int] = []

    async def writes(_: TurnContext, __: Prompt, ___: Tools, on_text: OnText) -> TurnResult:
        await on_text("It is free")
        seen.append(await count(world, "drafts"))
        return TurnResult("It is free.", "model")

    await run(opened, await opened.accepted(ALICE, "is a room free?"), writes)
    await set_agent(opened, AgentChange(holds_answers=True))
    await run(opened, await opened.accepted(ALICE, "and tomorrow?"), writes)
    assert seen == [1, 0]


async def test_an_answer_is_edited_or_rejected(db: ScopedDatabase, opened: Platform) -> None:
    world = opened.world
    await opened.accepted(BOB, "first", name="Bob")
    await hold_answers(db, world.owner_id, "Bob", hold=True)
    await run(opened, await opened.accepted(BOB, "hello"))
    # Of this contact alone.
    assert await ask(opened, "hello", ALICE) == "I heard: hello"
    assert "to `Bob`: `I heard: first / hello`" in await ask(opened, "/drafts")
    assert await ask(opened, "/edit Good morning,\nBob!") == "Sent to `Bob`."
    assert await opened.sent(BOB) == ["Good morning,\nBob!"]
    await run(opened, await opened.accepted(BOB, "more"))
    assert await ask(opened, "reject") == "The answer to `Bob` won't be sent."
    assert await opened.sent(BOB) == ["Good morning,\nBob!"]
    assert await ask(opened, "/drafts") == "No answer is waiting for your approval."
    [row] = await rows_of(world, "SELECT id FROM discreet.held_answers WHERE state = 'rejected'")
    with pytest.raises(Conflict):
        await held_answers.approve_answer(db, world.owner_id, str(row["id"]))
    with pytest.raises(NotFound):
        await held_answers.reject_answer(db, world.owner_id, "abcdef")


async def test_commands_and_the_owner_are_answered_at_once(opened: Platform) -> None:
    await set_agent(opened, AgentChange(holds_answers=True))
    assert await ask(opened, "/memories", ALICE) == "I remember nothing here yet."
    assert await ask(opened, "hello") == "I heard: hello"


async def test_what_a_contact_may_see_holds_no_answer_that_waits(opened: Platform) -> None:
    world = opened.world
    await set_agent(opened, AgentChange(holds_answers=True))
    said = await opened.accepted(ALICE, "is a room free?", name="Alice")
    await run(opened, said, streams)
    assert "It is free" not in await ask(opened, "/export", ALICE)
    for table in ("held_answers", "person_requests", "owner_chats", "owner_notices"):
        with pytest.raises(ScopeError):
            async with world.db.begin(world.contact(said.contact_id)) as tx:
                await tx.fetch(f"SELECT * FROM discreet.{table}")

"""Who is in a conversation: groups, and agents with shared memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import ScopeError
from discreet.intake import Accepted
from discreet.postgres.server import Database
from discreet.queue.job_scope import scope_of_session
from discreet.schemas.agents import AgentChange
from discreet.scope import ContactScope, OwnerScope, ScopedDatabase, SharedScope
from discreet.services.agents import change_agent
from discreet.turn.context import OWNER, TurnContext
from discreet.turn.lease import acquire
from discreet.turn.prompt import Prompt
from discreet.turn.result import TurnResult
from discreet.turn.think import OnText, Tools
from tests.support.responders import Responder, repeat
from tests.support.turns import Recording, do_all, one_turn, rows_of, turns_of, working
from tests.support.waiting import until
from tests.support.world import World, make_world, open_scoped

ALICE, BOB = "telegram:1001", "telegram:1002"
FAMILY = "telegram:-500"
Admin = psycopg.Connection[Any]


@pytest.fixture
async def db(database: Database) -> AsyncIterator[ScopedDatabase]:
    async with open_scoped(database) as db:
        yield db


@pytest.fixture
async def world(db: ScopedDatabase) -> World:
    return await make_world(db)


@pytest.fixture
async def shared(db: ScopedDatabase) -> World:
    return await make_world(db, agent="Famulus", memory_model="shared")


async def remember(world: World, scope: Any, text: str) -> None:
    async with world.db.begin(scope) as tx:
        await tx.execute("INSERT INTO discreet.memories (content) VALUES (%s)", (text,))


async def keep(context: TurnContext, _: Prompt, tools: Tools, __: OnText) -> TurnResult:
    """Remember what was said, and repeat everything found and given."""
    for line in context.waiting:
        await tools.call("remember", {"content": line.text})
    found = await tools.call("recall", {"query": "secret"})
    said = await tools.call("search_conversation", {"query": "secret"})
    return TurnResult(f"{found.text}\n{said.text}", "keep")


def everything(context: TurnContext) -> str:
    return repr(context)


async def test_everybody_shares_one_session_and_one_memory_with_a_shared_agent(
    database: Database, shared: World
) -> None:
    first = await shared.say(ALICE, "alice's secret", name="Alice")
    await do_all(database, shared.db, keep)
    second = await shared.say(BOB, "bob's secret", name="Bob")
    third = await shared.say(None, "olga's secret")
    assert first.session_id == second.session_id == third.session_id
    assert first.contact_id is second.contact_id is third.contact_id is None
    channel = Recording()
    responder = Responder(repeat)
    await do_all(database, shared.db, responder, channel)
    # Each is answered separately, in its message's chat, and each answer knows all messages.
    assert [(one.chat_id, one.text) for one in channel.sent] == [
        (BOB, "re: bob's secret"),
        ("owner", "re: olga's secret"),
    ]
    assert "alice's secret" in everything(responder.contexts[0])
    kept = await rows_of(shared, "SELECT contact_id, agent_id, content FROM discreet.memories")
    assert kept == [{"contact_id": None, "agent_id": shared.agent_id, "content": "alice's secret"}]


async def test_in_a_shared_session_each_line_says_who_spoke(
    database: Database, shared: World
) -> None:
    for sender, name in ((ALICE, "Alice"), (BOB, "Alice"), (None, "")):
        await shared.say(sender, "hello", name=name, chat="the kitchen")
    responder = Responder(repeat)
    await do_all(database, shared.db, responder)
    [context] = responder.contexts
    assert context.party.kind == "shared"
    speakers = [line.speaker for line in context.waiting]
    assert [one.address for one in speakers if one] == [ALICE, BOB, OWNER.address]
    prompt = responder.prompts[0].messages[-1].text
    assert ALICE in prompt
    assert BOB in prompt


async def test_a_shared_agent_never_sees_the_owners_other_rows_also_when_the_owner_writes(
    database: Database, shared: World, world: World
) -> None:
    hers = await world.say(ALICE, "alice's secret with Ada")
    await world.say(None, "olga's secret with Ada")
    await do_all(database, world.db, keep)
    await remember(world, world.owner, "olga's other secret")
    await remember(world, world.contact(hers.contact_id), "alice's other secret")
    await remember(
        shared, ContactScope(shared.owner_id, shared.agent_id, hers.contact_id), "a private secret"
    )
    seen: list[str] = []

    async def look(context: TurnContext, prompt: Prompt, tools: Tools, tell: OnText) -> TurnResult:
        result = await keep(context, prompt, tools, tell)
        seen.append(everything(context) + repr(prompt) + result.text)
        return result

    for sender in (BOB, ALICE, None):
        said = await shared.say(sender, "what is the secret?")
        assert await scope_of_session(shared.db, said.session_id) == SharedScope(
            shared.owner_id, shared.agent_id
        )
        await do_all(database, shared.db, look)
    assert len(seen) == 3
    for text in seen:
        assert "with Ada" not in text
        assert "other secret" not in text
        assert "private secret" not in text


async def test_an_agent_that_becomes_shared_shares_nothing_that_was_said_before(
    database: Database, world: World
) -> None:
    await remember(world, OwnerScope(world.owner_id, world.agent_id), "olga's secret")
    said = await world.say(None, "what is the secret?")
    change = AgentChange(memory_model="shared")
    await change_agent(world.db, world.owner_id, "Ada", change)
    assert await scope_of_session(world.db, said.session_id) == world.owner
    asked = await world.say(ALICE, "what is the secret?")
    responder = Responder(repeat)
    await one_turn(world, asked.session_id, responder)
    assert responder.contexts[0].party.kind == "shared"
    assert "olga's secret" not in everything(responder.contexts[0])
    # A contact's earlier messages stay that contact's.
    alone = await make_world(world.db, agent="Cyd")
    before = await alone.say(ALICE, "alice's secret")
    await change_agent(alone.db, alone.owner_id, "Cyd", change)
    after = await alone.say(ALICE, "hello")
    assert after.session_id != before.session_id
    assert after.contact_id is None
    responder = Responder(repeat)
    await do_all(database, alone.db, responder)
    kinds = {one.waiting[0].text: one.party.kind for one in responder.contexts}
    assert kinds["alice's secret"] == "contact"
    assert kinds["hello"] == "shared"
    [hello] = [one for one in responder.contexts if one.waiting[0].text == "hello"]
    assert "alice's secret" not in everything(hello)


async def test_a_message_waiting_when_an_agent_stops_sharing_never_runs_in_the_owners_scope(
    database: Database, shared: World
) -> None:
    """Test the shared session, which has no contact; otherwise no contact means the owner."""
    other = await make_world(shared.db, agent="Bea")
    await remember(other, other.owner, "olga's secret")
    waits = await shared.say(ALICE, "what is the secret?")
    change = AgentChange(memory_model="per_contact")
    await change_agent(shared.db, shared.owner_id, "Famulus", change)
    with pytest.raises(ScopeError):
        async with shared.db.begin(shared.owner) as tx:
            await acquire(tx, waits.session_id)
    responder = Responder(repeat)
    channel = Recording()
    await do_all(database, shared.db, responder, channel)
    [context] = responder.contexts
    assert context.party.kind == "shared"
    assert "olga's secret" not in everything(context)
    assert [one.chat_id for one in channel.sent] == [ALICE]
    after = await shared.say(ALICE, "hello")
    assert after.contact_id is not None
    assert after.session_id != waits.session_id


@pytest.fixture
async def family(database: Database, world: World) -> tuple[Accepted, Accepted, Accepted]:
    """Store messages of Alice alone, of Bob alone, and of both in the group."""
    alice = await world.say(ALICE, "alice's secret", name="Alice")
    bob = await world.say(BOB, "bob's secret", name="Bob")
    group = await world.say(ALICE, "the family's secret", group=FAMILY, name="Alice")
    await do_all(database, world.db, keep)
    return alice, bob, group


async def test_a_group_has_a_transcript_and_a_memory_of_its_own(
    database: Database, world: World, family: tuple[Accepted, Accepted, Accepted]
) -> None:
    alice, bob, group = family
    assert len({one.contact_id for one in family}) == 3
    assert len({one.session_id for one in family}) == 3
    kept = await rows_of(world, "SELECT contact_id, content FROM discreet.memories")
    assert {row["contact_id"]: row["content"] for row in kept} == {
        alice.contact_id: "alice's secret",
        bob.contact_id: "bob's secret",
        group.contact_id: "the family's secret",
    }


async def test_no_members_private_words_come_into_the_group_nor_the_groups_into_a_direct_chat(
    database: Database, world: World, family: tuple[Accepted, Accepted, Accepted]
) -> None:
    seen: dict[str, str] = {}

    async def look(context: TurnContext, prompt: Prompt, tools: Tools, tell: OnText) -> TurnResult:
        result = await keep(context, prompt, tools, tell)
        who = context.party.kind
        speaker = context.waiting[0].speaker
        assert speaker
        seen[f"{who} {speaker.address}"] = everything(context) + repr(prompt) + result.text
        return result

    for sender, group in ((ALICE, FAMILY), (BOB, FAMILY), (ALICE, None), (BOB, None)):
        await world.say(sender, "what did I tell?", group=group)
        await do_all(database, world.db, look)
    secrets = ("alice's secret", "bob's secret", "the family's secret")
    told = {who: tuple(secret in text for secret in secrets) for who, text in seen.items()}
    assert told == {
        f"group {ALICE}": (False, False, True),
        f"group {BOB}": (False, False, True),
        f"contact {ALICE}": (True, False, False),
        f"contact {BOB}": (False, True, False),
    }


async def test_two_members_whose_messages_are_taken_together_are_both_named(
    database: Database, world: World
) -> None:
    for sender, name, text in ((ALICE, "Alice", "I hate fish"), (BOB, "Bob", "I love fish")):
        said = await world.say(sender, text, group=FAMILY, name=name)
    responder = Responder(repeat)
    await do_all(database, world.db, responder)
    [context] = responder.contexts
    assert [
        (line.speaker.address, line.speaker.name, line.text)
        for line in context.waiting
        if line.speaker
    ] == [(ALICE, "Alice", "I hate fish"), (BOB, "Bob", "I love fish")]
    prompt = responder.prompts[0].messages[-1].text
    assert prompt.index(ALICE) < prompt.index("I hate fish") < prompt.index(BOB)
    senders = await rows_of(
        world,
        "SELECT a.platform || ':' || a.platform_id AS address, m.text FROM discreet.messages m"
        " JOIN discreet.addresses a ON a.contact_id = m.sender_contact_id"
        " WHERE m.session_id = %s ORDER BY m.position",
        said.session_id,
    )
    assert senders == [
        {"address": ALICE, "text": "I hate fish"},
        {"address": BOB, "text": "I love fish"},
    ]


async def test_an_answer_in_a_group_goes_to_the_group_only(
    database: Database, world: World
) -> None:
    channel = Recording()
    async with working(database, world.db, turns_of(world.db), channel):
        await world.say(ALICE, "in the group", group=FAMILY)
        await world.say(ALICE, "alone")

        async def both() -> bool:
            return len(channel.sent) == 2

        await until(both)
    assert {(one.chat_id, one.text) for one in channel.sent} == {
        (FAMILY, "re: in the group"),
        (ALICE, "re: alone"),
    }

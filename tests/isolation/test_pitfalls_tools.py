"""Ways in which the model, its tools and recall reach beyond one scope.

pNN is the number in the list of pitfalls; test_pitfalls_scope.py describes the whole list.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from discreet.domain.addresses import Address
from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import MemoryId
from discreet.domain.inbound import AddressSender, Group, Inbound
from discreet.domain.text import checked_thread_key
from discreet.intake import accept
from discreet.intake.groups import move_group
from discreet.memory.history import get_memory_history, restore_memory
from discreet.memory.indexing import index
from discreet.memory.memories import (
    MemoryChange,
    forget,
    get_memory,
    update_memory,
)
from discreet.postgres.server import Database
from discreet.scope import SharedScope
from discreet.turn.own_tools import TOOLS
from tests.isolation.conftest import ALICE, BOB
from tests.isolation.people import EMBEDDER, EVERYBODY, GROUP, Admin, People
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all
from tests.support.world import World

SCOPE_ARGUMENTS = (
    "contact_id", "user_id", "owner_id", "agent_id", "session_id", "thread_key", "sender", "scope",
    "filters", "where", "namespace", "as_user", "party",
)  # fmt: skip


WIDER: tuple[Any, ...] = ("*", "", None, [], {}, {"$ne": ""}, {"OR": []}, {"NOT": {}}, True, "' OR")


async def test_p12_no_tool_takes_a_scope_or_a_filter_and_none_is_dropped_in_silence(
    people: People,
) -> None:
    box = await people.tools("alice")
    (mine,) = await people.keep("alice", "alice likes tea")
    await people.keep("bob", "bob likes tea")
    good: dict[str, dict[str, Any]] = {
        "remember": {"content": "planted"},
        "recall": {"query": "tea"},
        "forget": {"memory_id": str(mine)},
        "update_memory": {"memory_id": str(mine), "content": "planted"},
        "search_conversation": {"query": "hi"},
        "set_time_zone": {"zone": "Europe/Berlin"},
        "ask_for_person": {"reason": "a refund"},
        "remind": {"text": "planted", "at": "2040-01-01T09:00"},
        "list_reminders": {},
        "cancel_reminder": {"reminder_id": str(mine)},
    }
    assert set(good) == {tool.name for tool in TOOLS}
    bob = str(people.scopes["bob"].contact_id)
    for tool in TOOLS:
        assert tool.schema["additionalProperties"] is False
        assert not set(tool.schema["properties"]) & set(SCOPE_ARGUMENTS)
        for argument in SCOPE_ARGUMENTS:
            for value in (bob, *WIDER):
                outcome = await box.call(tool.name, {**good[tool.name], argument: value})
                assert (outcome.done, outcome.found) == (False, ()), (tool.name, argument, value)
                assert f"unknown argument '{argument}'" in outcome.text
    assert await people.kept("alice") == ["alice likes tea"]
    assert await people.kept("bob") == ["bob likes tea"]


async def test_p12_what_looks_like_a_filter_in_an_argument_is_a_text_or_refused(
    people: People,
) -> None:
    (mine,) = await people.keep("alice", "alice likes tea")
    await people.keep("bob", "bob likes tea")
    box = await people.tools("alice")
    for value in WIDER:
        for tool, argument in (("recall", "query"), ("search_conversation", "query")):
            outcome = await box.call(tool, {argument: value})
            assert "bob" not in outcome.text
        for tool, more in (("forget", {}), ("update_memory", {"content": "planted"})):
            assert not (await box.call(tool, {"memory_id": value, **more})).done
    for query in ("*", "%", "' OR true --", "contact_id:*", "OR NOT tea", "tea) OR (true", '"; --'):
        found = (await box.call("recall", {"query": query, "limit": 30})).found
        assert {one.id for one in found} <= {mine}
    assert await people.kept("bob") == ["bob likes tea"]


@pytest.mark.parametrize("stranger", ["alice", "group", "eve", "otto", "shared"])
async def test_p13_an_id_alone_reads_changes_forgets_and_restores_nothing_of_anybody_else(
    people: People, stranger: str
) -> None:
    (bobs,) = await people.keep("bob", "bob likes tea")
    async with people.db.begin(people.scopes["bob"]) as tx:
        await update_memory(tx, bobs, change("bob likes coffee"))
    ids = (people.world.owner_id, people.world.agent_id)
    scope = SharedScope(*ids) if stranger == "shared" else people.scopes[stranger]
    for memory_id in (bobs, MemoryId(uuid4())):
        for attempt in (
            get_memory,
            get_memory_history,
            lambda tx, id: update_memory(tx, id, change("overwritten")),
            lambda tx, id: update_memory(tx, id, change("overwritten"), expected=2),
            forget,
            lambda tx, id: restore_memory(tx, id, 1),
        ):
            async with people.db.begin(scope) as tx:
                with pytest.raises(NotFound) as refused:
                    await attempt(tx, memory_id)
            assert str(memory_id) not in str(refused.value)
    assert await people.kept("bob") == ["bob likes coffee"]


def change(text: str) -> MemoryChange:
    (made,) = index([text], EMBEDDER)
    return MemoryChange(content=text, indexed=made)


async def test_p13_a_tool_says_the_same_of_an_id_that_is_somebody_elses_and_of_none(
    people: People,
) -> None:
    others = [id for who in EVERYBODY[1:] for id in await people.keep(who, f"{who} likes tea")]
    box = await people.tools("alice")
    for tool, more in (("forget", {}), ("update_memory", {"content": "overwritten"})):
        outcomes = {
            await box.call(tool, {"memory_id": str(id), **more}) for id in (*others, uuid4())
        }
        assert len(outcomes) == 1
    for who in EVERYBODY[1:-2]:
        assert f"{who} likes tea" in await people.kept(who)


async def test_p13_forgetting_and_changing_one_memory_leaves_ones_others_alone(
    people: People,
) -> None:
    first, second, third = await people.keep("alice", "one", "two", "three")
    async with people.db.begin(people.scopes["alice"]) as tx:
        await update_memory(tx, first, change("uno"))
        await forget(tx, second)
        assert (await get_memory(tx, first)).content == "uno"
        assert (await get_memory(tx, third)).content == "three"
        assert [old.content for old in await get_memory_history(tx, second)] == ["two"]
    assert await people.kept("alice") == ["three", "uno"]


async def test_p14_no_tool_lists_people_sessions_files_or_tasks() -> None:
    assert {tool.name for tool in TOOLS} == {
        "remember", "recall", "update_memory", "forget", "search_conversation",
        "set_time_zone", "ask_for_person", "remind", "list_reminders", "cancel_reminder",
    }  # fmt: skip


async def test_p14_nothing_of_others_nor_the_owners_remarks_is_in_a_contacts_prompt_or_answers(
    people: People, database: Database, admin: Admin
) -> None:
    for who in EVERYBODY[1:]:
        await people.keep(who, f"{who}-critical", salience="critical")
        await people.keep(who, f"{who}-tea")
    await people.keep("alice", "alice-tea")
    world = people.world
    await world.say(BOB, "bob-said tea", name="bob-name")
    await world.say(None, "owner-said tea")
    await world.say(BOB, "group-said tea", group=GROUP, name="bob-name")
    admin.execute("UPDATE discreet.contacts SET note = 'remark', aliases = '{nickname}'")
    responder = Responder(do_as_told)
    for text in (calling("recall"), calling("recall", query="tea", limit=30),
                 calling("search_conversation", query="tea", limit=30)):  # fmt: skip
        await world.say(ALICE, text)
    await do_all(database, people.db, responder)
    hers = [
        (prompt, context)
        for prompt, context in zip(responder.prompts, responder.contexts, strict=True)
        if context.waiting[0].speaker and context.waiting[0].text == "hi"
        and context.waiting[0].speaker.address == ALICE and context.party.kind == "contact"
        and len(context.waiting) == 4
    ]  # fmt: skip
    assert len(hers) == 1
    async with people.db.begin(people.scopes["alice"]) as tx:
        answers = await tx.fetch("SELECT text FROM discreet.messages WHERE direction = 'out'")
    shown = repr(hers) + repr(answers)
    assert "alice-tea" in shown
    for secret in ("critical", "bob-", "owner-", "group-", "eve-", "otto-", "remark", "nickname"):
        assert secret not in shown, secret
    owners = [p for p, s in zip(responder.prompts, responder.contexts, strict=True) if s.of_owner]
    assert "owner-critical" in repr(owners)
    # It starts with the owner's own knowledge, not with contacts' important memories.
    assert "bob-critical" not in repr([s.knowledge for s in responder.contexts if s.of_owner])


async def test_p14_the_owner_is_told_whose_each_row_is(people: People) -> None:
    for who in ("alice", "bob", "owner"):
        await people.keep(who, f"{who} likes tea")
    box = await people.tools("owner")
    found = (await box.call("recall", {"query": "who likes tea", "limit": 30})).found
    assert {one.text: one.whose.address if one.whose else None for one in found} == {
        "alice likes tea": ALICE,
        "bob likes tea": BOB,
        "owner likes tea": None,
    }


async def test_p15_a_field_that_a_tool_does_not_know_is_an_error_and_never_dropped(
    people: People,
) -> None:
    box = await people.tools("alice")
    outcome = await box.call("remember", {"content": "tea", "contact": "bob"})
    assert not outcome.done
    assert "contact" in outcome.text
    assert await people.kept("alice") == []


NEARLY = (
    "telegram:1", "telegram:10", "telegram:01", "telegram:-1", "discord:1", "web:1",
    "web:john_doe", "web:john-doe", "web:john%", "web:john", "web:JOHN", "web:john.doe",
    "web:telegram:1", "web:jo\u0445n", "web:\u212aelvin", "web:Kelvin", "web:stra\u00dfe",
    "web:strasse", "web:1/2", "web:#1", "web:'1'", "web:\u0661",
)  # fmt: skip


async def test_p20_and_p31_addresses_that_are_nearly_the_same_are_different_people(
    world: World,
) -> None:
    parsed = []
    for text in NEARLY:
        try:
            parsed.append(str(Address.parse(text)))
        except BadInput:
            continue  # refused rather than repaired
    assert len(parsed) >= len(NEARLY) - 1
    first = [await world.say(address, "hi", name="John") for address in parsed]
    assert len({one.contact_id for one in first}) == len(parsed)
    assert len({one.session_id for one in first}) == len(parsed)
    again = [await world.say(address, "hi", name="John") for address in parsed]
    assert [one.contact_id for one in again] == [one.contact_id for one in first]
    async with world.db.begin(world.owner) as tx:
        kept = await tx.fetch("SELECT platform || ':' || platform_id AS a FROM discreet.addresses")
    assert {row["a"] for row in kept} == set(parsed)


@pytest.mark.parametrize(
    "address",
    [" telegram:1", "telegram: 1", "telegram:1 ", "telegram:1\n", "Telegram:1", "telegram:1\u200b",
     "telegram:\u202e1", "telegram:1\0", "telegram:\ufeff1", "telegram:e\u0301", "telegram",
     "telegram:" + "1" * 257],
)  # fmt: skip
def test_p20_an_address_that_would_have_to_be_repaired_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        Address.parse(address)


UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u200b\u200c\u200d\u200e\u2060\u2063"
    "\u2064\u2065\u206f\u2800\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\ufff0\ufff8\U0001bca0\U0001d159"
    "\U0001d173\U000e0001\U000e0041\U000e0100\U000e01ef\U000e0fff"
)


async def test_p20_an_id_with_a_sign_that_nobody_sees_is_refused_wherever_one_enters(
    world: World,
) -> None:
    known = Address.parse("telegram:1")
    hello = Inbound(world.channel_id, "1", "m1", AddressSender(known), "hi", datetime.now(UTC))
    for sign in UNSEEN:
        for unseen in (f"1{sign}", f"{sign}1", f"1{sign}2"):
            with pytest.raises(BadInput):
                Address.parse(f"telegram:{unseen}")
            with pytest.raises(BadInput):
                checked_thread_key(unseen)
        hidden = Address("telegram", f"1{sign}")  # as a channel of another package might create it
        for inbound in (
            replace(hello, sender=AddressSender(hidden)),
            replace(hello, sender=AddressSender(known, also=(hidden,))),
            replace(hello, group=Group(hidden)),
            replace(hello, chat_id=f"1{sign}"),
            replace(hello, message_id=f"m1{sign}"),
            replace(hello, platform_thread=f"1{sign}"),
            replace(hello, thread_key=f"1{sign}"),
            replace(hello, reply_to=f"1{sign}"),
        ):
            with pytest.raises(BadInput):
                await accept(world.db, world.owner_id, inbound)
        with pytest.raises(BadInput):
            await move_group(world.db, world.owner_id, known, hidden)


async def test_p20_thread_keys_that_are_nearly_the_same_are_different_sessions(
    world: World,
) -> None:
    keys = ("", "t", "T", "t1", "t10", "t_1", "t-1", "t%", "t 1", "trip", "trip:", "\u0442")
    sessions = [(await world.say(ALICE, "hi", thread_key=key)).session_id for key in keys]
    assert len(set(sessions)) == len(keys)
    again = [(await world.say(ALICE, "hi", thread_key=key)).session_id for key in keys]
    assert again == sessions

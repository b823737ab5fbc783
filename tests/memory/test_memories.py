"""Storing, changing and forgetting, each in its scope."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from discreet.domain.errors import BadInput, Conflict, NotFound, ScopeError
from discreet.domain.ids import MemoryId
from discreet.memory.history import get_memory_history, restore_memory
from discreet.memory.indexing import index
from discreet.memory.knowledge import get_knowledge_memories
from discreet.memory.memories import (
    MemoryChange,
    NewMemory,
    forget,
    get_memory,
    list_memories,
    remember,
    update_memory,
)
from discreet.memory.outdated import may_be_outdated
from discreet.scope import OwnerScope
from tests.memory.conftest import People

AN_HOUR = timedelta(hours=1)


def _content(text: str) -> MemoryChange:
    return MemoryChange(content=text, indexed=index([text], None)[0])


async def test_a_memory_belongs_to_the_scope_that_kept_it(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea", topics=["drinks"], salience="high")
    assert (kept.agent_id, kept.contact_id) == (people.alice.agent_id, people.alice.contact_id)
    (owners,) = await people.keep(people.world.owner, "likes tea")
    assert owners.contact_id is None
    assert owners.id != kept.id


async def test_the_same_words_are_kept_once_in_a_scope_and_apart_between_scopes(
    people: People,
) -> None:
    first, again = await people.keep(people.alice, "likes tea", "likes tea")
    (other,) = await people.keep(people.bob, "likes tea")
    assert again == first
    assert other.id != first.id
    async with people.db.begin(people.alice) as tx:
        assert await list_memories(tx) == [first]
        assert await get_memory_history(tx, first.id) == []


async def test_the_same_words_at_the_same_moment_are_kept_once(people: People) -> None:
    kept = await asyncio.gather(*(people.keep(people.alice, "likes tea") for _ in range(4)))
    assert len({memory.id for (memory,) in kept}) == 1


async def test_an_expired_memory_can_be_stored_again(people: People) -> None:
    past = datetime.now(UTC) - AN_HOUR
    await people.keep(people.alice, "likes tea", expires_at=past)
    (again,) = await people.keep(people.alice, "likes tea")
    assert again.expires_at is None
    assert again.version == 2


@pytest.mark.parametrize("text", ["", "  \n", "x" * 70_000])
async def test_an_empty_or_too_long_memory_is_refused(people: People, text: str) -> None:
    with pytest.raises(BadInput):
        await people.keep(people.alice, text)


async def test_an_owner_without_an_agent_is_told_that_it_takes_one(people: People) -> None:
    with pytest.raises(ScopeError):
        await people.keep(OwnerScope(people.world.owner_id), "likes tea")


async def test_quoted_text_stays_data(people: People) -> None:
    nasty = "'); DROP TABLE discreet.memories; -- %s %(id)s {0} \\ \" $1"
    (kept,) = await people.keep(
        people.alice, nasty, summary=nasty, topics=[nasty], metadata={nasty: nasty}
    )
    async with people.db.begin(people.alice) as tx:
        assert await get_memory(tx, kept.id) == kept
    assert kept.content == nasty
    assert kept.topics == (nasty,)


async def test_a_change_keeps_the_version_before_it(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea", topics=["drinks"])
    async with people.db.begin(people.alice) as tx:
        changed = await update_memory(tx, kept.id, _content("likes coffee"), expected=1)
        (before,) = await get_memory_history(tx, kept.id)
    assert (changed.content, changed.version, changed.topics) == ("likes coffee", 2, ("drinks",))
    assert (before.content, before.version, before.change) == ("likes tea", 1, "update")


async def test_cleared_fields_are_empty_and_the_others_stay(people: People) -> None:
    later = datetime.now(UTC) + AN_HOUR
    (kept,) = await people.keep(people.alice, "likes tea", expires_at=later, topic_key="tea")
    async with people.db.begin(people.alice) as tx:
        changed = await update_memory(
            tx, kept.id, MemoryChange(salience="high", clear=frozenset(["expires_at"]))
        )
    assert (changed.expires_at, changed.topic_key, changed.salience) == (None, "tea", "high")
    assert changed.content == "likes tea"


async def test_of_two_changes_from_one_version_the_second_is_told_of_the_first(
    people: People,
) -> None:
    (kept,) = await people.keep(people.alice, "likes tea")
    async with people.db.begin(people.alice) as tx:
        await update_memory(tx, kept.id, _content("likes coffee"), expected=1)
        with pytest.raises(Conflict, match="version 2"):
            await update_memory(tx, kept.id, _content("likes milk"), expected=1)


async def test_of_two_changes_at_once_one_wins(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea")

    async def change(text: str) -> str:
        async with people.db.begin(people.alice) as tx:
            return (await update_memory(tx, kept.id, _content(text), expected=1)).content

    results = await asyncio.gather(change("one"), change("two"), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["Outdated", "str"]


async def test_a_change_into_what_another_memory_says_is_a_conflict(people: People) -> None:
    kept, _ = await people.keep(people.alice, "likes tea", "likes coffee")
    with pytest.raises(Conflict):
        async with people.db.begin(people.alice) as tx:
            await update_memory(tx, kept.id, _content("likes coffee"))


async def test_a_forgotten_memory_is_gone_and_can_be_restored_unchanged(people: People) -> None:
    later = datetime.now(UTC) + AN_HOUR
    (kept,) = await people.keep(
        people.alice,
        "likes tea",
        expires_at=later,
        topics=["a", "b"],
        salience="critical",
        metadata={"k": [1, None]},
        source="owner",
    )
    async with people.db.begin(people.alice) as tx:
        await forget(tx, kept.id)
        with pytest.raises(NotFound):
            await get_memory(tx, kept.id)
        back = await restore_memory(tx, kept.id, 1)
    same = (
        "id",
        "agent_id",
        "contact_id",
        "content",
        "topics",
        "salience",
        "metadata",
        "expires_at",
        "source",
        "created_at",
    )
    assert [getattr(back, name) for name in same] == [getattr(kept, name) for name in same]
    assert back.version == 2
    assert await people.ask(people.alice, "tea")


async def test_a_restore_is_a_change_with_a_history_of_its_own(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea")
    async with people.db.begin(people.alice) as tx:
        await update_memory(tx, kept.id, _content("likes coffee"))
        back = await restore_memory(tx, kept.id, 1)
        history = await get_memory_history(tx, kept.id)
    assert (back.content, back.version) == ("likes tea", 3)
    assert [version.content for version in history] == ["likes coffee", "likes tea"]


async def test_an_id_of_somebody_else_answers_as_one_that_does_not_exist(people: People) -> None:
    (bobs,) = await people.keep(people.bob, "keeps a heron")
    async with people.db.begin(people.bob) as tx:
        await update_memory(tx, bobs.id, MemoryChange(salience="high"))
    answers = []
    for memory_id in (bobs.id, MemoryId(uuid4())):
        calls = [
            lambda tx, i=memory_id: get_memory(tx, i),
            lambda tx, i=memory_id: get_memory_history(tx, i),
            lambda tx, i=memory_id: update_memory(tx, i, MemoryChange(salience="low")),
            lambda tx, i=memory_id: update_memory(tx, i, MemoryChange(), expected=7),
            lambda tx, i=memory_id: forget(tx, i),
            lambda tx, i=memory_id: restore_memory(tx, i, 1),
        ]
        said = []
        for call in calls:
            with pytest.raises(NotFound) as caught:
                async with people.db.begin(people.alice) as tx:
                    await call(tx)
            said.append(str(caught.value))
        answers.append(said)
    assert answers[0] == answers[1]
    async with people.db.begin(people.bob) as tx:
        assert (await get_memory(tx, bobs.id)).version == 2


async def test_knowledge_is_critical_first_then_high_newest_first_within_the_budget(
    people: People,
) -> None:
    await people.keep(people.alice, "older high", "newer high", salience="high")
    await people.keep(people.alice, "medium")
    await people.keep(people.alice, "critical", "long " * 200, salience="critical")
    await people.keep(
        people.alice, "over", salience="critical", expires_at=datetime.now(UTC) - AN_HOUR
    )
    await people.keep(people.bob, "bob's", salience="critical")
    async with people.db.begin(people.alice) as tx:
        known = await get_knowledge_memories(tx, budget=100)
    assert [memory.content for memory in known] == ["critical", "newer high", "older high"]


async def test_an_owner_starts_with_memories_that_belong_to_no_contact(people: People) -> None:
    await people.keep(people.alice, "alice's", salience="critical")
    await people.keep(people.world.owner, "the owner's", salience="critical")
    async with people.db.begin(people.world.owner) as tx:
        known = await get_knowledge_memories(tx, budget=100)
        assert {memory.content for memory in await list_memories(tx)} == {
            "alice's",
            "the owner's",
        }
    assert [memory.content for memory in known] == ["the owner's"]


async def test_a_memory_takes_the_place_of_one_that_it_is_told_to_replace(people: People) -> None:
    (older,) = await people.keep(people.alice, "I live in Graz.")
    (newer,) = await people.keep(people.alice, "I moved from Graz to Oslo.")
    new = NewMemory(newer.content, index([newer.content], people.embedder)[0])
    async with people.db.begin(people.alice) as tx:
        assert await may_be_outdated(tx, newer, new.indexed.terms) == [older]
        kept = await remember(tx, new, replaces=older.id)
        assert (kept.id, kept.content) == (older.id, newer.content)
        assert [memory.id for memory in await list_memories(tx)] == [older.id]
        history = await get_memory_history(tx, older.id)
    assert [version.content for version in history] == ["I live in Graz."]


@pytest.mark.parametrize(
    ("older", "newer", "offered"),
    [
        ("I take 5 mg of lisinopril.", "The doctor raised my lisinopril to 10 mg.", True),
        ("My boss is called Ines.", "Since Monday Tomas is my boss.", True),
        ("Ich wohne in Leipzig.", "Ich wohne jetzt nicht mehr in Leipzig.", True),
        ("My boss is called Ines.", "My sister plays the cello.", False),
        ("I like tea.", "I like coffee.", False),
    ],
)
async def test_what_a_new_memory_may_contradict_is_offered_to_be_replaced(
    people: People, older: str, newer: str, offered: bool
) -> None:
    await people.keep(people.alice, older, "The bike is in the cellar.")
    await people.keep(people.bob, older, newer)
    (kept,) = await people.keep(people.alice, newer)
    async with people.db.begin(people.alice) as tx:
        found = await may_be_outdated(tx, kept, index([newer], None)[0].terms)
    assert [memory.content for memory in found] == [older] * offered
    assert all(memory.contact_id == people.alice.contact_id for memory in found)


async def test_nobody_replaces_what_somebody_else_keeps(people: People) -> None:
    (of_bob,) = await people.keep(people.bob, "I live in Graz.")
    text = "I moved from Graz to Oslo."
    async with people.db.begin(people.alice) as tx:
        with pytest.raises(NotFound):
            await remember(tx, NewMemory(text, index([text], None)[0]), replaces=of_bob.id)
    async with people.db.begin(people.bob) as tx:
        assert [memory.content for memory in await list_memories(tx)] == ["I live in Graz."]

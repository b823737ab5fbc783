"""Duplicates: what a scope stores once, and what happens to the rest."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput, Conflict
from discreet.memory.history import get_memory_history, restore_memory
from discreet.memory.indexing import index
from discreet.memory.memories import MemoryChange, forget, get_memory, list_memories, update_memory
from discreet.memory.recall import Filters
from discreet.scope import WorkScope
from tests.memory.conftest import People, texts

A_MONTH = timedelta(days=31)


async def _contents(people: People) -> list[str]:
    async with people.db.begin(people.alice) as tx:
        return sorted(memory.content for memory in await list_memories(tx))


async def test_a_topic_key_holds_one_memory_whose_older_versions_are_its_history(
    people: People,
) -> None:
    (first,) = await people.keep(
        people.alice, "lives in Porto", topic_key="home", topics=["places"], salience="high"
    )
    (second,) = await people.keep(people.alice, "lives in Lisbon", topic_key=" home ", source="x")
    assert (second.id, second.version, second.content) == (first.id, 2, "lives in Lisbon")
    assert (second.topics, second.salience, second.source) == ((), "medium", "x")
    async with people.db.begin(people.alice) as tx:
        (before,) = await get_memory_history(tx, first.id)
        back = await restore_memory(tx, first.id, 1)
    assert (before.content, before.topics, before.salience) == (
        "lives in Porto", ("places",), "high",
    )  # fmt: skip
    assert (back.content, back.source, back.topics) == ("lives in Porto", "agent", ("places",))


async def test_a_topic_key_of_another_scope_is_another_matter(people: People) -> None:
    await people.keep(people.alice, "lives in Porto", topic_key="home")
    (bobs,) = await people.keep(people.bob, "lives in Lisbon", topic_key="home")
    (owners,) = await people.keep(people.world.owner, "lives in Faro", topic_key="home")
    assert (bobs.version, owners.version) == (1, 1)
    assert await _contents(people) == ["lives in Porto"]


async def test_a_known_memory_can_get_a_topic_key_and_replaces_the_old_one(
    people: People,
) -> None:
    (lisbon,) = await people.keep(people.alice, "lives in Lisbon")
    (porto,) = await people.keep(people.alice, "lives in Porto", topic_key="home")
    (now,) = await people.keep(people.alice, "lives in Lisbon", topic_key="home")
    assert (now.id, now.topic_key) == (lisbon.id, "home")
    assert await _contents(people) == ["lives in Lisbon"]
    with pytest.raises(Conflict, match=str(lisbon.id)):
        async with people.db.begin(people.alice) as tx:
            await restore_memory(tx, porto.id, 1)


async def test_one_topic_key_at_the_same_moment_is_one_memory_with_a_history(
    people: People,
) -> None:
    kept = await asyncio.gather(
        *(people.keep(people.alice, f"lives in town {n}", topic_key="home") for n in range(4))
    )
    assert len({memory.id for (memory,) in kept}) == 1
    async with people.db.begin(people.alice) as tx:
        assert len(await get_memory_history(tx, kept[0][0].id)) == 3


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("Likes green tea", "likes green tea."),
        ("Likes green tea", "  LIKES \n GREEN  TEA!"),
        ("The user doesn’t eat meat", "the user doesn't eat meat"),
        ("She likes green tea", "She really likes the green tea"),
        ("The customer prefers vegetarian food", "Customer prefers vegetarian food."),
        ("He can't swim", "He can not swim"),
        ("ｌｉｋｅｓ tea", "likes tea"),
    ],
)
async def test_nearly_the_same_words_are_one_memory_with_the_id_of_the_first(
    people: People, first: str, again: str
) -> None:
    (kept,) = await people.keep(people.alice, first, topics=["a"], salience="low")
    (merged,) = await people.keep(people.alice, again, topics=["b"], salience="high")
    assert (merged.id, merged.content) == (kept.id, first)
    assert (merged.topics, merged.salience) == (("a", "b"), "high")
    (bobs,) = await people.keep(people.bob, again)
    assert bobs.id != kept.id


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("likes tea", "likes coffee"),
        ("likes tea", "doesn't like tea"),
        ("she does like tea", "she doesn't like tea"),
        ("Alice likes Bob", "Bob likes Alice"),
        ("works at Siemens", "worked at Siemens"),
        ("has a dog", "has dogs"),
        ("his dog is called Rex", "her dog is called Rex"),
        ("the train to Lisbon", "the train from Lisbon"),
        ("the code is aB12", "the code is ab12"),
        ("the code is xYz", "the code is xyz"),
        ("writes C++", "writes C#"),
        ("it is -5 degrees", "it is 5 degrees"),
        ("the dose is 2.5 mg", "the dose is 25 mg"),
        ("born on 3 May", "born on 4 May"),
        ("Is it Monday?", "It is Monday"),
        ("wants tea", "wants tea?"),
        ("memory 1", "memory 2"),
        ("😀", "😡"),
    ],
)
async def test_a_different_statement_is_kept_as_a_second_memory(
    people: People, first: str, second: str
) -> None:
    one, two = await people.keep(people.alice, first, second)
    assert one.id != two.id
    assert (one.content, two.content) == (first, second)


async def test_two_topic_keys_are_two_memories_unless_the_text_is_identical(
    people: People,
) -> None:
    (one,) = await people.keep(people.alice, "likes green tea", topic_key="drink")
    (two,) = await people.keep(people.alice, "really likes green tea", topic_key="morning")
    assert one.id != two.id


async def test_of_two_expiries_the_later_counts(people: People) -> None:
    soon, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, 2))
    await people.keep(people.alice, "likes tea", expires_at=later)
    (kept,) = await people.keep(people.alice, "likes tea!", expires_at=soon)
    assert kept.expires_at == later
    (kept,) = await people.keep(people.alice, "likes tea")
    assert kept.expires_at is None
    (kept,) = await people.keep(people.alice, "likes tea", expires_at=soon)
    assert (kept.expires_at, kept.version) == (None, 2)


async def test_a_change_that_would_double_another_memory_names_it(people: People) -> None:
    tea, coffee = await people.keep(people.alice, "likes tea", "likes coffee", topic_key=None)
    (home,) = await people.keep(people.alice, "lives in Porto", topic_key="home")
    made = index(["LIKES coffee."], None)[0]
    with pytest.raises(Conflict, match=str(coffee.id)):
        async with people.db.begin(people.alice) as tx:
            await update_memory(tx, tea.id, MemoryChange("LIKES coffee.", made))
    with pytest.raises(Conflict, match=str(home.id)):
        async with people.db.begin(people.alice) as tx:
            await update_memory(tx, tea.id, MemoryChange(topic_key="home"))
    async with people.db.begin(people.alice) as tx:
        assert (await update_memory(tx, home.id, MemoryChange(topic_key="home"))).id == home.id


async def test_a_version_is_not_restored_next_to_a_memory_with_the_same_text(
    people: People,
) -> None:
    (old,) = await people.keep(people.alice, "likes tea")
    async with people.db.begin(people.alice) as tx:
        await forget(tx, old.id)
    (new,) = await people.keep(people.alice, "Likes tea.")
    with pytest.raises(Conflict, match=str(new.id)):
        async with people.db.begin(people.alice) as tx:
            await restore_memory(tx, old.id, 1)


async def test_a_topic_key_that_is_too_long_is_refused(people: People) -> None:
    with pytest.raises(BadInput):
        await people.keep(people.alice, "likes tea", topic_key="x" * 201)


async def test_what_expired_is_recalled_only_on_demand_and_is_history_after_a_month(
    people: People, admin: psycopg.Connection[Any]
) -> None:
    now = datetime.now(UTC)
    (lately,) = await people.keep(people.alice, "likes green tea", expires_at=now - A_MONTH / 2)
    (long_ago,) = await people.keep(people.alice, "likes black tea", expires_at=now - A_MONTH)
    asked = Filters(include_expired=True)
    assert await people.ask(people.alice, "tea") == []
    assert len(await people.ask(people.alice, "tea", filters=asked)) == 2
    async with people.db.begin(WorkScope()) as tx:
        purge = "SELECT gate.purge_expired_memories(interval '30 days', 500)"
        assert await tx.value(purge) == 1
        assert await tx.value(purge) == 0
    assert texts(await people.ask(people.alice, "tea", filters=asked)) == [lately.content]
    async with people.db.begin(people.alice) as tx:
        (kept,) = await get_memory_history(tx, long_ago.id)
        assert (kept.change, kept.content) == ("expire", "likes black tea")
        await restore_memory(tx, long_ago.id, 1)
        back = await get_memory(tx, long_ago.id)
    assert (back.expires_at, back.contact_id) == (long_ago.expires_at, people.alice.contact_id)
    assert await people.ask(people.alice, "black tea") == []


async def test_the_sweep_purges_a_part_at_a_time(people: People) -> None:
    past = datetime.now(UTC) - A_MONTH
    await people.keep(people.alice, *(f"thing number {n}" for n in range(5)), expires_at=past)
    async with people.db.begin(WorkScope()) as tx:
        counts = [
            await tx.value("SELECT gate.purge_expired_memories('1 day', 2)") for _ in range(4)
        ]
    assert counts == [2, 2, 1, 0]

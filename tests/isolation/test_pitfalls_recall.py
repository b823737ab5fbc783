"""Ways in which recall, expiry and what a turn loads reach beyond one scope.

pNN is the number in the list of pitfalls; test_pitfalls_scope.py describes the whole list.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from discreet.domain.errors import NotFound, ScopeError, Unavailable
from discreet.memory.embedding import Vectors
from discreet.memory.history import restore_memory
from discreet.memory.indexing import index
from discreet.memory.knowledge import get_knowledge_memories
from discreet.memory.memories import (
    MemoryChange,
    NewMemory,
    forget,
    list_memories,
    remember,
    update_memory,
)
from discreet.memory.recall import Filters, prepare, recall, search_messages
from discreet.postgres.server import Database
from discreet.scope import SharedScope
from discreet.services.references import ReferenceText, list_references, publish
from discreet.turn.lease import Lease, acquire
from discreet.turn.load import load
from tests.isolation.conftest import ALICE, BOB
from tests.isolation.people import EMBEDDER, EVERYBODY, Admin, People
from tests.support.responders import Responder, calling, do_as_told
from tests.support.turns import do_all
from tests.support.world import World, make_world


async def test_p17_all_of_a_contacts_rows_are_found_however_near_everybody_elses_are(
    people: People,
) -> None:
    mine = await people.keep(
        "alice", *(f"alice saw heron number {n} in the rain" for n in range(10))
    )
    for who in EVERYBODY[1:]:
        await people.keep(who, *(f"the heron question, asked by {who} ({n})" for n in range(40)))
    async with people.db.begin(people.scopes["alice"]) as tx:
        hits = await recall(tx, prepare("the heron question", EMBEDDER), limit=10)
    assert {hit.id for hit in hits} == set(mine)


class Unreachable:
    """An embedder whose endpoint is down."""

    name = EMBEDDER.name
    dimensions = getattr(EMBEDDER, "dimensions", 256)

    def embed(self, texts: Any) -> Vectors:
        raise Unavailable("The embedder can't be reached.")


async def test_p18_every_way_that_recall_falls_back_on_stays_in_the_scope(people: People) -> None:
    for who in EVERYBODY:
        await people.keep(who, f"{who} likes tea")
    for embedder in (EMBEDDER, Unreachable()):
        box = await people.tools("alice", embedder)
        for query in ("tea", "", "  ", "nothing has this word: xylophone", "?!", "tea " * 200):
            found = (await box.call("recall", {"query": query, "limit": 30})).found
            assert {one.text for one in found} <= {"alice likes tea"}, query
    empty = await people.tools("group")
    async with people.db.begin(people.scopes["group"]) as tx:
        for memory in await list_memories(tx):
            await forget(tx, memory.id)
    for query in ("tea", ""):
        assert (await empty.call("recall", {"query": query})).text == "No results."


async def test_p18_filters_narrow_a_scope_and_never_widen_it(people: People) -> None:
    for who in EVERYBODY:
        await people.keep(who, f"{who} likes tea")
    query = prepare("who likes tea", EMBEDDER)

    async def found(who: str, **filters: Any) -> set[str]:
        async with people.db.begin(people.scopes[who]) as tx:
            hits = await recall(tx, query, filters=Filters(**filters))
        return {hit.content for hit in hits}

    bob = people.scopes["bob"].contact_id
    assert await found("alice", contact_id=bob) == set()
    assert await found("owner", contact_id=bob) == {"bob likes tea"}
    both = frozenset(["memory", "message"])
    assert await found("owner", contact_id=bob, kinds=both) == {"bob likes tea", "hi"}
    async with people.db.begin(people.scopes["owner"]) as tx:
        hits = await recall(
            tx, prepare("hi", EMBEDDER), filters=Filters(contact_id=bob, kinds=both)
        )
    assert {hit.contact_id for hit in hits} == {bob}
    for session in (None, uuid4()):
        async with people.db.begin(people.scopes["alice"]) as tx:
            hits = await search_messages(tx, prepare("hi", EMBEDDER), session_id=session)
        assert len(hits) == (1 if session is None else 0)


async def test_p18_reference_texts_are_one_agents_and_one_owners(people: People) -> None:
    for who in ("owner", "eve", "otto"):
        world = people.worlds[who]
        text = ReferenceText("hours.md", (f"open at noon, says {who}",))
        await publish(people.db, world.owner_id, world.agent_id, [text], EMBEDDER)
    query = prepare("when is it open", EMBEDDER)
    for who, expected in (("alice", "owner"), ("eve", "eve"), ("otto", "otto")):
        async with people.db.begin(people.scopes[who]) as tx:
            hits = await recall(tx, query)
        assert [hit.content for hit in hits] == [f"open at noon, says {expected}"]
    world, eve = people.world, people.worlds["eve"]
    await publish(people.db, world.owner_id, world.agent_id, [], EMBEDDER)
    assert await list_references(people.db, world.owner_id, world.agent_id) == {}
    assert await list_references(people.db, eve.owner_id, eve.agent_id) == {"hours.md": 1}
    with pytest.raises((NotFound, ScopeError)):
        await publish(people.db, world.owner_id, people.worlds["otto"].agent_id,
                      [ReferenceText("new.md", ("planted",))], EMBEDDER)  # fmt: skip


async def test_p19_rows_without_a_contact_are_shown_to_no_contact(
    people: People, admin: Admin
) -> None:
    world = people.world
    admin.execute(
        "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content, salience)"
        " VALUES (%s, %s, NULL, 'legacy tea', 'critical')",
        (world.owner_id, world.agent_id),
    )
    for who in EVERYBODY:
        if who == "owner":
            continue
        async with people.db.begin(people.scopes[who]) as tx:
            assert await list_memories(tx, include_expired=True) == []
            assert await get_knowledge_memories(tx, 1000) == []
            hits = await recall(tx, prepare("legacy tea", EMBEDDER))
            assert hits == []
            assert await tx.value("SELECT count(*) FROM discreet.memory_history") == 0


PAST = datetime(2020, 1, 1, tzinfo=UTC)


async def test_p21_what_has_expired_is_not_recalled_by_any_way(people: People) -> None:
    await people.keep("alice", "secret of 2019", expires_at=PAST, salience="critical")
    await people.keep("alice", "tea")
    box = await people.tools("alice")
    for query in ("secret of 2019", ""):
        found = (await box.call("recall", {"query": query})).found
        assert {one.text for one in found} <= {"tea"}
    async with people.db.begin(people.scopes["alice"]) as tx:
        assert await get_knowledge_memories(tx, 1000) == []
        assert [memory.content for memory in await list_memories(tx)] == ["tea"]


@pytest.mark.parametrize("who", ["alice", "owner"])
async def test_p21_what_is_restored_has_its_agent_contact_and_expiry_again(
    people: People, who: str, admin: Admin
) -> None:
    soon = datetime.now(UTC) + timedelta(days=1)
    (memory_id,) = await people.keep(who, "tea", expires_at=soon, salience="high")

    def stored(table: str, key: str) -> list[tuple[Any, ...]]:
        return admin.execute(
            f"SELECT content, owner_id, agent_id, contact_id, shared, expires_at, salience"
            f" FROM discreet.{table} WHERE {key} = %s ORDER BY version",
            (memory_id,),
        ).fetchall()

    (original,) = stored("memories", "id")
    async with people.db.begin(people.scopes[who]) as tx:
        await update_memory(tx, memory_id, MemoryChange(clear=frozenset(["expires_at"])))
        await restore_memory(tx, memory_id, 1)
    assert stored("memories", "id") == [original]
    async with people.db.begin(people.scopes[who]) as tx:
        await forget(tx, memory_id)
    assert stored("memories", "id") == []
    async with people.db.begin(people.scopes[who]) as tx:
        await restore_memory(tx, memory_id, 1)
    assert stored("memories", "id") == [original]
    kept = stored("memory_history", "memory_id")
    assert len(kept) == 3
    assert {row[:5] + row[6:] for row in kept} == {original[:5] + original[6:]}
    assert [row[5] for row in kept] == [original[5], None, original[5]]


async def test_p21_who_shares_an_agent_can_restore_what_is_shared(world: World) -> None:
    shared = await make_world(world.db, agent="Family", memory_model="shared")
    scope = SharedScope(shared.owner_id, shared.agent_id)
    (made,) = index(["tea"], EMBEDDER)
    async with world.db.begin(scope) as tx:
        memory = await remember(tx, NewMemory("tea", made))
        await forget(tx, memory.id)
        assert (await restore_memory(tx, memory.id, 1)).content == "tea"
    async with world.db.begin(world.owner) as tx:
        await forget(tx, memory.id)
        assert (await restore_memory(tx, memory.id, 1)).agent_id == shared.agent_id


async def test_p22_scores_ranks_and_words_are_the_same_whether_others_exist_or_not(
    people: People,
) -> None:
    await people.keep("alice", "a heron in the bath", "tea with milk", "the milk is sour")
    questions = ("heron", "milk", "sour tea", "what is in the bath?")

    async def shown() -> list[Any]:
        async with people.db.begin(people.scopes["alice"]) as tx:
            return [
                [(hit.content, hit.score, hit.parts) for hit in await recall(tx, at_noon(q))]
                for q in questions
            ]

    noon = datetime.now(UTC)

    def at_noon(question: str) -> Any:
        return prepare(question, EMBEDDER, now=noon)

    before = await shown()
    for who in EVERYBODY[1:]:
        await people.keep(who, *(f"heron milk bath {n}" for n in range(50)), salience="critical")
    assert await shown() == before


async def test_p22_remembering_what_somebody_else_has_remembered_word_for_word_is_unremarkable(
    people: People,
) -> None:
    ids = {}
    for who in EVERYBODY:
        (ids[who],) = await people.keep(who, "the same sentence")
    assert len(set(ids.values())) == len(EVERYBODY)
    box = await people.tools("alice")
    answer = await box.call("remember", {"content": "the same sentence"})
    assert UUID(answer.text.split()[-1].rstrip(".")) == ids["alice"]


async def test_p22_an_agent_that_is_shared_shows_its_own_rows_and_nothing_else_of_the_owners(
    world: World, database: Database
) -> None:
    family = await make_world(world.db, agent="Family", memory_model="shared")
    responder = Responder(do_as_told)
    await world.say(None, calling("remember", content="owner, in private", salience="critical"))
    await world.say(ALICE, calling("remember", content="alice, in private"))
    await do_all(database, world.db, responder)
    responder.contexts.clear()
    for sender in (ALICE, BOB, None):
        accepted = await family.say(sender, calling("remember", content=f"told by {sender}"))
        assert accepted.contact_id is None
        await do_all(database, world.db, responder)
    asked = await family.say(BOB, calling("recall"))
    await do_all(database, world.db, responder)
    async with world.db.begin(world.owner) as tx:
        answer = await tx.value(
            "SELECT text FROM discreet.messages WHERE session_id = %s AND direction = 'out'"
            " ORDER BY position DESC LIMIT 1",
            (asked.session_id,),
        )
    texts = {json.loads(line)["text"] for line in answer.splitlines() if line.startswith("{")}
    assert texts == {f"told by {sender}" for sender in (ALICE, BOB, None)}
    assert {one.party.kind for one in responder.contexts} == {"shared"}
    assert "in private" not in repr(responder.contexts) + repr(responder.prompts[2:])


async def test_p22_what_a_turn_loads_is_of_its_own_session_agent_and_topic(
    people: People, database: Database
) -> None:
    world, responder = people.world, Responder()
    await world.say(ALICE, "about lisbon", thread_key="trip:lisbon")
    await world.say(ALICE, "about work")
    await people.worlds["eve"].say(ALICE, "about eve", thread_key="trip:lisbon")
    await do_all(database, world.db, responder)
    later = await world.say(ALICE, "more", thread_key="trip:lisbon")
    scope = people.scopes["alice"]
    async with world.db.begin(scope) as tx:
        lease = await acquire(tx, later.session_id)
    assert isinstance(lease, Lease)
    # Later messages belong to the next turn.
    await world.say(ALICE, "even more", thread_key="trip:lisbon")
    context = await load(world.db, scope, lease, EMBEDDER)
    assert [line.text for line in context.waiting] == ["more"]
    assert [line.text for line in context.history] == ["about lisbon", "hm"]
    assert (context.thread_key, context.agent.name) == ("trip:lisbon", "Ada")

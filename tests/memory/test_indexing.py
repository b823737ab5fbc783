"""Search data of a text, and catching up on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import Unavailable
from discreet.memory import candidates
from discreet.memory.embedding import Vectors
from discreet.memory.indexing import catch_up, index, index_backlog, save_indexed, unindexed
from discreet.memory.memories import MemoryChange, NewMemory, remember, update_memory
from discreet.memory.recall import prepare, search_messages
from discreet.queue.backlog import indexing
from tests.memory.conftest import People, texts
from tests.support.waiting import until

BACKLOG = "SELECT count(*) FROM discreet.memories WHERE embedder IS NULL"


class BrokenEmbedder:
    name = "broken"
    dimensions = 3

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise Unavailable("No answer.")


async def test_an_embedder_that_fails_loses_no_memory_and_it_is_embedded_later(
    people: People,
) -> None:
    made = index(["the dog is called Rex"], BrokenEmbedder())[0]
    assert made.vector is None
    async with people.db.begin(people.alice) as tx:
        await remember(tx, NewMemory("the dog is called Rex", made))
    (found,) = await people.ask(people.alice, "dog")
    assert found.parts.cosine is None

    alices = (people.db, people.alice, "memory")
    assert await catch_up(*alices, BrokenEmbedder()) == 0
    assert [await catch_up(*alices, people.embedder) for _ in range(2)] == [1, 0]
    (found,) = await people.ask(people.alice, "dog")
    assert found.parts.cosine is not None
    assert found.version == 1


async def test_a_text_that_changed_meanwhile_keeps_its_own_terms(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea")
    other = BrokenEmbedder()
    async with people.db.begin(people.alice) as tx:
        waiting = await unindexed(tx, "memory", other)
        coffee = index(["likes coffee"], people.embedder)[0]
        await update_memory(tx, kept.id, MemoryChange(content="likes coffee", indexed=coffee))
        assert await save_indexed(tx, "memory", waiting, index(["likes tea"], None)) == 0
    assert texts(await people.ask(people.alice, "coffee", mode="text")) == ["likes coffee"]


async def test_messages_are_indexed_in_their_scope_only(people: People) -> None:
    async with people.db.begin(people.alice) as tx:
        waiting = await unindexed(tx, "message", people.embedder)
        assert [one.text for one in waiting] == ["hi"]
        await save_indexed(tx, "message", waiting, index(["hi"], people.embedder))
    async with people.db.begin(people.bob) as tx:
        (bobs,) = await unindexed(tx, "message", people.embedder)
        assert bobs.id != waiting[0].id
        assert await save_indexed(tx, "message", waiting, index(["hi"], people.embedder)) == 0
        (found,) = await search_messages(tx, prepare("hi", people.embedder))
    assert found.content == "hi"


async def _keep_unindexed(people: People, admin: psycopg.Connection[Any], *contents: str) -> None:
    admin.execute("SET session_replication_role = replica")
    for content in contents:
        admin.execute(
            "INSERT INTO discreet.memories (owner_id, agent_id, contact_id, content)"
            " VALUES (%s, %s, %s, %s)",
            (people.alice.owner_id, people.alice.agent_id, people.alice.contact_id, content),
        )


async def test_the_backlog_is_embedded_batch_by_batch_and_waits_for_an_embedder_that_is_away(
    people: People, admin: psycopg.Connection[Any]
) -> None:
    await _keep_unindexed(people, admin, *(f"likes tea number {n}" for n in range(5)))
    (bobs,) = await people.keep(people.bob, "likes coffee")
    assert await index_backlog(people.db, BrokenEmbedder()) == 0
    done = [await index_backlog(people.db, people.embedder, batch=3) for _ in range(3)]
    assert done == [3, 2, 0]
    assert admin.execute(BACKLOG).fetchone() == (0,)
    assert all(hit.parts.cosine is not None for hit in await people.ask(people.alice, "tea"))
    assert [hit.id for hit in await people.ask(people.bob, "coffee")] == [bobs.id]


async def test_a_server_embeds_the_backlog_while_it_runs(
    people: People, admin: psycopg.Connection[Any]
) -> None:
    await _keep_unindexed(people, admin, *(f"likes tea number {n}" for n in range(150)))

    async def all_done() -> bool:
        return admin.execute(BACKLOG).fetchone() == (0,)

    async with indexing(people.db, people.embedder):
        await until(all_done, "the end of the backlog")


async def test_of_texts_without_terms_those_that_share_a_word_are_found(
    people: People, admin: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MAX_UNINDEXED", 3)
    rest = (f"plays the violin in hall {n}" for n in range(20))
    await _keep_unindexed(people, admin, "tells stories to children", "trinkt Café", *rest)
    for question, content in (
        ("Who knows a story?", "tells stories to children"),
        ("café", "trinkt Café"),
    ):
        found = await people.ask(people.alice, question, mode="text")
        assert texts(found)[0] == content, question

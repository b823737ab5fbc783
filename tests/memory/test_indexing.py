"""What is stored beside a text, and how it is caught up on."""

from __future__ import annotations

from collections.abc import Sequence

from discreet.domain.errors import Unavailable
from discreet.memory.embedding import Vectors
from discreet.memory.indexing import catch_up, index, save_indexed, unindexed
from discreet.memory.memories import MemoryChange, NewMemory, remember, update_memory
from discreet.memory.recall import prepare, search_messages
from tests.memory.conftest import People, texts


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
    async with people.door.enter(people.alice) as rows:
        await remember(rows, NewMemory("the dog is called Rex", made))
    (found,) = await people.ask(people.alice, "dog")
    assert found.parts.cosine is None

    alices = (people.door, people.alice, "memory")
    assert await catch_up(*alices, BrokenEmbedder()) == 0
    assert [await catch_up(*alices, people.embedder) for _ in range(2)] == [1, 0]
    (found,) = await people.ask(people.alice, "dog")
    assert found.parts.cosine is not None
    assert found.version == 1


async def test_a_text_that_changed_meanwhile_keeps_its_own_terms(people: People) -> None:
    (kept,) = await people.keep(people.alice, "likes tea")
    other = BrokenEmbedder()
    async with people.door.enter(people.alice) as rows:
        waiting = await unindexed(rows, "memory", other)
        coffee = index(["likes coffee"], people.embedder)[0]
        await update_memory(rows, kept.id, MemoryChange(content="likes coffee", indexed=coffee))
        assert await save_indexed(rows, "memory", waiting, index(["likes tea"], None)) == 0
    assert texts(await people.ask(people.alice, "coffee", mode="text")) == ["likes coffee"]


async def test_messages_are_indexed_in_their_scope_only(people: People) -> None:
    async with people.door.enter(people.alice) as rows:
        waiting = await unindexed(rows, "message", people.embedder)
        assert [one.text for one in waiting] == ["hi"]
        await save_indexed(rows, "message", waiting, index(["hi"], people.embedder))
    async with people.door.enter(people.bob) as rows:
        (bobs,) = await unindexed(rows, "message", people.embedder)
        assert bobs.id != waiting[0].id
        assert await save_indexed(rows, "message", waiting, index(["hi"], people.embedder)) == 0
        (found,) = await search_messages(rows, prepare("hi", people.embedder))
    assert found.content == "hi"

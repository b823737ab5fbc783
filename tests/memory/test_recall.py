"""Recall on the real database: complete within its scope, and nothing from outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from discreet.domain.errors import BadInput
from discreet.memory.candidates import CandidateRows, candidates_of
from discreet.memory.embedding import bundled_embedder
from discreet.memory.large_scopes import remember_many
from discreet.memory.memories import forget
from discreet.memory.recall import Filters, Mode, prepare, recall, search, search_messages
from discreet.services.references import ReferenceText, publish
from tests.memory.conftest import People, texts

MODES: list[Mode] = ["text", "semantic", "hybrid"]


async def test_a_memory_is_recalled_by_its_contact_and_nobody_else(people: People) -> None:
    await people.keep(people.alice, "The dog is called Rex")
    await people.keep(people.bob, "Plays the cello")
    (found,) = await people.ask(people.alice, "What is my dog called?")
    assert (found.kind, found.content) == ("memory", "The dog is called Rex")
    assert found.contact_id == people.alice.contact_id
    assert "The dog is called Rex" not in texts(await people.ask(people.bob, "my dog Rex?"))


async def test_the_owner_recalls_everyones_memories_each_with_its_contact(people: People) -> None:
    await people.keep(people.alice, "Alice's dog is called Rex")
    await people.keep(people.bob, "Bob's dog is called Bello")
    await people.keep(people.world.owner, "A dog needs a licence")
    found = await people.ask(people.world.owner, "dog")
    assert {hit.contact_id for hit in found} == {
        people.alice.contact_id,
        people.bob.contact_id,
        None,
    }
    of_bob = Filters(contact_id=people.bob.contact_id)
    assert texts(await people.ask(people.world.owner, "dog", filters=of_bob)) == [
        "Bob's dog is called Bello"
    ]


async def test_a_contact_that_filters_by_another_gets_nothing(people: People) -> None:
    await people.keep(people.bob, "Bob's dog is called Bello")
    of_bob = Filters(contact_id=people.bob.contact_id)
    assert await people.ask(people.alice, "dog", filters=of_bob) == []


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_nearer_rows_of_others_do_not_reduce_the_results(people: People, mode: Mode) -> None:
    await people.keep(people.bob, *(f"the dog is called Rex number {n}" for n in range(60)))
    await people.keep(people.alice, "a dog in the garden", "the bill is paid", "tea at five")
    found = await people.ask(people.alice, "the dog is called Rex", mode=mode, limit=10)
    assert len(found) == 3
    assert found[0].content == "a dog in the garden"
    assert len(await people.ask(people.alice, "the dog is called Rex", mode=mode, limit=2)) == 2


async def test_scores_reveal_nothing_about_other_contacts(people: People) -> None:
    kept = ["the dog is called Rex", "tea at five", "the bill is paid"]
    await people.keep(people.alice, *kept)

    async def seen(mode: Mode) -> list[Any]:
        now = datetime(2030, 1, 1, tzinfo=UTC)
        query = prepare("my dog and the tea", bundled_embedder(), now=now)
        async with people.db.begin(people.alice) as tx:
            return await recall(tx, query, mode=mode)

    before = [await seen(mode) for mode in MODES]
    await people.keep(people.bob, "dog dog dog tea", *(f"dog number {n}" for n in range(20)))
    await people.keep(people.world.owner, "tea", "dog", "the dog is called Rex")
    assert [await seen(mode) for mode in MODES] == before


async def test_an_expired_memory_is_recalled_only_on_request(people: People) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    await people.keep(people.alice, "the dog is at the vet", expires_at=past)
    for mode in MODES:
        assert await people.ask(people.alice, "the dog is at the vet", mode=mode) == []
    assert await people.ask(people.alice, "the dog", filters=Filters(include_expired=True))


async def test_no_match_is_an_empty_list_in_every_mode(people: People) -> None:
    await people.keep(people.alice, "the dog is called Rex")
    for mode in MODES:
        assert await people.ask(people.alice, "xqzvkw", mode=mode) == []
        assert await people.ask(people.bob, "dog", mode=mode) == []


@pytest.mark.parametrize(
    "question",
    [
        "",
        " ",
        "?",
        "🐙",
        "'; DROP TABLE discreet.memories; --",
        "% _ \\",
        "*",
        "AND OR NOT",
        "{}",
        "a" * 5000,
        "\u202e\u200b",
        "\x00",
    ],
)
async def test_any_question_is_only_a_question(people: People, question: str) -> None:
    await people.keep(people.alice, "the dog is called Rex")
    await people.keep(people.bob, "plays the cello")
    for mode in MODES:
        found = texts(await people.ask(people.alice, question, mode=mode))
        assert found in ([], ["the dog is called Rex"])


@pytest.mark.parametrize("limit", [0, -1, 101])
async def test_a_limit_that_makes_no_sense_is_refused(people: People, limit: int) -> None:
    with pytest.raises(BadInput):
        await people.ask(people.alice, "dog", limit=limit)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(salience=("high", "critical")), ["dog one"]),
        (Filters(salience=()), []),
        (Filters(topics_any=("pets", "none")), ["dog one", "dog two"]),
        (Filters(topics_all=("pets", "vet")), ["dog two"]),
        (Filters(source="owner"), ["dog three"]),
        (Filters(topic_key="key"), ["dog three"]),
        (Filters(since=datetime(2100, 1, 1, tzinfo=UTC)), []),
        (Filters(until=datetime(2000, 1, 1, tzinfo=UTC)), []),
        (Filters(kinds=frozenset()), []),
        (Filters(kinds=frozenset(["passage"])), []),
    ],
)
async def test_each_filter_narrows_the_result(
    people: People, filters: Filters, expected: list[str]
) -> None:
    await people.keep(people.alice, "dog one", salience="high", topics=["pets"])
    await people.keep(people.alice, "dog two", topics=["pets", "vet"])
    await people.keep(people.alice, "dog three", source="owner", topic_key="key")
    assert sorted(texts(await people.ask(people.alice, "dog", filters=filters))) == sorted(expected)


async def test_reference_texts_are_found_with_memories_and_labelled(people: People) -> None:
    world = people.world
    text = ReferenceText("hours.md", ("We are open from nine to five.", "Closed on Sundays."))
    await publish(world.db, world.owner_id, world.agent_id, [text])
    await people.keep(people.alice, "Comes on Sundays when it is open")
    for scope in (people.alice, people.bob):
        found = await people.ask(scope, "Are you open on Sundays?")
        passages = [hit for hit in found if hit.kind == "passage"]
        assert {hit.content for hit in passages} == set(text.passages)
        assert all(hit.title == "hours.md" and hit.contact_id is None for hit in passages)
        assert ("memory" in {hit.kind for hit in found}) == (scope == people.alice)
    only = Filters(kinds=frozenset(["memory"]))
    assert await people.ask(people.bob, "open on Sundays", filters=only) == []
    # A filter that applies only to memories excludes passages.
    assert await people.ask(people.bob, "open", filters=Filters(salience=("medium",))) == []


async def test_a_conversation_is_searched_within_its_scope(people: People) -> None:
    world = people.world
    said = await world.say("telegram:1", "My sister lives in Lisbon", name="Alice")
    await world.say("telegram:1", "It rains a lot", name="Alice")
    await world.say("telegram:2", "I live in Lisbon too", name="Bob")
    query = prepare("who lives in Lisbon", people.embedder)
    async with people.db.begin(people.alice) as tx:
        found = await search_messages(tx, query)
        assert await search_messages(tx, query, session_id=said.session_id) == found
    assert found[0].content == "My sister lives in Lisbon"
    assert (found[0].kind, found[0].sender_name, found[0].direction) == ("message", "Alice", "in")
    assert {hit.contact_id for hit in found} == {people.alice.contact_id}
    async with people.db.begin(people.bob) as tx:
        assert await search_messages(tx, query, session_id=said.session_id) == []


async def test_vectors_of_another_embedder_are_not_compared_and_words_still_are(
    people: People, admin: psycopg.Connection[Any]
) -> None:
    await people.keep(people.alice, "the dog is called Rex", "tea at five", "a hound")
    admin.execute(
        "UPDATE discreet.memories SET embedder = 'other', embedding = '[1,2,3]'"
        " WHERE content LIKE 'the%'"
    )
    admin.execute(
        "UPDATE discreet.memories SET embedder = NULL, embedding = NULL, terms = '{}'"
        " WHERE content LIKE 'tea%'"
    )
    dog = await people.ask(people.alice, "dog")
    assert len(dog) == 3
    assert {hit.content for hit in dog if hit.parts.cosine is None} == {
        "the dog is called Rex",
        "tea at five",
    }
    assert (await people.ask(people.alice, "dog", mode="text"))[
        0
    ].content == "the dog is called Rex"
    assert (await people.ask(people.alice, "tea", mode="text"))[0].content == "tea at five"
    assert texts(await people.ask(people.alice, "hound", mode="semantic")) == ["a hound"]


async def test_a_question_without_a_vector_is_answered_by_words(people: People) -> None:
    await people.keep(people.alice, "the dog is called Rex")
    query = prepare("dog", None)
    async with people.db.begin(people.alice) as tx:
        (found,) = await recall(tx, query)
    assert found.parts.cosine is None


async def test_the_parts_of_a_score_add_up_to_it(people: People) -> None:
    await people.keep(people.alice, "the dog is called Rex", "tea at five", salience="high")
    found = await people.ask(people.alice, "dog called")
    for hit in found:
        parts = hit.parts
        total = (
            parts.text
            + parts.meaning
            + parts.nearby
            + parts.speaker
            + parts.date
            + parts.form
            + parts.salience
            + parts.age
        )
        assert hit.score == pytest.approx(total)
    assert found[0].parts.matched == pytest.approx(1.0)
    assert found[1].parts.matched == 0.0


async def test_a_memory_that_is_forgotten_while_it_is_ranked_is_left_out(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ["the dog is called Rex", "the dog sleeps by day"]
    # Long texts are read after they have been ranked.
    rex, _ = await people.keep(people.alice, *(f"{text} {'woof ' * 1_000}" for text in both))
    query = prepare("my dog", bundled_embedder())

    async def meanwhile(*asked: Any) -> CandidateRows:
        found = await candidates_of(*asked)
        async with people.db.begin(people.alice) as other:
            await forget(other, rex.id)
        return found

    monkeypatch.setattr("discreet.memory.recall.candidates_of", meanwhile)
    async with people.db.begin(people.alice) as tx:
        (left,) = await recall(tx, query)
    assert left.content.startswith("the dog sleeps by day")


async def test_rows_read_along_with_their_ranking_are_those_that_are_read_by_id(
    people: People,
) -> None:
    every = Filters(kinds=frozenset(["memory", "passage", "message"]))
    later = datetime.now(UTC) + timedelta(days=400, microseconds=7)
    await people.keep(
        people.alice,
        'the dog is called "Rex" \\ ünïcode 犬',
        topic_key="dog",
        topics=["pets", 'a "b"'],
        salience="high",
        summary="Rex",
        expires_at=later,
    )
    await people.keep(people.alice, "the dog sleeps by day", f"long: {'the dog barks ' * 500}")
    await people.world.say("telegram:1", "The dog barks", sent_at=later)
    world = people.world
    await publish(
        world.db, world.owner_id, world.agent_id, [ReferenceText("d.md", ("A dog eats.",))]
    )
    query = prepare("What does my dog do?", people.embedder)
    for scope in (people.alice, people.world.owner):
        found = []
        for many in (False, True):
            remember_many(scope, every, many=many)
            async with people.db.read(scope) as tx:
                found.append(await recall(tx, query, filters=every))
        assert found[0] == found[1]
        assert {hit.kind for hit in found[0]} == {"memory", "passage", "message"}


@pytest.mark.parametrize("of_owner", [False, True])
async def test_a_search_of_too_many_messages_reads_the_newest_and_says_since_when(
    people: People,
    admin: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    of_owner: bool,
) -> None:
    scope = people.world.owner if of_owner else people.alice
    admin.execute(
        "INSERT INTO discreet.messages (owner_id, agent_id, contact_id, session_id, route_id,"
        " position, direction, state, text, created_at)"
        " SELECT owner_id, agent_id, contact_id, session_id, route_id, 50 - n, 'out', 'sent',"
        " CASE n WHEN 15 THEN 'The ferry leaves at nine.' ELSE 'Good morning.' END,"
        " created_at - n * interval '1 minute' FROM discreet.messages, generate_series(1, 20) n"
        " WHERE contact_id = %s",
        [people.alice.contact_id],
    )
    monkeypatch.setattr("discreet.memory.candidates.MANY", 5)
    monkeypatch.setattr("discreet.memory.candidates.MAX_MESSAGES", 10)
    ferry = prepare("When does the ferry leave?", people.embedder)

    async def found(until: datetime | None) -> tuple[bool, datetime | None]:
        filters = Filters(kinds=frozenset(["message"]), until=until)
        async with people.db.read(scope) as tx:
            result = await search(tx, ferry, limit=100, filters=filters)
        return any("ferry" in hit.content for hit in result.hits), result.since

    before, since = await found(None)
    assert not before, since
    assert since is not None
    assert await found(since) == (True, since - timedelta(minutes=10))
    assert (await found(since - timedelta(minutes=10)))[1] is None

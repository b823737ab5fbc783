"""Recall's reference questions, in scopes of their own.

The conversations to which the ranking was fitted are measured by benchmarks/recall_quality.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest

from discreet.memory.bm25 import Bags, bm25, rarity_of
from discreet.memory.embedding import bundled_embedder
from discreet.memory.features import Candidates
from discreet.memory.indexing import catch_up, index
from discreet.memory.memories import forget
from discreet.memory.query import prepare
from discreet.memory.recall import search_messages
from discreet.memory.tokenizer import content_terms
from discreet.scope import ContactScope
from tests.memory.conftest import People, texts
from tests.memory.tables import (
    LANGUAGES,
    Line,
    distractors,
    language,
    newer_facts,
    sample,
    small_scopes,
)
from tests.support.world import World

DEPTHS = (5, 10, 25, 50)


async def test_a_newer_fact_comes_before_the_one_whose_place_it_took(people: People) -> None:
    others = distractors()
    await people.keep(people.alice, *others[:50])
    first, missing = [], []
    for pair in newer_facts():
        kept = await people.keep(people.alice, pair.older, *others[50:52], pair.newer)
        found = texts(await people.ask(people.alice, pair.question))
        if not {pair.older, pair.newer} <= set(found):
            missing.append(pair.question)
        elif found.index(pair.newer) < found.index(pair.older):
            first.append(pair.question)
        async with people.db.begin(people.alice) as tx:
            for memory in kept:
                await forget(tx, memory.id)
    assert missing == []
    assert len(first) >= 55, {pair.question for pair in newer_facts()} - set(first)


async def test_in_each_language_other_forms_of_its_words_find_the_answer_among_the_first_five(
    people: People,
) -> None:
    shares = {}
    for number, code in enumerate(LANGUAGES, 100):
        told = await people.world.say(f"telegram:{number}", "hi")
        scope, lines = people.world.contact(told.contact_id), language(code)
        await people.keep(scope, *(line.text for line in lines))
        places = await _places(people, scope, lines, mark="=")
        assert len(places) == 13, code
        shares[code] = sum(place < 5 for place in places) / len(places)
    assert {code: share for code, share in shares.items() if share < 0.9} == {}


async def test_languages_kept_together_are_found_as_they_are_apart(people: People) -> None:
    together = {code: language(code)[:6] for code in LANGUAGES}
    await people.keep(people.alice, *(line.text for lines in together.values() for line in lines))
    places = [
        place
        for lines in together.values()
        for place in await _places(people, people.alice, lines, mark="=")
    ]
    assert sum(place < 5 for place in places) / len(places) >= 0.9


async def test_in_a_small_scope_the_answer_comes_first(people: People) -> None:
    places: list[int] = []
    for number, lines in zip(count(100), small_scopes(), strict=False):
        told = await people.world.say(f"telegram:{number}", "hi")
        scope = people.world.contact(told.contact_id)
        await people.keep(scope, *(line.text for line in lines))
        places += await _places(people, scope, lines)
    assert len(places) > 200
    assert sum(place < 1 for place in places) / len(places) >= 0.85
    assert sum(place < 3 for place in places) / len(places) >= 0.95


@pytest.mark.parametrize("name", ["chat", "long_answers", "notes"])
async def test_recall_is_never_worse_than_words_or_vectors_alone(people: People, name: str) -> None:
    lines = sample(name)
    asked = [(question, at) for at, line in enumerate(lines) for _, question in line.questions]
    if name == "notes":
        await people.keep(people.alice, *(line.text for line in lines))
        ours = await _places(people, people.alice, lines, limit=50)
    else:
        ours = await _places_said(people.world, lines)
    alone = _alone([line.text for line in lines], asked)
    for depth in DEPTHS:
        best = max(_share(part, depth) for part in alone)
        assert _share(ours, depth) >= best - 0.01, depth


def _share(places: Sequence[int], depth: int) -> float:
    return sum(place < depth for place in places) / len(places)


async def _places(
    people: People, scope: ContactScope, lines: Sequence[Line], *, mark: str = "", limit: int = 10
) -> list[int]:
    """Return the rank of each question's answer, from 0; the limit if it isn't found."""
    places = []
    for line in lines:
        for marked, question in line.questions:
            if mark in ("", marked):
                found = texts(await people.ask(scope, question, limit=limit))
                places.append(found.index(line.text) if line.text in found else limit)
    return places


async def _places_said(world: World, lines: Sequence[Line]) -> list[int]:
    """Return the same for messages: of an agent and a person, or of two people in a group."""
    scope = await _say(world, lines)
    places = []
    for line in lines:
        for _, question in line.questions:
            query = prepare(question, bundled_embedder())
            async with world.db.begin(scope) as tx:
                found = texts(await search_messages(tx, query, limit=50))
            places.append(found.index(line.text) if line.text in found else 50)
    return places


async def _say(world: World, lines: Sequence[Line]) -> ContactScope:
    people = sorted({line.speaker for line in lines} - {"assistant"})
    group = None if len(people) == 1 else "telegram:-7"
    accepted = None
    for line in lines:
        if line.speaker == "assistant":
            assert accepted is not None
            await world.answer(accepted, line.text)
        else:
            accepted = await world.say(
                f"telegram:{people.index(line.speaker) + 70}",
                line.text,
                name=line.speaker,
                group=group,
                sent_at=line.said_at,
            )
    assert accepted is not None
    scope = world.contact(accepted.contact_id)
    while await catch_up(world.db, scope, "message", bundled_embedder()):
        pass
    return scope


def _alone(said: Sequence[str], asked: Sequence[tuple[str, int]]) -> tuple[list[int], list[int]]:
    """Return the ranks by BM25 alone and by the vectors' cosine alone."""
    made = Candidates.of(
        index(said, None),
        cosines=np.full(len(said), np.nan),
        conversations=np.full(len(said), -1),
        seconds=np.zeros(len(said)),
    )
    bags, vectors = Bags(made.bags, made.bag_sizes), bundled_embedder().embed(said)
    by_words, by_vectors = [], []
    for question, answer in asked:
        frequencies = np.stack([bags.count(term) for term in content_terms(question)])
        words = bm25(frequencies, made.lengths, rarity_of(frequencies))
        near = vectors @ bundled_embedder().embed([question])[0]
        by_words.append(np.argsort(-words, kind="stable").tolist().index(answer))
        by_vectors.append(np.argsort(-near, kind="stable").tolist().index(answer))
    return by_words, by_vectors

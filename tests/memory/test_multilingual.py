"""Answers that share no word with the question are found, in many languages."""

from __future__ import annotations

import pytest

from discreet.memory.embedders import open_embedder
from discreet.memory.embedding import Embedder
from discreet.memory.query import prepare
from discreet.scope import ContactScope
from discreet.settings import Settings
from tests.memory.conftest import People, texts
from tests.memory.tables import LANGUAGES, language, small_scopes

NEVER_FITTED = ("it", "nl")
"""Languages whose questions were written after the ranking was settled."""


@pytest.fixture(scope="module", params=["bundled", "multilingual"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return open_embedder(Settings(embedder=request.param))


async def _first_five(people: People, scope: ContactScope, code: str) -> float:
    lines = language(code)
    await people.keep(scope, *(line.text for line in lines))
    found = [
        line.text in texts(await people.ask(scope, question, limit=5))
        for line in lines
        for _, question in line.questions
    ]
    return sum(found) / len(found)


async def test_an_answer_without_a_common_word_is_among_the_first_five_in_each_language(
    people: People, embedder: Embedder
) -> None:
    people.embedder = embedder
    shares = {}
    for number, code in enumerate(sorted({*LANGUAGES, *NEVER_FITTED}), 100):
        told = await people.world.say(f"telegram:{number}", "hi")
        shares[code] = await _first_five(people, people.world.contact(told.contact_id), code)
    assert {code: share for code, share in shares.items() if share < 0.84} == {}


async def test_an_answer_is_found_in_another_language_than_it_was_told_in(
    people: People, embedder: Embedder
) -> None:
    people.embedder = embedder
    told = ["Ich vertrage keine Nüsse.", "Mi hermana vive en Lisboa.", "我的狗叫雷克斯"]
    await people.keep(people.alice, *told)
    for question, answer in zip(
        ["Am I allergic to anything?", "Où habite ma sœur ?", "Как зовут мою собаку?"],
        told,
        strict=True,
    ):
        assert texts(await people.ask(people.alice, question))[0] == answer


def test_a_question_in_english_trusts_the_bundled_table_more_than_one_in_arabic(
    embedder: Embedder,
) -> None:
    english = prepare("What is my favourite food?", embedder).asked.table_share
    german = prepare("Wo wohnt meine Schwester Anna?", embedder).asked.table_share
    arabic = prepare("ما هو طعامي المفضل؟", embedder).asked.table_share
    assert english > german > arabic == 0.0


async def test_small_scopes_in_english_are_found_as_with_the_bundled_embedder(
    people: People, embedder: Embedder
) -> None:
    people.embedder = embedder
    first = []
    for lines in small_scopes()[:2]:
        await people.keep(people.alice, *(line.text for line in lines))
        first += [
            texts(await people.ask(people.alice, question))[0] == line.text
            for line in lines
            for _, question in line.questions
        ]
    assert sum(first) / len(first) >= 0.85

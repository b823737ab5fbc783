"""Each text is embedded in the vector space of its language."""

from __future__ import annotations

import pytest

from discreet.memory.embedders import open_embedder
from discreet.memory.indexing import index, index_quickly
from discreet.memory.languages import language_of
from discreet.memory.query import prepare
from discreet.memory.spaces import is_english, space_names
from discreet.memory.tokenizer import words_of
from discreet.settings import Settings
from tests.memory.tables import LANGUAGES, language, small_scopes

BUNDLED = open_embedder(Settings())
TABLE, MODEL = space_names(BUNDLED)
NO_LETTERS = ["", "?!", "1234", "👍", " "]
OTHERS = [
    "Gdzie mieszka moja siostra?",
    "Preise bitte",
    "Zürich",
    "¿Dónde está?",
    "xin chào, tôi tên là Minh",
    "Сегодня",
    "明天",
]


def test_texts_in_other_languages_are_hardly_ever_taken_for_english() -> None:
    texts = [
        text
        for code in [*LANGUAGES, "it", "nl"]
        if code != "hi"
        for line in language(code)
        for text in (line.text, *(question for _, question in line.questions))
    ]
    assert [text for text in OTHERS if is_english(text)] == []
    taken = [text for text in texts if is_english(text)]
    assert len(taken) <= len(texts) // 100, taken


def test_english_is_nearly_always_taken_for_english() -> None:
    texts = [
        text
        for lines in small_scopes()
        for line in lines
        for text in (line.text, *(question for _, question in line.questions))
        if text.isascii() and language_of(words_of(text)) == "english"
    ]
    missed = [text for text in texts if not is_english(text)]
    assert len(missed) <= len(texts) // 25, missed


@pytest.mark.parametrize("text", [*NO_LETTERS, "मेरी बिल्ली का नाम क्या है?"])
def test_what_the_model_cannot_read_stays_with_the_table(text: str) -> None:
    assert is_english(text)


def test_a_batch_in_two_languages_gets_the_vector_of_each() -> None:
    texts = ["My dog is called Rex.", "Mein Hund heißt Rex.", "", "我的狗叫雷克斯"]
    assert [made.embedder for made in index(texts, BUNDLED)] == [TABLE, MODEL, TABLE, MODEL]
    assert list(index_quickly(texts, BUNDLED)) == [texts[0], texts[2]]
    assert prepare("Wie heißt mein Hund?", BUNDLED).embedder == MODEL
    assert prepare("What is my dog called?", BUNDLED).embedder == TABLE

"""Choose the vector space of a text: the bundled table, or the model for other languages."""

from __future__ import annotations

import re

from discreet.memory.embedding import (
    Embedder,
    EmbedderByLanguage,
    StaticEmbedder,
    VectorSpace,
)
from discreet.memory.languages import STOP_WORDS, language_of
from discreet.memory.token_vectors import table_share
from discreet.memory.tokenizer import content_words, words_of

__all__ = ["embeds_quickly", "is_english", "is_known_script", "space_for", "space_names"]

MAX_CHARACTERS = 500
"""Characters of a text that tell its language."""
SHORT = 200
"""Characters of a text that are embedded in a tenth of a millisecond by a table."""
KNOWN, KNOWN_BESIDE_ENGLISH = 0.7, 0.6
"""How well the table knows English words (``table_share``), at least: without a function word of
English among them, and beside one that other languages have too.
"""
_ONLY_ENGLISH = STOP_WORDS["english"].difference(
    *(words for language, words in STOP_WORDS.items() if language != "english"),
    ("do", "his", "is", "so", "we"),  # words of Portuguese, Turkish, Dutch and Italian
)
_KNOWN_SCRIPTS = re.compile(
    "[a-zà-ÿ\u0100-\u024f\u0400-\u04ff\u0600-\u06ff\u0e00-\u0e7f\u3040-\u30ff\u4e00-\u9fff"
    "\uac00-\ud7a3]",
    re.IGNORECASE,
)
"""Letters of the scripts that the model was trained on: Latin, Cyrillic, Arabic, Thai, Kana, Han
and Hangul. In others it knows no word, and all texts look alike to it.
"""


def space_for(embedder: Embedder, text: str) -> VectorSpace:
    """Return the vector space of a text. The first call may take a second to load a model.

    Raises:
        Unavailable: the model can't be loaded.
    """
    if not isinstance(embedder, EmbedderByLanguage):
        return embedder
    return embedder.table if is_english(text) else embedder.model()


def embeds_quickly(text: str, embedder: Embedder) -> bool:
    """Return whether embedding a text takes less than handing it to a thread."""
    if len(text) > SHORT:
        return False
    if isinstance(embedder, EmbedderByLanguage):
        return isinstance(embedder.table, StaticEmbedder) and is_english(text)
    return isinstance(embedder, StaticEmbedder)


def space_names(embedder: Embedder) -> list[str]:
    """Return the names of an embedder's spaces. A row with one of them needs no new vector."""
    if isinstance(embedder, EmbedderByLanguage):
        return [embedder.table.name, embedder.model_name]
    return [embedder.name]


def is_english(text: str) -> bool:
    """Return whether a text is English, or in no script that the model knows."""
    text = text[:MAX_CHARACTERS]
    if not is_known_script(text):
        return True
    if 2 * len(re.findall("[a-zà-ÿ\u0100-\u024f]", text.casefold())) < sum(map(str.isalpha, text)):
        return False
    words = words_of(text)
    if language_of(words) != "english":
        return False
    if not _ONLY_ENGLISH.isdisjoint(words):
        return True
    if _has_accents(text):
        return False
    least = KNOWN if STOP_WORDS["english"].isdisjoint(words) else KNOWN_BESIDE_ENGLISH
    return table_share(list(content_words(text).values())) >= least


def is_known_script(text: str) -> bool:
    """Return whether at least half of the letters belong to scripts that the model knows."""
    letters = sum(map(str.isalpha, text))
    return letters > 0 and 2 * len(_KNOWN_SCRIPTS.findall(text)) >= letters


def _has_accents(text: str) -> bool:
    return any(character.isalpha() and not character.isascii() for character in text)

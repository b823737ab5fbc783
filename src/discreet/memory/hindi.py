"""Spell Hindi words one way, and gloss them in English.

The bundled table knows no Hindi, and neither does the model for other languages. With the common
words glossed, the table compares Hindi texts with each other, and with English ones.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

import snowballstemmer

from discreet.memory.languages import STOP_WORDS

__all__ = ["glossed", "spelled"]

SHORT = 4
"""Characters of a word below which it has no endings to remove."""
_WORD = re.compile(r"[\u0900-\u0963\u0971-\u097f]+")
_SAME_SOUND = {
    ord("\u093c"): None,  # nukta: often left out, as in साफ़ and साफ
    ord("\u0901"): "\u0902",  # chandrabindu is often typed as anusvara: दाँत, दांत
    **dict.fromkeys((0x200C, 0x200D)),  # joiners only change the shape
}
_NASALS = re.compile("[ङञणनम]\u094d(?=[क-म])")
"""A nasal before a consonant of its own row is often written as anusvara: हिन्दी, हिंदी."""


def spelled(word: str) -> str:
    """Return a word in one of its accepted spellings. Words of other scripts stay as they are."""
    if not _WORD.search(word):
        return word
    return _NASALS.sub("\u0902", word.translate(_SAME_SOUND))


_FUNCTION_WORDS = frozenset(map(spelled, STOP_WORDS["hindi"]))


def glossed(text: str) -> str:
    """Return English words for the Hindi ones that are known, and drop the others.

    A text without a known Hindi word is returned unchanged.
    """
    if text.isascii():
        return text
    found = False

    def gloss(match: re.Match[str]) -> str:
        nonlocal found
        english = _gloss(spelled(match.group()))
        found = found or bool(english)
        return english

    replaced = _WORD.sub(gloss, text)
    return replaced if found else text


def _gloss(word: str) -> str:
    if word in _FUNCTION_WORDS:
        return ""
    return _glosses().get(word) or _glosses().get(_stem(word), "")


@cache
def _glosses() -> dict[str, str]:
    """Return the English for each word and each stem; the first of several meanings."""
    glosses: dict[str, str] = {}
    stems: dict[str, str] = {}
    listed = files("discreet.memory").joinpath("hindi.txt").read_text(encoding="utf-8")
    for line in listed.splitlines():
        english, colon, words = line.partition(":")
        if not colon or line.startswith("#"):
            continue
        for word in map(spelled, words.split()):
            glosses.setdefault(word, english)
            stems.setdefault(_stem(word), english)
    return stems | glosses


def _stem(word: str) -> str:
    """Return the stem, or a short word itself, of which too little would be left."""
    return str(_stemmer().stemWord(word)) if len(word) >= SHORT else word


@cache
def _stemmer() -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer("hindi")

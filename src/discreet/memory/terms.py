"""Texts as bags of terms: what is counted when texts are matched by their words.

A bag keeps order and repeats. Beside words it holds markers, which no word can be: first the
version of this module, last ``<asks>``, ``<time>``, ``<number>`` for what kind of thing it says.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import snowballstemmer

__all__ = ["ASKS", "NUMBER", "TIME", "VERSION", "content_terms", "terms_of", "words_of"]

VERSION = "<v1>"
"""Changes when the same text gives other terms; stored bags that begin otherwise are made anew."""

ASKS, TIME, NUMBER = "<asks>", "<time>", "<number>"

MAX_CHARACTERS = 100_000
"""What lies behind is not indexed, so that a text of megabytes costs no seconds."""

MAX_WORD = 64
"""Characters of one term; a longer run (a key, a URL's tail) is cut."""

_TOKEN = re.compile(
    r"(?P<cjk>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+)"
    r"|(?P<word>[^\W_](?:[^\W_]|['’\u0300-\u036f\u0900-\u0dff\u064b-\u0652])*)"
    r"|(?P<emoji>[\u2600-\u27bf\U0001f1e6-\U0001faff])"
)
_CLITIC = re.compile(r"n't$|'(?:s|d|ll|re|ve|m|t)$")


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_STOP_WORDS = _listed(
    "a an the and or but if then so of in on at to for from with by about as into is are was were "
    "be been being am do does did doing done have has had having i me my mine we our us you your "
    "yours he him his she her hers it its they them their what which who whom whose when where why "
    "how that this these those there here will would can could should shall may might must not no "
    "nor than too very just ca wo"
)
_TIME_WORDS = _listed(
    "yesterday today tomorrow tonight ago last next week weeks weekend month months year years day "
    "days monday tuesday wednesday thursday friday saturday sunday recently soon since morning "
    "night summer winter spring fall january february march april may june july august september "
    "october november december"
)
_NUMBER_WORDS = _listed(
    "one two three four five six seven eight nine ten couple few several twice once dozen hundred "
    "thousand"
)
# A script that is written in one language mostly, so its stemmer can be chosen without guessing.
# Latin script gets the English one: it leaves other languages' words nearly as they are, and does
# the same to query and text.
_STEMMER_OF_SCRIPT = {
    "LATIN": "english",
    "CYRILLIC": "russian",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "DEVANAGARI": "hindi",
    "TAMIL": "tamil",
    "ARMENIAN": "armenian",
}


def terms_of(text: str) -> list[str]:
    """The bag of a text that is stored: the version, stems in order with repeats, markers."""
    words = words_of(text)
    terms = [VERSION, *map(_stem, words)]
    if any(mark in text for mark in "?？؟"):
        terms.append(ASKS)
    if not _TIME_WORDS.isdisjoint(words):
        terms.append(TIME)
    if any(word in _NUMBER_WORDS or any(map(str.isdecimal, word)) for word in words):
        terms.append(NUMBER)
    return terms


def content_terms(text: str, without: Iterable[str] = ()) -> list[str]:
    """The distinct terms of a question that say what it is about.

    Function words and ``without`` (words, not stems) are left out; if nothing else is there,
    function words count after all.
    """
    words = words_of(text)
    left_out = _STOP_WORDS.union(without)
    kept = [word for word in words if word not in left_out] or words
    return list(dict.fromkeys(_stem(word) for word in kept))


def words_of(text: str) -> list[str]:
    """Words, numbers and emoji of a text in order, in one spelling: compatible forms, case and the
    accents of Latin letters are folded. Scripts that put no space between words give single
    characters and pairs."""
    folded = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
    words: list[str] = []
    for match in _TOKEN.finditer(folded):
        token = match.group()
        if match.lastgroup == "cjk":
            words.extend(_characters_and_pairs(token))
        elif match.lastgroup == "word":
            word = _spelling(token)
            if word:
                words.append(word)
        else:
            words.append(token)
    return words


def _characters_and_pairs(run: str) -> list[str]:
    return [*run, *(run[at : at + 2] for at in range(len(run) - 1))]


def _spelling(token: str) -> str:
    if token.isascii() and token.isalnum():
        return token[:MAX_WORD]
    word = _CLITIC.sub("", token.replace("’", "'")).replace("'", "")
    if not word.isascii():
        word = _without_latin_accents(word)
    return word[:MAX_WORD]


def _without_latin_accents(word: str) -> str:
    kept: list[str] = []
    latin = False
    for character in unicodedata.normalize("NFD", word):
        if unicodedata.combining(character):
            if latin:
                continue
        else:
            latin = _script(character) == "LATIN"
        kept.append(character)
    return unicodedata.normalize("NFC", "".join(kept))


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    language = "english" if word.isascii() else _STEMMER_OF_SCRIPT.get(_script(word[0]))
    if language is None or word.isdecimal():
        return word
    return _stemmer(language).stemWord(word) or word


@lru_cache(maxsize=len(_STEMMER_OF_SCRIPT))
def _stemmer(language: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(language)

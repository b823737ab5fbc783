"""Split texts into terms for matching by words.

A bag keeps order and repetitions. In addition to words it contains markers, which can't be words:
the version of this module first, ``<part>`` between the parts of a long text, and ``<asks>``,
``<time>``, ``<number>`` at the end for the kind of content.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

import snowballstemmer

from discreet.memory.hindi import spelled
from discreet.memory.languages import (
    ASKING_WORDS,
    CALENDAR_WORDS,
    CHANGE_WORDS,
    DWELLING_WORDS,
    ENGLISH_TOO,
    MOVING_WORDS,
    ORDERS,
    STOP_WORDS,
    language_of,
)

__all__ = [
    "ASKS",
    "CALENDAR_TERMS",
    "CHANGE_TERMS",
    "DWELLING_TERMS",
    "FUNCTION_TERMS",
    "FUNCTION_TERMS_OF",
    "MOVING_TERMS",
    "NUMBER",
    "PART",
    "STANDING_ORDERS",
    "TIME",
    "VERSION",
    "content_terms",
    "content_words",
    "has_words",
    "segments_of",
    "terms_of",
    "words_of",
]

VERSION = "<v5>"
"""Change this when the same text gives other terms; stored bags of other versions are rebuilt."""

ASKS, TIME, NUMBER, PART = "<asks>", "<time>", "<number>", "<part>"

MAX_CHARACTERS = 100_000
"""Characters of a text that are indexed, so that megabytes of text don't take seconds."""

MAX_WORD = 64
"""Maximum characters of one term; a longer run (a key, part of a URL) is cut."""

PART_WORDS = 60
"""Approximate number of words in one part; a part ends with a sentence or a line."""

_TOKEN = re.compile(
    r"(?P<run>[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]+)"
    r"|(?P<hangul>[\uac00-\ud7a3]+)"
    r"|(?P<word>[^\W_](?:[^\W_\uac00-\ud7a3]|['’\u0300-\u036f\u0900-\u0dff\u064b-\u0652])*)"
    r"|(?P<emoji>[\u2600-\u27bf\U0001f1e6-\U0001faff])"
)
_CLITIC = re.compile(r"n't$|'(?:s|d|ll|re|ve|m|t)$")
_ELISION = re.compile(r"^(?:[cdjlmnst]|qu)'(?=\w{2})")
_PART_ENDS = re.compile(r"(?<=[.!?।])\s+|(?<=[。！？])|\n+")
_SUFFIX = re.compile(
    r"(?<=\w{2})'(?:[dt][ae](?:n|ki|yim|yiz)?|y?[aeıiuü]|y?l[ae]|n?[ıiuü]n|n[ae]|n[dt][ae]n?|l[ae]r)$"
)
"""A Turkish ending after a name: "Bursa'da"."""


_TURKISH_VERB = re.compile(
    r"(?P<root>\w{3,}?)(?:[ıiuü]yor|y?aca[kğ]|y?ece[kğ]|m[ıiuü]ş|[dt][ıiuü])(?:[dt][ıiuü]|m[ıiuü]ş)?"
    r"(?:[mnk]|[ıiuü]m|[ıiuü]z|s[ıiuü]n|s[ıiuü]n[ıiuü]z|n[ıiuü]z|l[ae]r)?"
)
"""A Turkish verb with the ending of a tense and a person; the stemmer knows nouns only."""
_NO_TURKISH_VERBS = frozenset(["yardım", "sandık", "fındık", "kendim", "kendin", "tanıdık"])


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


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
# Scripts that are mostly used for one language, so that its stemmer can be chosen directly.
_STEMMER_OF_SCRIPT = {
    "CYRILLIC": "russian",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "DEVANAGARI": "hindi",
    "TAMIL": "tamil",
    "ARMENIAN": "armenian",
}
_LATIN = frozenset(
    ["english", "german", "spanish", "french", "portuguese", "italian", "dutch", "turkish"]
)
_OF_SCRIPTS = frozenset().union(
    *(map(spelled, words) for language, words in STOP_WORDS.items() if language not in _LATIN)
)


def segments_of(text: str) -> list[str]:
    """Split a text into parts of about ``PART_WORDS`` words, at the end of a sentence or line.

    A short text is one part. Only white space is lost.
    """
    text = text[:MAX_CHARACTERS]
    if len(text) <= PART_WORDS * 4:
        return [text]
    parts: list[str] = []
    current: list[str] = []
    words = 0
    for sentence in _PART_ENDS.split(text):
        # In scripts without spaces, about three characters make a word.
        many = max(len(sentence.split()), len(sentence) // 12)
        if not sentence.strip():
            continue
        if words and words + many > PART_WORDS:
            parts.append(" ".join(current))
            current, words = [], 0
        current.append(sentence)
        words += many
    if current:
        parts.append(" ".join(current))
    return parts or [text]


def terms_of(text: str) -> list[str]:
    """Return the bag of a text for storage: version, stems in order with repetitions, markers."""
    parts = [_tokens(part) for part in segments_of(text)]
    words = [_folded(token) for part in parts for token in part]
    language = language_of(words)
    terms = [VERSION]
    for at, part in enumerate(parts):
        terms += [PART] * bool(at)
        terms += [_stem(token, language) for token in part]
    if any(mark in text for mark in "?？؟"):
        terms.append(ASKS)
    if not _TIME_WORDS.isdisjoint(words):
        terms.append(TIME)
    if any(word in _NUMBER_WORDS or any(map(str.isdecimal, word)) for word in words):
        terms.append(NUMBER)
    return terms


def content_terms(text: str, without: Iterable[str] = ()) -> list[str]:
    """Return the distinct terms of a question that carry its subject.

    Function words and ``without`` (words, not stems) are left out, unless nothing else remains.
    """
    return list(content_words(text, without))


def content_words(text: str, without: Iterable[str] = ()) -> dict[str, str]:
    """Return the same terms, each with its original word."""
    tokens = _tokens(text[:MAX_CHARACTERS])
    words = [_folded(token) for token in tokens]
    language = language_of(words)
    function_words = (STOP_WORDS[language] | _OF_SCRIPTS).union(without)
    asking = ASKING_WORDS if language == "english" else frozenset[str]()
    for left_out in (function_words | asking, function_words, frozenset[str]()):
        kept: dict[str, str] = {}
        for token, word in zip(tokens, words, strict=True):
            if word not in left_out:
                kept.setdefault(_stem(token, language), token)
        if kept:
            return kept
    return {}


def has_words(text: str, words: str) -> bool:
    """Return whether a text has every content word of ``words``, whole, in any form known here.

    Forms are compared by the stemmer of the text's language.
    """
    tokens = _tokens(text[:MAX_CHARACTERS])
    folded = [_folded(token) for token in tokens]
    language = language_of(folded)
    there = {*folded, *(_stem(token, language) for token in tokens)}
    asked = content_words(words)
    of_asked = language_of([_folded(token) for token in asked.values()])
    return bool(asked) and all(
        not there.isdisjoint((_folded(token), _stem(token, language), _stem(token, of_asked)))
        for token in asked.values()
    )


def words_of(text: str) -> list[str]:
    """Return the words, numbers and emoji of a text in order, in one normalized spelling.

    Compatibility forms, case and the accents of Latin letters are folded. Scripts without spaces
    give single characters and pairs, Hangul gives pairs.
    """
    return [_folded(token) for token in _tokens(text[:MAX_CHARACTERS])]


def _tokens(text: str) -> list[str]:
    """Return the words in order, with accents."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", text).casefold()):
        token = match.group()
        if match.lastgroup == "run":
            tokens += [*token, *_pairs(token)]
        elif match.lastgroup == "hangul":
            tokens += _pairs(token) or [token]
        elif match.lastgroup == "word":
            word = _spelling(token)
            if word:
                tokens.append(word)
        else:
            tokens.append(token)
    return tokens


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)]


def _spelling(token: str) -> str:
    if token.isascii() and token.isalnum():
        return token[:MAX_WORD]
    word = _CLITIC.sub("", token.replace("’", "'"))
    word = _SUFFIX.sub("", _ELISION.sub("", word)).replace("'", "")
    if not word.isascii():
        word = "".join(map(_digit, spelled(word)))
    return word[:MAX_WORD]


def _digit(character: str) -> str:
    """Return ASCII digits for those of any script."""
    return str(unicodedata.decimal(character)) if character.isdecimal() else character


@lru_cache(maxsize=65_536)
def _folded(token: str) -> str:
    """Return a token without the accents of Latin letters."""
    if token.isascii():
        return token
    kept: list[str] = []
    latin = False
    for character in unicodedata.normalize("NFD", token):
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
def _stem(token: str, language: str) -> str:
    """Stem a word. ``language`` applies to Latin letters; other scripts imply their own."""
    script = "LATIN" if token.isascii() else _script(token[0])
    of_word = language if script == "LATIN" else _STEMMER_OF_SCRIPT.get(script)
    if of_word is None or token.isdecimal():
        return token
    if of_word == "turkish" and (root := _root_of_turkish(token)):
        return _folded(root)
    return _folded(_stemmer(of_word).stemWord(token) or token) or token


def _root_of_turkish(token: str) -> str:
    """Return the root of a verb, "sakl" of "saklıyoruz" and "sakladım"; empty if it is none."""
    found = None if token in _NO_TURKISH_VERBS else _TURKISH_VERB.fullmatch(token)
    if found is None:
        return ""
    root = found["root"]
    # The vowel before -yor changes: sakla-, saklıyor.
    return root[:-1] if len(root) > 3 and root[-1] in "aeıiuü" else root


@lru_cache(maxsize=32)
def _stemmer(language: str) -> snowballstemmer.stemmer:
    return snowballstemmer.stemmer(language)


def _in_bags(words_of_languages: Mapping[str, frozenset[str]]) -> frozenset[str]:
    return frozenset(
        term
        for language, words in words_of_languages.items()
        for word in map(spelled, words)
        for term in (word, _folded(word), _stem(word, language))
    )


FUNCTION_TERMS = _in_bags(STOP_WORDS)
"""Function words of every known language, as bags contain them."""
_OF_OTHER_SCRIPTS = _in_bags(
    {language: words for language, words in STOP_WORDS.items() if language not in _LATIN}
)
FUNCTION_TERMS_OF = {
    language: _OF_OTHER_SCRIPTS | _in_bags({language: STOP_WORDS[language]}) for language in _LATIN
}
"""The same by the language of a text. What is no word of it may carry a subject: "son", "Paris"."""
FUNCTION_TERMS_OF["english"] = FUNCTION_TERMS - _in_bags({"english": ENGLISH_TOO})
CALENDAR_TERMS = _in_bags(CALENDAR_WORDS)
"""Months and days of the week, as bags contain them."""
MOVING_TERMS, DWELLING_TERMS = _in_bags(MOVING_WORDS), _in_bags(DWELLING_WORDS)
"""Words that say that someone moved, and where someone lives, as bags contain them."""
CHANGE_TERMS = _in_bags(CHANGE_WORDS) | MOVING_TERMS
"""Words that signal a change, as bags contain them."""


def _beginnings() -> tuple[str, ...]:
    found = set()
    for language, sayings in ORDERS.items():
        for saying in sayings:
            # A run without spaces begins with its single characters; the language of a short text
            # in Latin letters may be misdetected.
            words = list(saying) if language == "han" else _tokens(saying)
            for guessed in _LATIN if language in _LATIN else [language]:
                terms = [_stem(word, guessed) for word in words]
                found.add(f" {'  '.join([VERSION, *terms])} ")
    return tuple(sorted(found))


STANDING_ORDERS = _beginnings()
"""How the bag of a standing order begins."""

"""Find near-duplicate memories in a scope."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, LiteralString

from discreet.memory.indexing import Indexed
from discreet.memory.types import ALIVE, COLUMNS, OWN, Memory, memory_of

__all__ = ["NEAR", "gist", "nearest_to", "nearly_the_same"]

NEAR = 0.5
"""Minimum cosine of a possible duplicate. This only saves work."""
LOOKED_AT = 10
"""Number of nearest memories that are compared word by word."""

_LIGHT = frozenset(
    ["a", "an", "the", "very", "really", "quite", "truly", "just", "indeed", "actually"]
)
"""Words that can be added or removed without changing the meaning."""
_ENDS = ".,;:!\"'()[]{}<>…"
_CONTRACTIONS = (
    (re.compile(r"\bcan't\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(\w+)'re\b"), r"\1 are"),
    (re.compile(r"\b(\w+)'ve\b"), r"\1 have"),
    (re.compile(r"\b(\w+)'ll\b"), r"\1 will"),
    (re.compile(r"\bi'm\b"), "i am"),
)

_NEAREST: LiteralString = f"""
    SELECT {COLUMNS} FROM discreet.memories
     WHERE {OWN} AND {ALIVE} AND embedder = %(embedder)s
       AND 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) >= %(near)s
     ORDER BY embedding OPERATOR(public.<=>) %(vector)s::public.vector, id
     LIMIT %(most)s"""


def nearest_to(indexed: Indexed) -> tuple[LiteralString, dict[str, Any]]:
    """Return the query for the memories of a scope that may say the same, nearest first.

    Without a vector it finds none.
    """
    return _NEAREST, {
        "embedder": indexed.embedder,
        "vector": indexed.vector,
        "near": NEAR,
        "most": LOOKED_AT,
    }


def nearly_the_same(content: str, nearest: Sequence[Mapping[str, Any]]) -> Memory | None:
    """Return the memory that differs only in words that don't change the meaning.

    ``nearest``: the rows found by ``nearest_to``.
    """
    wanted = gist(content)
    return next((memory_of(row) for row in nearest if gist(row["content"]) == wanted), None)


def gist(text: str) -> tuple[str, ...]:
    """Return the words that carry a text's meaning, in order.

    Order, tense, number, negation, names and digits are kept: "Alice likes Bob" is not "Bob likes
    Alice", nor "works there" "worked there". Two texts with the same gist have the same meaning.
    """
    words = tuple(_words(text))
    return tuple(word for word in words if word not in _LIGHT) or words


def _words(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    for token in folded.split():
        stripped = token.strip(_ENDS)
        plain = stripped.casefold() if _is_plain_word(stripped) else stripped
        for pattern, spelled_out in _CONTRACTIONS:
            plain = pattern.sub(spelled_out, plain)
        yield from plain.split()


_QUOTES = str.maketrans("‘’“”", "''\"\"")


def _is_plain_word(token: str) -> bool:
    """Return whether a word has no digit and no inner capital; those may be part of a code."""
    return not any(map(str.isdecimal, token)) and (
        token == token.upper() or token[1:] == token[1:].lower()
    )

"""Compare texts by the token vectors of the bundled table, word by word and part by part, whichever
embedder made their vectors.

The dot product of a text's summed vectors with a question's is the sum of its tokens' own. So a
question is compared with every token that occurs, once, and any part of any text is then a sum of
numbers: no vector of a part is stored or made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from discreet.memory.embedding import MAX_CHARACTERS, Vectors, bundled_embedder
from discreet.memory.tokenizer import segments_of

__all__ = ["Nearness", "is_word", "nearness", "pack", "word_vectors"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_WHOLE, _OF_PART = 2, 2
"""Numbers before the parts (how many there are; the length of all vectors summed), and before the
tokens for each part (how many tokens; the length of their summed vectors)."""
_MAX_LENGTH = 65_000.0
"""A half-precision number holds no more."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of each row to a question; nan where a row has no tokens. ``part``: cosine of its nearest
    part to the whole question. ``topic``: cosine of the row to the question's words, each counting
    as much as it is rare. ``words``: how near its nearest word is to a word of the question, the
    mean over these, weighted in the same way. ``beyond_the_usual``: cosine of the row to the whole
    question, once what all rows have in common is taken away from both. ``each_word``: how near its
    nearest word is to each word of the question, shape (rows, words), and ``fresh``: how many of
    its tokens no row before it has; these are 0 where a row has no tokens."""

    part: Floats
    topic: Floats
    words: Floats
    beyond_the_usual: Floats
    each_word: Floats
    fresh: Floats


def pack(texts: Sequence[str]) -> list[str]:
    """Return tokens of texts, as PostgreSQL reads a bytea: 16-bit numbers, little-endian. How many
    parts; the length of the summed vectors of all; for each part how many tokens, and the length of
    their summed vectors; then the tokens. Lengths are half-precision numbers."""
    parts = [segments_of(text[:MAX_CHARACTERS]) for text in texts]
    encoded = iter(_tokens_of([part for of_text in parts for part in of_text]))
    made = [[tokens for _ in of_text if (tokens := next(encoded))] for of_text in parts]
    return [_packed(of_text) if of_text else "\\x" for of_text in made]


def _tokens_of(texts: Sequence[str]) -> list[list[int]]:
    """Case is folded: the table knows most words in small letters best."""
    return bundled_embedder().tokens([text.casefold() for text in texts])


def _packed(parts: Sequence[list[int]]) -> str:
    summed = [_summed(tokens) for tokens in parts]
    heads = [len(parts), _half(np.sum(summed, axis=0))]
    for tokens, vector in zip(parts, summed, strict=True):
        heads += [len(tokens), _half(vector)]
    numbers = [*heads, *(token for tokens in parts for token in tokens)]
    return "\\x" + np.array(numbers, dtype="<u2").tobytes().hex()


def _half(vector: Vectors) -> int:
    length = min(float(np.linalg.norm(vector)), _MAX_LENGTH)
    return int(np.float16(length).view(np.uint16))


def _summed(tokens: list[int]) -> Vectors:
    summed: Vectors = bundled_embedder().table[tokens].sum(axis=0, dtype=np.float32)
    return summed


def word_vectors(words: Sequence[str]) -> Vectors:
    """Return the summed vectors of each word's tokens, shape (words, dimensions). Their lengths say
    how much a word means by itself."""
    made = [_summed(tokens) for tokens in _tokens_of(words)]
    return np.stack(made) if made else np.zeros((0, bundled_embedder().dimensions), np.float32)


def is_word(word: str) -> bool:
    """Return whether the table knows a word, and doesn't spell it letter by letter."""
    if not word.isascii():
        return any(map(str.isalnum, word))
    return len(_tokens_of([word])[0]) <= max(1, len(word) // 2)


def nearness(
    packed: bytes, sizes: npt.NDArray[Any], whole: Vectors, words: Vectors, rarity: Floats
) -> Nearness:
    """Return how near rows are to a question.

    ``packed``: what ``pack`` made of all rows, as bytes, and ``sizes`` how many each has, 0 where
    there is nothing. ``whole``: the vector of the question, shape (dimensions,). ``words``: of its
    content words, as ``word_vectors`` gives them. ``rarity``: of each of these, shape (words,).
    """
    rows = _Rows(packed, sizes)
    fresh = np.zeros(len(sizes))
    each_word = np.zeros((len(sizes), len(words)))
    nothing = np.full(len(sizes), np.nan)
    if not len(rows.tokens):
        return Nearness(nothing, nothing, nothing, nothing, each_word, fresh)
    known, first, place = _distinct(rows.tokens, len(bundled_embedder().table))
    fresh += np.bincount(rows.row_of_token[first], minlength=len(sizes))
    table = bundled_embedder().table[known].astype(np.float32)
    lengths = np.linalg.norm(words, axis=1, keepdims=True)
    units = np.divide(words, lengths, out=np.zeros_like(words), where=lengths > 0)
    topic = _unit(rarity.astype(np.float32) @ words)
    usual = np.bincount(place, 1 / rows.length_of_token) @ table / len(rows.lengths)
    beyond = _unit(_unit(whole) - usual.astype(np.float32))
    dots = table @ np.stack([_unit(whole), topic, beyond, usual, *units], axis=1, dtype=np.float32)
    parts = np.add.reduceat(dots[place, :4], rows.part_starts, axis=0)
    cosines = np.maximum.reduceat(parts[:, 0] / rows.part_lengths, rows.first_parts)
    of_rows = np.add.reduceat(parts, rows.first_parts, axis=0) / rows.lengths[:, None]
    apart = np.sqrt(np.maximum(1 - 2 * of_rows[:, 3] + usual @ usual, 1e-3))
    near = _nearest_words(rows, dots[:, 4:], np.square(table).sum(axis=1), place)
    each_word[rows.with_tokens] = near
    return Nearness(
        part=rows.spread(cosines),
        topic=rows.spread(of_rows[:, 1]),
        words=rows.spread(near @ _share(rarity)),
        beyond_the_usual=rows.spread((of_rows[:, 2] - usual @ beyond) / apart),
        each_word=each_word,
        fresh=fresh,
    )


def _distinct(tokens: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """Return every token once, where each comes first, and the place of each token among them; what
    ``numpy.unique`` gives, without sorting. ``size``: of the table."""
    first = np.full(size, -1)
    first[tokens[::-1]] = np.arange(len(tokens) - 1, -1, -1)
    known = np.flatnonzero(first >= 0)
    place = np.zeros(size, dtype=np.int64)
    place[known] = np.arange(len(known))
    return known, first[known], place[tokens]


def _nearest_words(rows: _Rows, dots: Vectors, squares: Vectors, place: Ints) -> Vectors:
    """Return how near a row's nearest word is to each word of a question, shape (rows with tokens,
    words).

    A word's length is taken from those of its tokens, as if they stood at right angles.
    """
    starts = bundled_embedder().begins_word[rows.tokens]
    starts[rows.part_starts] = True
    of_words = np.flatnonzero(starts)
    lengths = np.sqrt(np.add.reduceat(squares[place], of_words))
    first_words = np.searchsorted(of_words, rows.part_starts[rows.first_parts])
    nearest = np.empty((len(first_words), dots.shape[1]), dtype=np.float32)
    for at in range(dots.shape[1]):
        alike = np.add.reduceat(dots[place, at], of_words) / lengths
        nearest[:, at] = np.maximum.reduceat(alike, first_words)
    return np.minimum(nearest, 1.0)


def _share(weights: Floats) -> Floats:
    return weights / max(float(weights.sum()), 1e-9)


def _unit(vector: Vectors) -> Vectors:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


class _Rows:
    """What is packed, in columns: of tokens, of parts, and of rows that have tokens."""

    def __init__(self, packed: bytes, sizes: npt.NDArray[Any]) -> None:
        self._count = len(sizes)
        self.with_tokens = np.flatnonzero(sizes)
        sizes = sizes[self.with_tokens].astype(np.int64) // 2
        numbers = np.frombuffer(packed, dtype="<u2")
        starts = np.cumsum(sizes) - sizes
        parts = numbers[starts].astype(np.int64)
        self.lengths = _lengths(numbers[starts + 1])
        self.first_parts = np.cumsum(parts) - parts
        heads = np.repeat(
            starts + _WHOLE - _OF_PART * self.first_parts, parts
        ) + _OF_PART * np.arange(int(parts.sum()))
        counts = numbers[heads].astype(np.int64)
        self.part_lengths = _lengths(numbers[heads + 1])
        is_token = np.ones(len(numbers), dtype=bool)
        is_token[starts] = is_token[starts + 1] = is_token[heads] = is_token[heads + 1] = False
        self.tokens = numbers[is_token].astype(np.int64)
        self.part_starts = np.cumsum(counts) - counts
        in_rows = sizes - _WHOLE - _OF_PART * parts
        self.row_of_token = np.repeat(self.with_tokens, in_rows)
        self.length_of_token = np.repeat(self.lengths, in_rows)

    def spread(self, values: npt.NDArray[Any]) -> Floats:
        """Return values of the rows that have tokens, as a column of all rows."""
        column = np.full(self._count, np.nan)
        column[self.with_tokens] = values
        return column


def _lengths(halves: npt.NDArray[np.uint16]) -> Vectors:
    return np.maximum(halves.view(np.float16).astype(np.float32), 1e-3)

"""Compare texts by the bundled table's token vectors, word by word and part by part.

This works whichever embedder made the texts' own vectors. The dot product of a text's summed
vectors with a question's is the sum over its tokens. So the question is compared once with every
token that occurs, and any part of any text is then a sum of numbers: no vector of a part is stored
or recomputed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from discreet.memory.embedding import MAX_CHARACTERS, Vectors, bundled_embedder
from discreet.memory.tokenizer import segments_of

__all__ = ["Nearness", "is_word", "nearness", "pack", "table_share", "word_vectors"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_WHOLE, _OF_PART = 2, 2
"""Header numbers: first the count of parts and the length of all vectors summed, then for each part
its count of tokens and the length of their summed vectors.
"""
SORTED_FASTER = 1_500
"""Below so many tokens, sorting them is faster than filling a table of all."""
_MAX_LENGTH = 65_000.0
"""The maximum of a half-precision number, rounded down."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """The similarity of each row to a question; nan for rows without tokens.

    Attributes:
        part: Cosine of the nearest part with the whole question.
        topic: Cosine of the row with the question's words, weighted by rarity.
        words: Mean similarity of the row's nearest word to each word of the question, weighted
            likewise.
        beyond_the_usual: Cosine of the row with the whole question, after removing from both what
            all rows have in common.
        each_word: Similarity of the row's nearest word to each word of the question, shape
            (rows, words); 0 without tokens.
        fresh: How many of its tokens occur in no earlier row; 0 without tokens.
    """

    part: Floats
    topic: Floats
    words: Floats
    beyond_the_usual: Floats
    each_word: Floats
    fresh: Floats


def pack(texts: Sequence[str]) -> list[str]:
    """Encode tokens of texts as a PostgreSQL bytea of little-endian 16-bit numbers.

    Layout: the count of parts; the length of all vectors summed; for each part the count of tokens
    and the length of their summed vectors; then the tokens. Lengths are half-precision numbers.
    """
    parts = [segments_of(text[:MAX_CHARACTERS]) for text in texts]
    encoded = iter(_tokens_of([part for of_text in parts for part in of_text]))
    made = [[tokens for _ in of_text if (tokens := next(encoded))] for of_text in parts]
    return [_packed(of_text) if of_text else "\\x" for of_text in made]


def _tokens_of(texts: Sequence[str]) -> list[list[int]]:
    """Tokenize texts after folding case, because the table covers lower-case words best."""
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
    """Return the summed token vectors of each word, shape (words, dimensions).

    Their lengths show how much meaning a word carries by itself.
    """
    made = [_summed(tokens) for tokens in _tokens_of(words)]
    return np.stack(made) if made else np.zeros((0, bundled_embedder().dimensions), np.float32)


def is_word(word: str) -> bool:
    """Return whether the table knows a word as more than single letters."""
    if not word.isascii():
        return any(map(str.isalnum, word))
    return len(_tokens_of([word])[0]) <= max(1, len(word) // 2)


def table_share(words: Sequence[str]) -> float:
    """Return how well the table knows words, 0 to 1.

    A word of one token is known, a word of two half known. It is about 0.8 for English, 0.5 for
    German or Spanish, 0.2 for Russian and 0 for Arabic.
    """
    tokens = [len(of_word) for of_word in _tokens_of(words)]
    return sum(1 / count for count in tokens if count in (1, 2)) / len(tokens) if tokens else 1.0


def nearness(
    packed: bytes, sizes: npt.NDArray[Any], whole: Vectors, words: Vectors, rarity: Floats
) -> Nearness:
    """Return how similar rows are to a question.

    ``packed``: all rows' output of ``pack``, as bytes, with ``sizes`` bytes per row, 0 for none.
    ``whole``: the question's vector, shape (dimensions,). ``words``: the vectors of its content
    words from ``word_vectors``. ``rarity``: the weight of each of these, shape (words,).
    """
    rows = _Rows(packed, sizes)
    fresh = np.zeros(len(sizes))
    each_word = np.zeros((len(sizes), len(words)))
    nothing = np.full(len(sizes), np.nan)
    if not len(rows.tokens):
        return Nearness(nothing, nothing, nothing, nothing, each_word, fresh)
    known, first, place = _distinct(rows.tokens, len(bundled_embedder().table))
    fresh += np.bincount(rows.row_of_token[first], minlength=len(sizes))
    table = _vectors_of(known)
    lengths = np.linalg.norm(words, axis=1, keepdims=True)
    units = np.divide(words, lengths, out=np.zeros_like(words), where=lengths > 0)
    topic = _unit(rarity.astype(np.float32) @ words)
    held = np.bincount(place, 1 / rows.length_of_token).astype(np.float32)
    usual: Vectors = held @ table / np.float32(len(rows.lengths))
    beyond = _unit(_unit(whole) - usual)
    dots = table @ np.stack([_unit(whole), topic, beyond, usual, *units], axis=1, dtype=np.float32)
    parts = np.add.reduceat(dots[place, :4], rows.part_starts, axis=0)
    cosines = np.maximum.reduceat(parts[:, 0] / rows.part_lengths, rows.first_parts)
    of_rows = np.add.reduceat(parts, rows.first_parts, axis=0) / rows.lengths[:, None]
    apart = np.sqrt(np.maximum(1 - 2 * of_rows[:, 3] + usual @ usual, 1e-3))
    near = _nearest_words(rows, dots[:, 4:], np.einsum("ij,ij->i", table, table), place)
    each_word[rows.with_tokens] = near
    return Nearness(
        part=rows.spread(cosines),
        topic=rows.spread(of_rows[:, 1]),
        words=rows.spread(near @ _share(rarity)),
        beyond_the_usual=rows.spread((of_rows[:, 2] - usual @ beyond) / apart),
        each_word=each_word,
        fresh=fresh,
    )


def _vectors_of(tokens: Ints) -> Vectors:
    """Convert the tokens' vectors to single precision; numpy takes five times as long.

    Sign, exponent and fraction of a half are moved to their places in a single. The remaining
    difference is the exponents' bias.
    """
    bits = bundled_embedder().table[tokens].view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= np.int32(-0x70002000)
    vectors = bits.view(np.float32)
    vectors *= np.float32(2.0**112)
    return vectors


def _distinct(tokens: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """Return the distinct tokens, the first index of each, and each token's place among them.

    For many tokens this is ``numpy.unique`` without sorting. ``size``: of the table.
    """
    if len(tokens) < SORTED_FASTER:
        return np.unique(tokens, return_index=True, return_inverse=True)
    first = np.full(size, -1)
    first[tokens[::-1]] = np.arange(len(tokens) - 1, -1, -1)
    known = np.flatnonzero(first >= 0)
    place = np.zeros(size, dtype=np.int64)
    place[known] = np.arange(len(known))
    return known, first[known], place[tokens]


def _nearest_words(rows: _Rows, dots: Vectors, squares: Vectors, place: Ints) -> Vectors:
    """Return the similarity of each row's nearest word to each word of a question.

    Shape (rows with tokens, words). A word's length is computed from those of its tokens as if they
    were orthogonal.
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
    length = np.sqrt(vector.dot(vector))  # as numpy.linalg.norm, in a fifth of its time
    return vector / max(float(length), 1e-9)


class _Rows:
    """The decoded columns of tokens, of parts, and of rows that have tokens."""

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
        """Expand values of the rows with tokens to a column of all rows."""
        column = np.full(self._count, np.nan)
        column[self.with_tokens] = values
        return column


def _lengths(halves: npt.NDArray[np.uint16]) -> Vectors:
    return np.maximum(halves.view(np.float16).astype(np.float32), 1e-3)

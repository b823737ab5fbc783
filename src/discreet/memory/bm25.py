"""Count terms in many bags at once and score them with BM25."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from discreet.memory.tokenizer import PART

__all__ = [
    "TYPO_LENGTH",
    "TYPO_SIMILARITY",
    "UNRELATED_ROWS",
    "Bags",
    "Population",
    "bm25",
    "rarity_of",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

K1, B = 1.2, 0.4
TYPO_SIMILARITY = 80.0
"""Minimum similarity in percent for a scope's word to match a word that nobody in the scope has
used.
"""
TYPO_WEIGHT = 0.8
TYPO_LENGTH = 4
"""Minimum characters of a word that may be a typo."""
UNRELATED_ROWS = 10.0
"""Number of imaginary unrelated rows added to the statistics.

Without them, a word that occurs in two of three memories would count for nothing, and a good match
would look bad beside a better one.
"""
SHORTLY = 16
"""Maximum characters between two terms that count as adjacent, about two short words."""
SAME_BEGINNING = 0.7
"""Words that share this part of the longer word, from its start, are forms of one word."""


@dataclass(frozen=True, slots=True)
class Population:
    """Statistics of all rows of a scope, for when only some of them are candidates.

    ``document_frequency``: the number of rows that contain a term. A term that is missing occurs
    only in the candidates.
    """

    rows: float
    document_frequency: Mapping[str, float]
    mean_length: float


class Bags:
    """All bags in one string: searching it once for a term is far faster than searching each bag.

    Attributes:
        first_parts: The index of each bag's first part among all parts.
        part_sizes: Characters of each part.
    """

    def __init__(self, joined: str, sizes: npt.NDArray[Any]) -> None:
        """Parse ``joined``: bags with a space around every term, such as ``" dog  call  rex "``.

        ``sizes`` are the characters of each bag.
        """
        self.joined = joined
        self._found: dict[str, Ints] = {}
        self._starts = starts = np.cumsum(sizes) - sizes
        cuts = self._places(PART)
        self._part_starts = np.sort(np.concatenate([starts, cuts])) if len(cuts) else starts
        self.first_parts = np.searchsorted(self._part_starts, starts)
        self.part_sizes = np.diff(self._part_starts, append=len(joined)).astype(np.float64)

    def in_parts(self, term: str) -> Floats:
        """Return how often each part of each bag contains the term, shape (parts,)."""
        parts = np.searchsorted(self._part_starts, self._places(term), side="right") - 1
        return np.bincount(parts, minlength=len(self._part_starts)).astype(np.float64)

    def count(self, term: str) -> Floats:
        """Return how often each bag contains the term, shape (bags,)."""
        counted: Floats = np.add.reduceat(self.in_parts(term), self.first_parts)
        return counted

    def frequencies(self, terms: Sequence[str]) -> Floats:
        """Return how often each part contains each term, shape (terms, parts).

        A term that no bag contains is matched as a typo or another form of one that occurs.
        """
        counts = np.stack([self.in_parts(term) for term in terms])
        missing = [
            at for at, term in enumerate(terms) if len(term) >= TYPO_LENGTH and not counts[at].any()
        ]
        if missing:
            vocabulary = list(dict.fromkeys(self.joined.split()))
            for at in missing:
                for similar, weight in _similar(terms[at], vocabulary):
                    counts[at] += TYPO_WEIGHT * weight * self.in_parts(similar)
        return counts

    def side_by_side(self, terms: Sequence[str]) -> Floats:
        """Return how many terms of the question soon precede the next one, shape (bags,)."""
        counted = np.zeros(len(self._starts))
        for one, next_ in pairwise(terms):
            ends, starts = self._places(one) + len(one) + 2, self._places(next_)
            if not len(ends) or not len(starts):
                continue
            last = np.searchsorted(ends, starts, side="right") - 1
            bags = np.searchsorted(self._starts, starts, side="right") - 1
            near = (
                (last >= 0) & (starts - ends[last] <= SHORTLY) & (ends[last] > self._starts[bags])
            )
            counted[np.unique(bags[near])] += 1
        return counted

    def begins(self, bag: int, sayings: tuple[str, ...]) -> bool:
        """Return whether a bag begins with one of these phrases, written as in bags."""
        return self.joined.startswith(sayings, int(self._starts[bag]))

    def _places(self, term: str) -> Ints:
        """Return the positions of a term, as the index of the space before it."""
        if term not in self._found:
            # Each term has its own space on both sides, so that matches can't overlap.
            text = f" {term} "
            between = self.joined.split(text)[:-1]
            apart = np.fromiter(map(len, between), np.int64, len(between)) + len(text)
            self._found[term] = np.cumsum(apart) - len(text)
        return self._found[term]


def _similar(term: str, vocabulary: Sequence[str]) -> list[tuple[str, float]]:
    """Return known words that an unknown one may stand for, with confidences from 0 to 1."""
    found = {
        similar: score / 100
        for similar, score, _ in process.extract(
            term, vocabulary, scorer=fuzz.ratio, score_cutoff=TYPO_SIMILARITY, limit=3
        )
    }
    for other in vocabulary:
        if other[:3] == term[:3]:
            common = _common_beginning(term, other)
            if common >= 4 and common >= SAME_BEGINNING * max(len(term), len(other)):
                found.setdefault(other, common / max(len(term), len(other)))
    return list(found.items())


def _common_beginning(one: str, other: str) -> int:
    at = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        at += 1
    return at


def rarity_of(
    frequencies: Floats, terms: Sequence[str] = (), population: Population | None = None
) -> Floats:
    """Return the weight of each term, higher the fewer rows contain it; shape (terms,)."""
    rows: float = frequencies.shape[1] + UNRELATED_ROWS
    document_frequency = (frequencies > 0).sum(axis=1).astype(np.float64)
    if population is not None:
        rows = max(rows, population.rows)
        known = np.array([population.document_frequency.get(term, 0.0) for term in terms])
        document_frequency = np.minimum(np.maximum(document_frequency, known), rows)
    rarity: Floats = np.log1p((rows - document_frequency + 0.5) / (document_frequency + 0.5))
    return rarity


def bm25(
    frequencies: Floats, lengths: Floats, rarity: Floats, mean_length: float | None = None
) -> Floats:
    """Return BM25 (Robertson & Zaragoza 2009) as a share of its upper bound, shape (rows,)."""
    mean = max(float(lengths.mean()) if mean_length is None else mean_length, 1.0)
    norm = K1 * (1 - B + B * lengths / mean)
    scores: Floats = rarity @ (frequencies / (frequencies + norm))
    return scores / max(float(rarity.sum()), 1e-9)

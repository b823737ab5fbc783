"""Compute the features of each row of a scope for a question.

Every statistic (how rare a word is, how near rows usually are) is computed over the candidates,
which are rows of one scope. A statistic over more rows would leak one contact's data to another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from discreet.memory.bm25 import UNRELATED_ROWS, Bags, Population, bm25, rarity_of
from discreet.memory.embedding import Vectors
from discreet.memory.indexing import Indexed
from discreet.memory.lines import Lines
from discreet.memory.temporal import WhenAsked, closeness
from discreet.memory.token_vectors import nearness
from discreet.memory.tokenizer import ASKS, NUMBER, STANDING_ORDERS, TIME, terms_of, words_of

__all__ = ["FEATURES", "Asked", "Candidates", "features"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

WORDS_AROUND, MEANING_AROUND = 3, 2
"""Number of neighbouring lines from people that usually share a row's subject."""
ENOUGH = 0.25
"""A word counts half at this mean similarity of the surrounding lines."""
DISTANT = 0.3
"""Words below this similarity are unrelated."""
HALF_AGE = 90 * 86_400.0
"""Age in seconds at which recency counts half."""
UNRELATED = {"meaning": 0.1, "meaning part": 0.1, "topic": 0.1, "nearest words": 0.2}
"""The value of each measure for an unrelated row; 0 for measures not listed."""

FEATURES = (
    *("text", "meaning", "meaning part", "topic", "nearest words", "side by side"),
    *("words around", "words beside", "meaning around", "text -2", "asked -1", "sitting"),
    *("agent", "agent asked for", "agent in short", "asked before", "opening", "fresh"),
    *("standing order", "speaker", "time word", "number", "date", "salience", "age"),
)
"""The order of the columns."""

_LONE = frozenset([*FEATURES[:9], *("time word", "number", "date", "salience", "age")])
"""Features of a row that don't depend on a surrounding conversation."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An analyzed question. ``words`` are all its words, ``terms`` those it is about.

    ``vectors`` has the vector of the word behind each term, and ``whole`` the question's vector,
    both from the bundled table. ``of_agent``: it asks what the agent said. ``in_short``: it asks
    for an overview. ``means_something``: it has a function word of a language but
    English, or the table knows at least one of its words as a word.
    ``table_share``: how well the table knows its words, 0 to 1; 1 if there is nothing better.
    """

    words: frozenset[str]
    terms: tuple[str, ...]
    vectors: Vectors
    whole: Vectors
    wants_time: bool = False
    wants_number: bool = False
    of_agent: bool = False
    in_short: bool = False
    means_something: bool = True
    table_share: float = 1.0
    days: tuple[WhenAsked, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows of a scope, as columns of equal length, sorted by conversation and position.

    Attributes:
        bags: All rows' bags in one string, ``" dog  call  rex "`` (a space around every term).
        bag_sizes: Characters of each bag.
        lengths: Terms in each bag.
        tokens: All rows' tokens, as ``token_vectors.pack`` made them.
        token_sizes: Bytes of each row's tokens.
        cosines: Cosine with the question; nan without a vector.
        conversations: Rows with the same number are neighbours, in this order; negative for a row
            without neighbours.
        seconds: When it was said, in seconds since 1970, UTC.
        speakers: A name or "".
        agents: Whether the agent said it.
        contacts: The contact that it belongs to.
        saliences: -1 low, 0 medium, 1 high, 2 critical.
        population: Statistics of the scope, if these are not all its rows.
        sampled: Which of these rows are a random sample, if so.
    """

    bags: str
    bag_sizes: npt.NDArray[Any]
    lengths: Floats
    tokens: bytes
    token_sizes: npt.NDArray[Any]
    cosines: Floats
    conversations: npt.NDArray[np.int64]
    seconds: Floats
    speakers: Sequence[str] = ()
    agents: Flags = field(default_factory=lambda: np.zeros(0, dtype=bool))
    contacts: Sequence[Any] | npt.NDArray[Any] = ()
    saliences: Floats = field(default_factory=lambda: np.zeros(0))
    population: Population | None = None
    sampled: Flags | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def bags_of(self, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return the bags of rows."""
        ends = np.cumsum(self.bag_sizes)[rows].tolist()
        sizes = self.bag_sizes[rows].tolist()
        return [self.bags[end - size : end].split() for end, size in zip(ends, sizes, strict=True)]

    def party(self, row: int) -> tuple[Any, ...]:
        """Return whose row it is, and whether the agent said it."""
        contact = bytes(self.contacts[row]) if len(self.contacts) else b""
        return contact, bool(len(self.agents) and self.agents[row])

    @classmethod
    def none(cls) -> Candidates:
        """Return an empty set of rows."""
        nothing = np.zeros(0)
        none = np.zeros(0, np.int64)
        return cls("", none, nothing, b"", none, nothing, none, nothing)

    @classmethod
    def of(cls, indexed: Sequence[Indexed], **columns: Any) -> Candidates:
        """Return rows that were just indexed. ``columns``: all but bags, lengths and tokens."""
        bags = [f" {'  '.join(one.terms)} " for one in indexed]
        tokens = [bytes.fromhex(one.tokens[2:]) for one in indexed]
        return cls(
            bags="".join(bags),
            bag_sizes=np.array([*map(len, bags)], dtype=np.int64),
            lengths=np.array([len(one.terms) for one in indexed], dtype=np.float64),
            tokens=b"".join(tokens),
            token_sizes=np.array([*map(len, tokens)], dtype=np.int64),
            **columns,
        )


def features(asked: Asked, candidates: Candidates, *, now: float) -> tuple[Floats, Floats]:
    """Return the features, shape (rows, len(FEATURES)), and how much of the question is covered."""
    count = len(candidates)
    mentioned, names = _speaker_mentioned(asked, candidates.speakers or [""] * count)
    kept = [at for at, term in enumerate(asked.terms) if term not in names]
    kept = kept or list(range(len(asked.terms)))
    lines = Lines(
        candidates.conversations,
        candidates.seconds,
        candidates.lengths,
        candidates.agents,
        candidates.sampled,
    )
    bags = Bags(candidates.bags, candidates.bag_sizes)
    nothing = np.zeros(count)
    columns, matched = _matches(asked, kept, candidates, bags, lines)
    columns |= {
        "speaker": mentioned,
        "time word": np.minimum(bags.count(TIME), 1.0) if asked.wants_time else nothing,
        "number": np.minimum(bags.count(NUMBER), 1.0) if asked.wants_number else nothing,
        "date": closeness(asked.days, candidates.seconds) if asked.days else nothing,
        "salience": candidates.saliences if len(candidates.saliences) else nothing,
        "age": np.exp2(-np.maximum(now - candidates.seconds, 0.0) / HALF_AGE),
    }
    if not lines.are_unrelated:
        asks = np.minimum(bags.count(ASKS), 1.0)
        columns |= _kinds_of_line(asked, asks, lines, columns["fresh"])
        columns |= {
            "text -2": lines.neighbour(columns["text"], -2),
            "asked -1": lines.neighbour(columns["text"] * asks, -1),
            "standing order": _standing_orders(bags, lines),
        }
    if lines.lone.any() and not lines.all_alone:
        # Give rows without a conversation the mean, or they would lose for having none.
        for name in FEATURES:
            if name not in _LONE:
                mean = columns[name][~lines.lone].mean()
                columns[name] = np.where(lines.lone, mean, columns[name])
    table = np.zeros((count, len(FEATURES)))
    for at, name in enumerate(FEATURES):
        if name in columns:
            table[:, at] = columns[name]
    return table, matched


def _matches(
    asked: Asked, kept: list[int], candidates: Candidates, bags: Bags, lines: Lines
) -> tuple[dict[str, Floats], Floats]:
    """Return how well each row matches by words and meaning, and how many words it covers."""
    terms = [asked.terms[at] for at in kept]
    meaning = _stands_out(lines, "meaning", candidates.cosines)
    if not terms:
        nothing = np.zeros(len(candidates))
        names = (*FEATURES[:9], "sitting", "fresh")
        return dict.fromkeys(names, nothing) | {"meaning": meaning}, nothing
    in_parts = bags.frequencies(terms)
    frequencies: Floats = np.add.reduceat(in_parts, bags.first_parts, axis=1)
    rarity = rarity_of(frequencies, terms, candidates.population)
    text = np.maximum.reduceat(bm25(in_parts, bags.part_sizes, rarity), bags.first_parts)
    near = nearness(
        candidates.tokens, candidates.token_sizes, asked.whole, asked.vectors[kept], rarity
    )
    columns = {
        "text": _stands_out(lines, "text", text),
        "meaning": meaning,
        "meaning part": _stands_out(lines, "meaning part", near.part),
        "topic": _stands_out(lines, "topic", near.topic),
        "nearest words": _stands_out(lines, "nearest words", near.words),
        "side by side": _share_of_best(bags.side_by_side(asked.terms)),
    }
    beyond = (near.each_word - DISTANT) / (1 - DISTANT)
    near_words = np.square(np.minimum(np.maximum(beyond, 0.0), 1.0))
    holding = _rows_near(near_words, frequencies.T > 0, terms, candidates)
    around = _words_around(near_words, holding, lines)
    # A row without neighbours is measured by its own words and meaning.
    itself = (around + columns["nearest words"]) / 2
    columns["words around"] = np.where(lines.lone, itself, around)
    if not lines.are_unrelated:
        meaning_around = lines.around(
            _stands_out(lines, "meaning", near.beyond_the_usual), MEANING_AROUND
        )
        columns |= {
            "words beside": _words_around(near_words, holding, lines, itself=False),
            "meaning around": np.where(lines.lone, 0.0, meaning_around),
            "fresh": near.fresh,
            "sitting": lines.by_sitting(frequencies, candidates.lengths),
        }
    matched = rarity @ np.minimum(frequencies, 1.0) / max(float(rarity.sum()), 1e-9)
    return columns, matched


def _stands_out(lines: Lines, name: str, values: Floats) -> Floats:
    return lines.relative(values, UNRELATED.get(name, 0.0))


def _share_of_best(values: Floats) -> Floats:
    return values / max(float(values.max()), 1e-9)


def _rows_near(
    near: Floats, held: Flags, terms: Sequence[str], candidates: Candidates
) -> tuple[float, Floats]:
    """Return the number of rows, and of those that come near each word of the question.

    Candidates were chosen for being near, so they don't tell how many are. How many rows of the
    scope hold the word itself is known; how near the rest comes is told by the sample. ``near``:
    how near each row comes to each word, 0 to 1; ``held``: whether it holds it; both (rows, words).
    """
    population = candidates.population
    if population is None or candidates.sampled is None:
        return float(len(near)), near.sum(axis=0)
    known = np.array([population.document_frequency.get(term, 0.0) for term in terms])
    sampled = candidates.sampled
    rest = (near[sampled] * ~held[sampled]).mean(axis=0)
    rows = max(float(len(near)), population.rows)
    return rows, np.minimum(known + rest * rows, rows)


def _words_around(
    near: Floats, rows_near: tuple[float, Floats], lines: Lines, *, itself: bool = True
) -> Floats:
    """Return how well each row with its neighbours matches the question's words.

    Without ``itself``: how well the neighbours alone do. Matching is by meaning; a word that many
    rows match counts less. ``near``: the similarity of each row to each word, 0 to 1, shape (rows,
    words). ``rows_near``: the result of ``_rows_near``.
    """
    rows, holding = rows_near[0] + UNRELATED_ROWS, rows_near[1]
    rarity = np.log1p((rows - holding + 0.5) / (holding + 0.5))
    rarity /= max(float(rarity.sum()), 1e-9)
    around = lines.around(near, WORDS_AROUND, itself=itself)
    return lines.relative(around / (around + ENOUGH) @ rarity)


def _kinds_of_line(asked: Asked, asks: Floats, lines: Lines, fresh: Floats) -> dict[str, Floats]:
    """Return features of the kind of line, independent of the question's subject."""
    agents = lines.agents.astype(np.float64)
    return {
        "agent": agents,
        "agent asked for": agents * asked.of_agent,
        "agent in short": agents * asked.in_short,
        "asked before": lines.shifted(asks, -1) * ~lines.agents,
        "opening": lines.opening,
        "fresh": lines.unusual(np.log1p(fresh)),
    }


def _standing_orders(bags: Bags, lines: Lines) -> Floats:
    """Return 1.0 for standing orders (always or never do it), which apply to any question."""
    orders = np.zeros(len(lines.agents))
    if lines.agents.any():
        for row in np.flatnonzero(~lines.agents & ~lines.lone).tolist():
            orders[row] = bags.begins(row, STANDING_ORDERS)
    return orders


def _speaker_mentioned(asked: Asked, speakers: Sequence[str]) -> tuple[Floats, frozenset[str]]:
    """Return 1.0 for rows by speakers that the question names, and their names.

    If it names everyone, no row gets 1.0.
    """
    distinct = {speaker: frozenset(words_of(speaker)) for speaker in set(speakers) if speaker}
    named = {speaker for speaker, words in distinct.items() if not words.isdisjoint(asked.words)}
    names = frozenset(term for speaker in named for term in terms_of(speaker))
    if not named or len(named) == len(set(speakers)):
        return np.zeros(len(speakers)), names
    return np.array([speaker in named for speaker in speakers], dtype=np.float64), names

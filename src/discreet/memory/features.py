"""What is known of each row of a scope that bears on a question, in numbers.

Every statistic (how rare a word is, how near rows usually are) is taken over the candidates, which
are rows of one scope. A statistic over more would tell one contact about another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from discreet.memory.bags import UNRELATED_ROWS, Bags, Population, bm25, rarity_of
from discreet.memory.embedding import Vectors
from discreet.memory.indexing import Indexed
from discreet.memory.temporal import WhenAsked, closeness
from discreet.memory.token_vectors import nearness
from discreet.memory.tokenizer import ASKS, NUMBER, TIME, terms_of, words_of

__all__ = ["FEATURES", "Asked", "Candidates", "features"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

NEIGHBOURS = (-2, -1, 1, 2)
SITTING_SECONDS = 3 * 3600
"""A longer silence ends a sitting: what people say in one go is about few things."""
WINDOW = 8
"""Rows before and after one that are about the same, mostly."""
HALF_AGE = 90 * 86_400.0
"""Seconds after which being recent counts half."""
FLOOR = 0.1
"""The best row is at least that far from the mean before it counts as a good one."""
UNRELATED = {"meaning": 0.1, "meaning part": 0.1, "topic": 0.1, "nearest words": 0.2}
"""How near a row is, by each measure, that has nothing to do with a question; 0 by the others."""
SHRINKAGE = 5.0
"""So many rows of a kind weigh as much in its mean as all rows do."""
LENGTH_SHRINKAGE = 10.0
"""As much spread of lengths is needed before half of what comes with length is taken away."""

FEATURES = (
    *("text", "meaning", "meaning part", "topic", "nearest words"),
    *(f"text {place:+d}" for place in NEIGHBOURS),
    *("sitting", "window"),
    *("agent", "agent asked for", "agent in short", "asked before", "opening", "fresh"),
    *("speaker", "time word", "number", "date", "salience", "age"),
)
"""The order of the columns."""

_LONE = frozenset([*FEATURES[:5], *("time word", "number", "date", "salience", "age")])
"""Features that a row has without a conversation around it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart. ``words`` are all of its words, ``terms`` what it is about.

    ``vectors``: of the word that each term stands for, and ``whole`` of the question, both of the
    bundled table. ``of_agent``: it asks what the agent said. ``in_short``: it asks for an overview.
    ``means_something``: one of its words is known to the table as a word.
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
    days: tuple[WhenAsked, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows of a scope, in columns of equal length, sorted by conversation and position.

    ``bags``: all rows' bags as one string, ``" dog  call  rex "`` (a space around every term), and
    ``bag_sizes`` the characters of each. ``lengths``: terms in the bag. ``tokens``: all rows', as
    ``tokens.pack`` made them, and ``token_sizes`` the bytes of each. ``cosines``: to the question,
    nan where there is no vector. ``conversations``: rows with the same number are neighbours of
    each other, in this order; negative for a row that stands alone. ``seconds``: when it was said,
    since 1970, UTC. ``speakers``: a name or "". ``agents``: whether the agent said it.
    ``contacts``: whose it is. ``saliences``: -1 low, 0 medium, 1 high, 2 critical. ``population``:
    of the scope, where these are not all its rows, and ``sampled`` those of them that came by
    chance.
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

    def terms(self, row: int) -> list[str]:
        """Return the bag of a row."""
        end = int(self.bag_sizes[: row + 1].sum())
        return self.bags[end - int(self.bag_sizes[row]) : end].split()

    def party(self, row: int) -> tuple[Any, ...]:
        """Return whose a row is, and whether the agent or somebody else said it."""
        contact = bytes(self.contacts[row]) if len(self.contacts) else b""
        return contact, bool(len(self.agents) and self.agents[row])

    @classmethod
    def none(cls) -> Candidates:
        """No rows."""
        nothing = np.zeros(0)
        none = np.zeros(0, np.int64)
        return cls("", none, nothing, b"", none, nothing, none, nothing)

    @classmethod
    def of(cls, indexed: Sequence[Indexed], **columns: Any) -> Candidates:
        """Return rows that were just indexed; ``columns``: all but bags, lengths and tokens."""
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
    """Shape (rows, len(FEATURES)), and the share of the question that each row's words cover."""
    count = len(candidates)
    mentioned, names = _speaker_mentioned(asked, candidates.speakers or [""] * count)
    kept = [at for at, term in enumerate(asked.terms) if term not in names]
    kept = kept or list(range(len(asked.terms)))
    lines = _Lines(candidates)
    bags = Bags(candidates.bags, candidates.bag_sizes)
    columns, matched = _matches(asked, kept, candidates, bags, lines)
    columns |= _kinds_of_line(asked, bags, lines, columns.pop("fresh"))
    columns |= {
        "speaker": mentioned,
        "time word": np.minimum(bags.count(TIME), 1.0) * asked.wants_time,
        "number": np.minimum(bags.count(NUMBER), 1.0) * asked.wants_number,
        "date": closeness(asked.days, candidates.seconds),
        "salience": candidates.saliences if len(candidates.saliences) else np.zeros(count),
        "age": np.exp2(-np.maximum(now - candidates.seconds, 0.0) / HALF_AGE),
    }
    for place in NEIGHBOURS:
        columns[f"text {place:+d}"] = lines.neighbour(columns["text"], place)
    if lines.lone.any() and not lines.lone.all():
        # Beside rows of a conversation, those without would lose for that alone.
        for name in FEATURES:
            if name not in _LONE:
                mean = columns[name][~lines.lone].mean()
                columns[name] = np.where(lines.lone, mean, columns[name])
    return np.stack([columns[name] for name in FEATURES], axis=1), matched


def _matches(
    asked: Asked, kept: list[int], candidates: Candidates, bags: Bags, lines: _Lines
) -> tuple[dict[str, Floats], Floats]:
    """Return how well each row fits the question, by words and by meaning; and how much of the
    question its words cover."""
    terms = [asked.terms[at] for at in kept]
    if not terms:
        nothing = np.zeros(len(candidates))
        names = ("text", "topic", "nearest words", "meaning part", "sitting")
        columns = dict.fromkeys([*names, "window", "fresh"], nothing)
        return columns | {"meaning": lines.relative("meaning", candidates.cosines)}, nothing
    in_parts = bags.frequencies(terms)
    frequencies: Floats = np.add.reduceat(in_parts, bags.first_parts, axis=1)
    population, lengths = candidates.population, candidates.lengths
    rarity = rarity_of(frequencies, terms, population)
    text = np.maximum.reduceat(bm25(in_parts, bags.part_sizes, rarity), bags.first_parts)
    near = nearness(
        candidates.tokens, candidates.token_sizes, asked.whole, asked.vectors[kept], rarity
    )
    columns = {
        "text": lines.relative("text", text),
        "meaning": lines.relative("meaning", candidates.cosines),
        "meaning part": lines.relative("meaning part", near.part),
        "topic": lines.relative("topic", near.topic),
        "nearest words": lines.relative("nearest words", near.words),
        "fresh": near.fresh,
        "sitting": lines.by_sitting(frequencies, lengths),
        "window": lines.by_window(frequencies, lengths, rarity),
    }
    matched = rarity @ np.minimum(frequencies, 1.0) / max(float(rarity.sum()), 1e-9)
    return columns, matched


def _kinds_of_line(asked: Asked, bags: Bags, lines: _Lines, fresh: Floats) -> dict[str, Floats]:
    """Return what kind of line each row is, whatever is asked."""
    agents = lines.agents.astype(np.float64)
    asks = np.minimum(bags.count(ASKS), 1.0)
    return {
        "agent": agents,
        "agent asked for": agents * asked.of_agent,
        "agent in short": agents * asked.in_short,
        "asked before": lines.shifted(asks, -1) * ~lines.agents,
        "opening": lines.opening,
        "fresh": lines.unusual(np.log1p(fresh)),
    }


class _Lines:
    """Where rows stand in their conversations, and what is usual among lines of one kind: those of
    the agent, those of people, and rows that stand alone."""

    def __init__(self, candidates: Candidates) -> None:
        count = len(candidates)
        conversations = candidates.conversations
        self.lone = conversations < 0
        self.agents = candidates.agents if len(candidates.agents) else np.zeros(count, dtype=bool)
        self.lengths = np.maximum(candidates.lengths, 1.0)
        self.log_lengths = np.log1p(self.lengths)
        self._usual = candidates.sampled
        kinds = (self.lone, ~self.lone & self.agents, ~self.lone & ~self.agents)
        self._kinds = [kind for kind in kinds if kind.any()]
        self._same = np.zeros(count, dtype=bool)
        self._same[1:] = (conversations[1:] == conversations[:-1]) & ~self.lone[1:]
        seconds = candidates.seconds
        silence = np.diff(seconds, prepend=seconds[:1]) > SITTING_SECONDS
        self._sitting_of = np.cumsum(~self._same | silence) - 1
        self.opening = (self._same & silence).astype(np.float64)

    def relative(self, name: str, values: Floats) -> Floats:
        """Return how far each row is above what is usual for its kind and length, the farthest
        being 1; 0 where nothing is known. A long text matches anything a little, and an agent's
        answers are long: what counts is who stands out among their like."""
        known = ~np.isnan(values)
        if not known.any():
            return np.zeros(len(values))
        usual = known if self._usual is None else known & self._usual
        counted = values[usual] if usual.any() else values[known]
        unrelated = UNRELATED_ROWS * UNRELATED.get(name, 0.0)
        mean = (counted.sum() + unrelated) / (len(counted) + UNRELATED_ROWS)
        rest = np.where(known, values - mean, 0.0)
        for kind in self._kinds:
            there = kind & usual
            count = there.sum()
            if not count:
                continue
            if len(self._kinds) > 1:
                rest[kind] -= rest[there].sum() / (count + SHRINKAGE)
            if not self.lone[kind][0]:
                middle = self.log_lengths[there].mean()
                lengths = self.log_lengths[there] - middle
                slope = lengths @ rest[there] / (lengths @ lengths + LENGTH_SHRINKAGE)
                rest[kind] -= slope * (self.log_lengths[kind] - middle)
        best = float(rest[known].max())
        return np.where(known, rest / max(best, FLOOR), 0.0)

    def unusual(self, values: Floats) -> Floats:
        """Return how far each row is above the mean of its kind; 0 for rows without neighbours."""
        result = np.zeros(len(values))
        for kind in self._kinds:
            if not self.lone[kind][0]:
                result[kind] = values[kind] - values[kind].mean()
        return result

    def neighbour(self, values: Floats, place: int) -> Floats:
        """Return the value of the row so many places on, where both are lines of people: an agent's
        answer is about what was asked whoever asked it."""
        people = ~self.agents
        return self.shifted(values * people, place) * people

    def shifted(self, values: Floats, place: int) -> Floats:
        """Return the value of the row so many places on in the same conversation, else 0."""
        for _ in range(abs(place)):
            moved = np.zeros(len(values))
            if place < 0:
                moved[1:] = np.where(self._same[1:], values[:-1], 0.0)
            else:
                moved[:-1] = np.where(self._same[1:], values[1:], 0.0)
            values = moved
        return values

    def by_sitting(self, frequencies: Floats, lengths: Floats) -> Floats:
        """BM25 of the whole sitting that a row belongs to, as a share of the best one's."""
        starts = np.flatnonzero(np.diff(self._sitting_of, prepend=-1))
        if len(starts) == len(lengths):
            return np.zeros(len(lengths))
        whole: Floats = np.add.reduceat(frequencies, starts, axis=1)
        scores = bm25(whole, np.add.reduceat(lengths, starts), rarity_of(whole))
        return np.asarray(scores[self._sitting_of] / max(float(scores.max()), 1e-9))

    def by_window(self, frequencies: Floats, lengths: Floats, rarity: Floats) -> Floats:
        """BM25 of what was said around a row, itself included."""
        count = len(lengths)
        if self.lone.all():
            return np.zeros(count)
        starts = np.flatnonzero(~self._same)
        of_row = np.cumsum(~self._same) - 1
        first = np.maximum(np.arange(count) - WINDOW, starts[of_row])
        last = np.minimum(np.arange(count) + WINDOW + 1, np.append(starts[1:], count)[of_row])
        summed = np.cumsum(np.vstack([frequencies, lengths]), axis=1)
        summed = np.hstack([np.zeros((len(summed), 1)), summed])
        around = summed[:, last] - summed[:, first]
        return self.relative("window", bm25(around[:-1], around[-1], rarity))


def _speaker_mentioned(asked: Asked, speakers: Sequence[str]) -> tuple[Floats, frozenset[str]]:
    """1.0 for rows of those whom the question names, unless it names everyone; and their names."""
    distinct = {speaker: frozenset(words_of(speaker)) for speaker in set(speakers) if speaker}
    named = {speaker for speaker, words in distinct.items() if not words.isdisjoint(asked.words)}
    names = frozenset(term for speaker in named for term in terms_of(speaker))
    if not named or len(named) == len(set(speakers)):
        return np.zeros(len(speakers)), names
    return np.array([speaker in named for speaker in speakers], dtype=np.float64), names

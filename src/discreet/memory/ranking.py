"""Which rows of one scope answer a question best. Pure; it knows nothing but these rows.

Every statistic (how rare a word is, how long a text usually is) is taken over the candidates, which
are the rows of one scope. A statistic over more would tell one contact about another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
from rapidfuzz import fuzz, process

from discreet.memory.dates import WhenAsked, closeness
from discreet.memory.terms import ASKS, NUMBER, TIME, terms_of, words_of

__all__ = [
    "FEATURES",
    "WEIGHTS",
    "Asked",
    "Candidates",
    "Kind",
    "Mode",
    "Population",
    "Ranking",
    "features",
    "rank",
]

Kind = Literal["memory", "passage", "message"]
Mode = Literal["text", "semantic", "hybrid"]
Floats = npt.NDArray[np.float64]

K1, B = 1.2, 0.4
SITTING_SECONDS = 3 * 3600
"""A longer silence ends a sitting: what people say in one go is about few things."""
TYPO_SIMILARITY = 80.0
"""Percent; from here on a word of the scope stands for one that nobody there has used."""
TYPO_WEIGHT = 0.8
TYPO_LENGTH = 4
"""Characters of the shortest word that may be a typo."""
COSINE_FLOOR = 0.35
"""Below it a vector's nearness says nothing."""
HALF_AGE = 90 * 86_400.0
"""Seconds after which being recent counts half."""

WEIGHTS: dict[str, float] = {
    "text": 3.0,
    "text -2": 1.2,
    "text -1": 1.3,
    "text +1": 0.35,
    "text +2": 0.3,
    "meaning": 2.3,
    "meaning -2": 0.8,
    "meaning -1": 0.9,
    "meaning +1": 1.0,
    "meaning +2": 0.5,
    "sitting": 3.0,
    "asks": -0.85,
    "asked before": 1.05,
    "speaker": 1.25,
    "opening": 1.7,
    "time word": 2.1,
    "number": 1.4,
    "date": 3.3,
    "salience": 0.2,
    "age": 0.1,
}
"""Fitted by benchmarks/recall_quality.py; salience and age are set by hand, being small."""

FEATURES = tuple(WEIGHTS)

_OWN = frozenset(["text", "meaning", "asks", "time word", "number", "date", "salience", "age"])
"""Features that a row has without any neighbours."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, taken apart. ``words`` are all of its words, ``terms`` what it is about."""

    words: frozenset[str]
    terms: tuple[str, ...]
    wants_time: bool = False
    wants_number: bool = False
    days: tuple[WhenAsked, ...] = ()


@dataclass(frozen=True, slots=True)
class Population:
    """What is known of all rows of a scope where only some of them are candidates. ``holding``: how
    many rows hold a term; a term that isn't there is held by candidates only."""

    rows: float
    holding: Mapping[str, float]
    mean_length: float
    least_cosine: float | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows of a scope, in columns of equal length, sorted by conversation and position.

    ``terms``: each row's bag as one string, ``" dog  call  rex "`` (a space around every term).
    ``lengths``: terms in the bag. ``cosines``: to the question, nan where there is no vector.
    ``conversations``: rows with the same number are neighbours of each other, in this order;
    negative for a row that stands alone. ``seconds``: when it was said, since 1970, UTC.
    ``speakers``: a name or "". ``saliences``: -1 low, 0 medium, 1 high, 2 critical.
    ``population``: of the scope, where these are not all its rows.
    """

    terms: Sequence[str]
    lengths: Floats
    cosines: Floats
    conversations: npt.NDArray[np.int64]
    seconds: Floats
    speakers: Sequence[str] = ()
    saliences: Floats = field(default_factory=lambda: np.zeros(0))
    population: Population | None = None

    def __len__(self) -> int:
        return len(self.terms)

    @classmethod
    def none(cls) -> Candidates:
        """No rows."""
        nothing = np.zeros(0)
        return cls([], nothing, nothing, np.zeros(0, np.int64), nothing)


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows best first: indices into the candidates, their scores, and every candidate's features
    (rows, len(FEATURES)); score = features @ weights. ``matched`` is the share of the question's
    information that each row's own words cover, 0 to 1."""

    order: npt.NDArray[np.int64]
    scores: Floats
    features: Floats
    weights: Floats
    matched: Floats


def rank(
    asked: Asked,
    candidates: Candidates,
    *,
    mode: Mode = "hybrid",
    now: float,
    weights: dict[str, float] | None = None,
) -> Ranking:
    """Ranks the rows of a scope. No row is left out because of others' scores: if anything matches,
    ``hybrid`` and ``semantic`` order all rows and ``text`` those with a word of the question;
    if nothing does, the order is empty.

    ``now``: seconds since 1970.
    """
    if not len(candidates):
        nothing, width = np.zeros(0), len(FEATURES)
        return Ranking(
            np.zeros(0, np.int64), nothing, np.zeros((0, width)), np.zeros(width), nothing
        )
    table, matched = features(asked, candidates, now=now)
    chosen = dict(WEIGHTS if weights is None else weights)
    for name in chosen:
        part = name.split()[0]
        if (mode == "text" and part == "meaning") or (
            mode == "semantic" and part in ("text", "sitting")
        ):
            chosen[name] = 0.0
    by_feature = np.array([chosen[name] for name in FEATURES])
    scores = table @ by_feature
    near = np.nan_to_num(candidates.cosines, nan=-1.0) >= COSINE_FLOOR
    match mode:
        case "text":
            eligible = matched > 0
        case "semantic":
            eligible = ~np.isnan(candidates.cosines) & near.any()
        case "hybrid":
            eligible = np.full(len(scores), bool((matched > 0).any() or near.any()))
    rows = np.flatnonzero(eligible)
    return Ranking(
        rows[np.argsort(-scores[rows], kind="stable")], scores, table, by_feature, matched
    )


def features(asked: Asked, candidates: Candidates, *, now: float) -> tuple[Floats, Floats]:
    """Shape (rows, len(FEATURES)), and the share of the question that each row's words cover."""
    count = len(candidates)
    mentioned, names = _speaker_mentioned(asked, candidates.speakers or [""] * count)
    terms = [term for term in asked.terms if term not in names] or list(asked.terms)
    bags = _Text(candidates.terms)
    frequencies = _frequencies(terms, bags)
    text, matched = _bm25(frequencies, candidates.lengths, terms, candidates.population)
    meaning = _spread(candidates.cosines, candidates.population)
    sitting_of, opening = _sittings(candidates)
    asks = np.minimum(bags.count(ASKS), 1.0)
    same_before = _same_as_before(candidates.conversations)
    columns: dict[str, Floats] = {
        "text": text,
        "meaning": meaning,
        "sitting": _by_sitting(frequencies, candidates.lengths, sitting_of),
        "asks": asks,
        "asked before": _shifted(asks, -1, same_before),
        "speaker": mentioned,
        "opening": opening,
        "time word": bags.count(TIME) if asked.wants_time else np.zeros(count),
        "number": bags.count(NUMBER) if asked.wants_number else np.zeros(count),
        "date": closeness(asked.days, candidates.seconds),
        "salience": candidates.saliences if len(candidates.saliences) else np.zeros(count),
        "age": np.exp2(-np.maximum(now - candidates.seconds, 0.0) / HALF_AGE),
    }
    for name in FEATURES:
        base, _, offset = name.rpartition(" ")
        if offset[:1] in "+-" and base:
            columns[name] = _shifted(columns[base], int(offset), same_before)
    lone = candidates.conversations < 0
    if lone.any() and not lone.all():
        # Beside rows with neighbours, those without would lose for that alone.
        for name in FEATURES:
            if name not in _OWN:
                columns[name] = np.where(lone, columns[name][~lone].mean(), columns[name])
    return np.stack([columns[name] for name in FEATURES], axis=1), matched


def _frequencies(terms: Sequence[str], text: _Text) -> Floats:
    """How often each term is in each bag, shape (terms, rows). A term that is in no bag is looked
    for as a typo or an inflection of one that is."""
    counts = np.array([text.count(term) for term in terms]).reshape(len(terms), text.rows)
    missing = [
        at for at, term in enumerate(terms) if len(term) >= TYPO_LENGTH and not counts[at].any()
    ]
    if missing:
        vocabulary = list(dict.fromkeys(text.joined.split()))
        for at in missing:
            for similar, score, _ in process.extract(
                terms[at], vocabulary, scorer=fuzz.ratio, score_cutoff=TYPO_SIMILARITY, limit=3
            ):
                counts[at] += TYPO_WEIGHT * score / 100 * text.count(similar)
    return counts


class _Text:
    """All bags as one string: searching it once for a term is far faster than searching each."""

    def __init__(self, bags: Sequence[str]) -> None:
        self.rows = len(bags)
        self.joined = "".join(bags)
        self._ends = np.cumsum(np.fromiter(map(len, bags), np.int64, len(bags)))

    def count(self, term: str) -> Floats:
        """How often each bag holds the term, shape (rows,)."""
        looked_for = f" {term} "
        places: list[int] = []
        at = self.joined.find(looked_for)
        while at >= 0:
            places.append(at)
            at = self.joined.find(looked_for, at + 1)
        rows = np.searchsorted(self._ends, places, side="right")
        return np.bincount(rows, minlength=self.rows).astype(np.float64)


def _bm25(
    frequencies: Floats,
    lengths: Floats,
    terms: Sequence[str] = (),
    population: Population | None = None,
) -> tuple[Floats, Floats]:
    """BM25 (Robertson & Zaragoza 2009), as a share of the best row's; and the covered share."""
    rows: float = frequencies.shape[1]
    holding = (frequencies > 0).sum(axis=1).astype(np.float64)
    mean_length = float(lengths.mean())
    if population is not None:
        rows, mean_length = max(rows, population.rows), population.mean_length
        known = np.array([population.holding.get(term, 0.0) for term in terms])
        holding = np.minimum(np.maximum(holding, known), rows)
    rarity = np.log1p((rows - holding + 0.5) / (holding + 0.5))
    norm = K1 * (1 - B + B * lengths / max(mean_length, 1.0))
    scores = rarity @ (frequencies * (K1 + 1) / (frequencies + norm))
    covered = rarity @ np.minimum(frequencies, 1.0) / max(rarity.sum(), 1e-9)
    return scores / max(scores.max(), 1e-9), covered


def _by_sitting(frequencies: Floats, lengths: Floats, sitting_of: npt.NDArray[np.int64]) -> Floats:
    """BM25 of the whole sitting that a row belongs to."""
    sittings = int(sitting_of[-1]) + 1
    if sittings == len(lengths):
        return np.zeros(len(lengths))
    starts = np.flatnonzero(np.diff(sitting_of, prepend=-1))
    whole: Floats = np.add.reduceat(lengths, starts)
    scores, _ = _bm25(np.add.reduceat(frequencies, starts, axis=1), whole)
    return np.asarray(scores[sitting_of])


def _spread(cosines: Floats, population: Population | None = None) -> Floats:
    """Cosines between 0 (the farthest row) and 1 (the nearest); 0 where there is no vector."""
    known = cosines[~np.isnan(cosines)]
    if not len(known):
        return np.zeros(len(cosines))
    low, high = known.min(), known.max()
    if population is not None and population.least_cosine is not None:
        low = min(low, population.least_cosine)
    if high - low < 1e-9:
        return np.where(np.isnan(cosines), 0.0, 1.0)
    spread: Floats = np.nan_to_num((cosines - low) / (high - low))
    return spread


def _sittings(candidates: Candidates) -> tuple[npt.NDArray[np.int64], Floats]:
    """The sitting of each row, numbered from 0, and 1.0 where one begins after a silence."""
    same = _same_as_before(candidates.conversations)
    silence = np.diff(candidates.seconds, prepend=candidates.seconds[:1]) > SITTING_SECONDS
    return np.cumsum(~same | silence) - 1, (same & silence).astype(np.float64)


def _same_as_before(conversations: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    same = np.zeros(len(conversations), dtype=bool)
    same[1:] = (conversations[1:] == conversations[:-1]) & (conversations[1:] >= 0)
    return same


def _shifted(values: Floats, offset: int, same_before: npt.NDArray[np.bool_]) -> Floats:
    """The value of the row ``offset`` places on in the same conversation, else 0."""
    result = values
    for _ in range(abs(offset)):
        moved = np.zeros(len(values))
        if offset < 0:
            moved[1:] = np.where(same_before[1:], result[:-1], 0.0)
        else:
            moved[:-1] = np.where(same_before[1:], result[1:], 0.0)
        result = moved
    return result


def _speaker_mentioned(asked: Asked, speakers: Sequence[str]) -> tuple[Floats, frozenset[str]]:
    """1.0 for rows of those whom the question names, unless it names everyone; and their names."""
    distinct = {speaker: frozenset(words_of(speaker)) for speaker in set(speakers) if speaker}
    named = {speaker for speaker, words in distinct.items() if not words.isdisjoint(asked.words)}
    names = frozenset(term for speaker in named for term in terms_of(speaker))
    if not named or len(named) == len(set(speakers)):
        return np.zeros(len(speakers)), names
    return np.array([speaker in named for speaker in speakers], dtype=np.float64), names

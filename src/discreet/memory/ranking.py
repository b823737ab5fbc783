"""Rank the rows of one scope for a question. Pure; it uses only these rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from discreet.memory.bm25 import Population
from discreet.memory.features import FEATURES, Asked, Candidates, features
from discreet.memory.filters import Kind
from discreet.memory.newer import newer_first

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
    "weights_for",
]

Mode = Literal["text", "semantic", "hybrid"]
Floats = npt.NDArray[np.float64]

COSINE_FLOOR = 0.35
"""A lower cosine is not evidence of a match."""

WEIGHTS: dict[str, float] = {
    "text": 0.6,
    "meaning": 0.83,
    "meaning part": 0.51,
    "topic": 0.61,
    "nearest words": 1.0,
    "side by side": 0.77,
    "words around": 1.88,
    "words beside": -0.96,
    "meaning around": 1.48,
    "text -2": 0.61,
    "asked -1": 1.52,
    "sitting": 2.05,
    "agent": -1.64,
    "agent asked for": 1.52,
    "agent in short": 2.51,
    "asked before": 0.45,
    "opening": 0.78,
    "fresh": 0.32,
    "standing order": 2.05,
    "speaker": 1.92,
    "time word": 1.11,
    "number": 1.41,
    "date": 2.55,
    "salience": 0.2,
    "age": 0.1,
}
"""Fitted by benchmarks/recall_quality.py, except salience and age, which are small and set by hand.
"""

_BY_WORDS = frozenset(["text", "side by side", "text -2", "asked -1", "sitting"])
_BY_MEANING = frozenset(
    (
        *("meaning", "meaning part", "topic", "nearest words"),
        *("words around", "words beside", "meaning around"),
    )
)
_OF_TABLE = _BY_MEANING - {"meaning"}

MEANING_FOR_TABLE = 5.0
"""How much more a sentence model's similarity counts where the bundled table knows no word."""


def weights_for(asked: Asked, weights: dict[str, float] | None = None) -> dict[str, float]:
    """Return the weights for a question.

    The bundled table knows few words of languages other than English. As far as it doesn't know
    the question's words, an embedder that knows more takes its place.
    """
    chosen = dict(WEIGHTS if weights is None else weights)
    if asked.table_share < 1.0:
        for name in chosen.keys() & _OF_TABLE:
            chosen[name] *= asked.table_share
        chosen["meaning"] *= 1.0 + MEANING_FOR_TABLE * (1.0 - asked.table_share)
    return chosen


@dataclass(frozen=True, slots=True)
class Ranking:
    """Rows as indices into the candidates, best first, with their scores.

    Attributes:
        features: Of every candidate, shape (rows, len(FEATURES)); the score is
            features @ weights + lifted.
        lifted: What a row got for replacing an older row about the same subject.
        matched: The share of the question's information that each row's own words cover, 0 to 1.
    """

    order: npt.NDArray[np.int64]
    scores: Floats
    features: Floats
    weights: Floats
    matched: Floats
    lifted: Floats


def rank(
    asked: Asked,
    candidates: Candidates,
    *,
    mode: Mode = "hybrid",
    now: float,
    weights: dict[str, float] | None = None,
) -> Ranking:
    """Rank the rows of a scope.

    ``hybrid`` ranks all rows, unless no word of the question is known here or elsewhere;
    ``semantic`` those with a vector, if one is near; ``text`` those with a word of the question. A
    row is never left out because of other rows' scores.

    ``now``: seconds since 1970.
    """
    if not len(candidates):
        nothing, width = np.zeros(0), len(FEATURES)
        return Ranking(
            np.zeros(0, np.int64), nothing, np.zeros((0, width)), np.zeros(width), nothing, nothing
        )
    table, matched = features(asked, candidates, now=now)
    chosen = weights_for(asked, weights)
    for name in chosen:
        if (mode == "text" and name in _BY_MEANING) or (mode == "semantic" and name in _BY_WORDS):
            chosen[name] = 0.0
    by_feature = np.array([chosen.get(name, 0.0) for name in FEATURES])
    scores = table @ by_feature
    near = candidates.cosines >= COSINE_FLOOR  # false without a vector
    match mode:
        case "text":
            eligible = matched > 0
        case "semantic":
            eligible = ~np.isnan(candidates.cosines) & near.any()
        case "hybrid":
            matches = asked.means_something or (matched > 0).any() or near.any()
            eligible = np.full(len(scores), bool(matches))
    rows = np.flatnonzero(eligible)
    lifted = newer_first(asked, candidates, rows, scores)
    scores = scores + lifted
    return Ranking(
        rows[np.argsort(-scores[rows], kind="stable")], scores, table, by_feature, matched, lifted
    )

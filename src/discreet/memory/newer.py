"""Rank a newer fact above the one that it replaced.

Recency counts only among rows about the same subject. Everywhere else the better match wins,
however old it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from discreet.memory.features import Asked, Candidates
from discreet.memory.languages import STOP_WORDS
from discreet.memory.tokenizer import (
    CALENDAR_TERMS,
    CHANGE_TERMS,
    DWELLING_TERMS,
    FUNCTION_TERMS,
    FUNCTION_TERMS_OF,
    MOVING_TERMS,
)

__all__ = ["newer_first", "overlap", "subject_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LOOKED_AT = 20
"""Number of best rows that are compared with each other."""
MAX_TERMS = 40
"""A longer text is about more than one thing."""
SAME_ANSWER = 0.7
"""Maximum score difference to an older row for a newer one that matches the same words."""
CHANGED = 2.0
"""The same if the newer row signals a change, or names part of the older one's subject."""
CHANGED_UNKNOWN = 7.0
"""The same where the bundled table knows no word of the question; scores differ more there, because
the similarity to the whole question counts more (``weights_for``).
"""
SAME_SUBJECT = 6.0
"""The same if it has the same subject in words other than the question's."""
MOSTLY, SOME = 0.5, 0.3
"""Share of the older row's subject that the newer one must name. For ``SOME``, words of the
question don't count.
"""
AHEAD = 1e-3
_ONLY_ENGLISH = STOP_WORDS["english"].difference(
    *(words for language, words in STOP_WORDS.items() if language != "english")
)
"""Its function words that no other language has."""


def newer_first(asked: Asked, candidates: Candidates, rows: Ints, scores: Floats) -> Floats:
    """Return how much to raise each row so that it ranks above the older row that it replaces."""
    lifted = np.zeros(len(candidates))
    if asked.days:
        return lifted
    saliences = (candidates.saliences if len(candidates.saliences) else lifted).tolist()
    best = rows[np.argsort(-scores[rows], kind="stable")[:LOOKED_AT]]
    best = best[candidates.lengths[best] <= MAX_TERMS]
    best = best[np.argsort(candidates.seconds[best], kind="stable")]
    seconds = candidates.seconds[best].tolist()
    if len(set(seconds)) < 2:
        return lifted
    rows_of, bags = best.tolist(), candidates.bags_of(best)
    question = frozenset(term for term in asked.terms if not _is_pair(term))
    numbers = frozenset(term for term in question if any(map(str.isdecimal, term)))
    told = [
        _Told(
            subject := subject_of(bag),
            question & subject,
            not MOVING_TERMS.isdisjoint(subject),
            not CHANGE_TERMS.isdisjoint(bag),
            candidates.party(row),
            saliences[row],
            numbers.intersection(bag),
        )
        for row, bag in zip(rows_of, bags, strict=True)
    ]
    before = scores[best].tolist()
    reached = list(before)
    unknown = 1.0 - asked.table_share
    if_changed = CHANGED + unknown * (CHANGED_UNKNOWN - CHANGED)
    for at, newer in enumerate(told):
        # People mention the same things in chat again and again, so the text must signal a change.
        if not newer.changed and candidates.conversations[rows_of[at]] >= 0:
            continue
        own = reached[at]
        for place in range(at):
            behind = reached[place] - own
            if not 0 <= behind <= SAME_SUBJECT:
                continue
            older = told[place]
            if (
                older.party != newer.party
                or seconds[place] == seconds[at]
                or older.salience > newer.salience
                or not older.numbers <= newer.numbers
            ):
                continue
            if behind <= _reach(older, newer, if_changed):
                own = reached[place] + AHEAD
        reached[at] = own
    lifted[best] = [after - once for after, once in zip(reached, before, strict=True)]
    return lifted


class _Told(NamedTuple):
    """What a row says, as far as another one may replace it.

    A tuple, because making 20 frozen dataclasses takes as long as comparing them.

    ``asked_for``: the terms of the question in its subject; ``moved``: it says that someone moved;
    ``changed``: it signals a change; ``numbers``: those asked for.
    """

    subject: frozenset[str]
    asked_for: frozenset[str]
    moved: bool
    changed: bool
    party: tuple[Any, ...]
    salience: float
    numbers: frozenset[str]


def _reach(older: _Told, newer: _Told, if_changed: float) -> float:
    """Return how far below an older row a newer one may score to move above it.

    ``if_changed``: the answer for a newer row that signals a change.
    """
    if overlap(older.subject, newer.subject) >= MOSTLY:
        return SAME_SUBJECT
    asked_for = older.asked_for
    if not asked_for:
        return -1.0
    # Who says "I moved to Oslo" need not say that they live there.
    missing = asked_for - newer.subject
    if missing and missing != asked_for and newer.moved and missing <= DWELLING_TERMS:
        return SAME_SUBJECT
    if missing and not (newer.moved and missing <= DWELLING_TERMS):
        return -1.0
    if newer.changed:
        return if_changed
    return CHANGED if overlap(older.subject - asked_for, newer.subject) >= SOME else SAME_ANSWER


def subject_of(terms: list[str], language: str = "") -> frozenset[str]:
    """Return the subject of a bag: no function words, markers, numbers or dates.

    Numbers and dates change. Of scripts without spaces it has the single characters. ``language``:
    whose function words are left out; empty: those of all.
    """
    if not language and not _ONLY_ENGLISH.isdisjoint(terms):
        language = "english"
    empty = FUNCTION_TERMS_OF[language] if language else FUNCTION_TERMS
    return frozenset(filter(_may_be_subject, frozenset(terms).difference(empty)))


@lru_cache(maxsize=65_536)
def _may_be_subject(term: str) -> bool:
    return not (
        term in CALENDAR_TERMS or term[0] == "<" or any(map(str.isdecimal, term)) or _is_pair(term)
    )


def _is_pair(term: str) -> bool:
    """Return whether a term is two characters of a script without spaces."""
    return len(term) == 2 and all("\u3040" <= one <= "\u9fff" for one in term)


def overlap(older: frozenset[str], newer: frozenset[str]) -> float:
    """Return the share of the older row's subject that the newer one names, 0 to 1."""
    return len(older & newer) / len(older) if older else 0.0

"""Rank a newer fact above the one that it replaced.

Recency counts only among rows about the same subject. Everywhere else the better match wins,
however old it is.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from discreet.memory.features import Asked, Candidates
from discreet.memory.tokenizer import CHANGE_TERMS, DWELLING_TERMS, FUNCTION_TERMS, MOVING_TERMS

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


def newer_first(asked: Asked, candidates: Candidates, rows: Ints, scores: Floats) -> Floats:
    """Return how much to raise each row so that it ranks above the older row that it replaces."""
    lifted = np.zeros(len(candidates))
    if asked.days:
        return lifted
    saliences = (candidates.saliences if len(candidates.saliences) else lifted).tolist()
    best = rows[np.argsort(-scores[rows], kind="stable")][:LOOKED_AT]
    best = best[candidates.lengths[best] <= MAX_TERMS]
    best = best[np.argsort(candidates.seconds[best], kind="stable")]
    seconds = dict(zip(best.tolist(), candidates.seconds[best].tolist(), strict=True))
    if len(set(seconds.values())) < 2:
        return lifted
    bags = {row: candidates.terms(row) for row in best.tolist()}
    subjects = {row: subject_of(bag) for row, bag in bags.items()}
    changed = {row for row, bag in bags.items() if not CHANGE_TERMS.isdisjoint(bag)}
    question = frozenset(asked.terms)
    numbers = frozenset(term for term in question if any(map(str.isdecimal, term)))
    asked_of = {row: numbers.intersection(bag) for row, bag in bags.items()}
    parties = {row: candidates.party(row) for row in bags}
    reached = {row: float(scores[row]) for row in subjects}
    unknown = 1.0 - asked.table_share
    if_changed = CHANGED + unknown * (CHANGED_UNKNOWN - CHANGED)
    for at, newer in enumerate(best.tolist()):
        # People mention the same things in chat again and again, so the text must signal a change.
        if newer not in changed and candidates.conversations[newer] >= 0:
            continue
        for older in best[:at].tolist():
            behind = reached[older] - reached[newer]
            if (
                not 0 <= behind <= SAME_SUBJECT
                or parties[older] != parties[newer]
                or seconds[older] == seconds[newer]
                or saliences[older] > saliences[newer]
                or not asked_of[older] <= asked_of[newer]
            ):
                continue
            reach = if_changed if newer in changed else None
            if behind <= _reach(question, subjects[older], subjects[newer], reach):
                reached[newer] = reached[older] + AHEAD
        lifted[newer] = reached[newer] - scores[newer]
    return lifted


def _reach(
    question: frozenset[str],
    older: frozenset[str],
    newer: frozenset[str],
    if_changed: float | None,
) -> float:
    """Return how far below an older row a newer one may score to move above it.

    ``if_changed``: the answer for a newer row that signals a change; None if it doesn't.
    """
    if overlap(older, newer) >= MOSTLY:
        return SAME_SUBJECT
    asked_for = question & older
    named = asked_for & newer
    # Who says "I moved to Oslo" need not say that they live there.
    if not MOVING_TERMS.isdisjoint(newer):
        named |= asked_for & DWELLING_TERMS
    if not asked_for or named != asked_for:
        return -1.0
    if if_changed is not None:
        return if_changed
    return CHANGED if overlap(older - question, newer) >= SOME else SAME_ANSWER


def subject_of(terms: list[str]) -> frozenset[str]:
    """Return the subject of a bag: no function words, markers or numbers, because those change."""
    return frozenset(
        term
        for term in terms
        if term not in FUNCTION_TERMS and term[0] != "<" and not any(map(str.isdecimal, term))
    )


def overlap(older: frozenset[str], newer: frozenset[str]) -> float:
    """Return the share of the older row's subject that the newer one names, 0 to 1."""
    return len(older & newer) / len(older) if older else 0.0

"""Choose candidates for the owner's search by index if there are too many memories to rank all.

This applies only to the owner. A contact has few rows, and they are ranked exactly, so that no part
of a score depends on other contacts' rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from rapidfuzz import fuzz, process

from discreet.memory.bm25 import TYPO_LENGTH, TYPO_SIMILARITY, Population
from discreet.memory.indexing import vector_literal
from discreet.memory.large_scopes import SAMPLE
from discreet.memory.query import Query
from discreet.scope import OwnerScope, Transaction

__all__ = ["CANDIDATE", "OwnerCandidates", "owner_candidates"]

HELD_BY = 1_500
"""Approximate number of memories examined for the words of a question."""
FEW = 300
"""Maximum memories that are counted exactly."""

CANDIDATE: LiteralString = """
       AND id IN (SELECT c.id FROM gate.owner_candidates(
                    %(embedder)s, %(dimensions)s, %(vector)s::public.vector, %(words)s,
                    %(document_frequency)s, %(memories)s, %(mean_length)s, %(held_by)s) c
                   UNION ALL
                  (SELECT s.id FROM discreet.memories s ORDER BY s.id LIMIT %(sample)s))"""
"""Restricts a query of memories to candidates; its parameters are those of ``OwnerCandidates``."""

_COUNTS: LiteralString = (
    "SELECT c.word, c.document_frequency FROM gate.owner_term_counts(%(words)s, %(few)s) c"
)
_EVERY_WORD: LiteralString = "SELECT word, document_frequency FROM discreet.owner_term_stats"


@dataclass(frozen=True, slots=True)
class OwnerCandidates:
    """Statistics of an owner's memories, and the parameters of ``CANDIDATE``."""

    population: Population
    params: dict[str, Any]


async def owner_candidates(tx: Transaction, query: Query) -> OwnerCandidates | None:
    """Choose candidates; None if all can be ranked, or the scope isn't an owner's."""
    if not isinstance(tx.scope, OwnerScope):
        return None
    params = {
        "embedder": query.embedder,
        "dimensions": 0 if query.vector is None else len(query.vector),
        "vector": None if query.vector is None else vector_literal(query.vector),
        "words": list(query.asked.terms),
        "held_by": HELD_BY,
        "few": FEW,
        "sample": SAMPLE,
    }
    found = await tx.fetch_tuples(_COUNTS, params)
    if not found:
        return None
    document_frequency = {word: float(count) for word, count in found}
    memories, words = document_frequency.pop("", 1.0), document_frequency.pop("#", 1.0)
    unknown = [word for word in query.asked.terms if not document_frequency.get(word)]
    mean_length = words / max(memories, 1.0)
    document_frequency |= await _similar(tx, unknown)
    asked = list(dict.fromkeys([*query.asked.terms, *document_frequency]))
    params |= {
        "words": asked,
        "document_frequency": [document_frequency.get(word, 1.0) for word in asked],
        "memories": memories,
        "mean_length": mean_length,
    }
    return OwnerCandidates(Population(memories, document_frequency, mean_length), params)


async def _similar(tx: Transaction, unknown: Sequence[str]) -> dict[str, float]:
    """Return frequent words similar to unknown ones (likely typos), with their counts."""
    typos = [word for word in unknown if len(word) >= TYPO_LENGTH]
    if not typos:
        return {}
    vocabulary: dict[str, int] = dict(await tx.fetch_tuples(_EVERY_WORD))
    return {
        similar: float(vocabulary[similar])
        for typo in typos
        for similar, _, _ in process.extract(
            typo, list(vocabulary), scorer=fuzz.ratio, score_cutoff=TYPO_SIMILARITY, limit=3
        )
    }

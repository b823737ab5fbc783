"""Choose candidates in scopes that have too many rows to rank them all.

One pass over the scope's own rows selects those with rare words of the question, those nearest by
vector, and a random sample for the statistics. An index over all scopes' rows would be faster, but
its timing would leak what others have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from discreet.memory.bags import Population
from discreet.memory.filters import PASSING, Kind
from discreet.scope import Transaction

__all__ = ["CHOSEN", "MANY", "SAMPLE", "Chosen", "choose", "few_enough", "is_large"]

MANY = 4_000
"""Maximum rows of a kind that are all ranked."""
SAMPLE = 100
"""Size of the random sample."""

_TABLE: Mapping[Kind, LiteralString] = {
    "memory": "discreet.memories",
    "passage": "discreet.passages",
    "message": "discreet.messages",
}
CHOSEN: Mapping[Kind, LiteralString] = {
    "memory": "id = ANY(%(memory_ids)s)",
    "passage": "id = ANY(%(passage_ids)s)",
    # The lines just before and after a line show what it is about.
    "message": """
      command IS NULL AND (%(before_turn)s::uuid IS NULL
                           OR turn_id IS DISTINCT FROM %(before_turn)s)
       AND id IN (SELECT near.id FROM discreet.messages chosen
                    JOIN discreet.messages near
                      ON near.session_id = chosen.session_id
                     AND near.position BETWEEN chosen.position - 2 AND chosen.position + 2
                   WHERE chosen.id = ANY(%(message_ids)s))""",
}
"""Conditions that only the chosen rows pass."""

_COUNT: LiteralString = """
    (SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {passing} LIMIT %(many)s + 1) AS few)"""
_CHOOSE: LiteralString = """
    WITH every AS MATERIALIZED (
      SELECT id, coalesce(cardinality(terms), 0) AS length,
             CASE WHEN terms && %(terms)s::text[] THEN terms END AS terms,
             CASE WHEN embedder = %(embedder)s
                  THEN embedding OPERATOR(public.<=>) %(vector)s::public.vector END AS distance
        FROM {table} WHERE {passing}
    ), held AS (
      SELECT asked.term, count(*) AS rows
        FROM unnest(%(terms)s::text[]) AS asked (term)
        JOIN every ON asked.term = ANY(every.terms) GROUP BY asked.term
    ), best AS (
      (SELECT every.id FROM every JOIN held ON held.term = ANY(every.terms)
        GROUP BY every.id, every.distance, every.length
        ORDER BY sum(ln(1 + (SELECT count(*) FROM every)::float8 / held.rows))
                   / (4 + ln(1 + every.length)) DESC, every.distance, every.id
        LIMIT 600)
      UNION (SELECT id FROM every WHERE distance IS NOT NULL ORDER BY distance, id LIMIT 300)
      UNION (SELECT id FROM every ORDER BY id LIMIT %(sample)s)
      UNION (SELECT id FROM every WHERE length = 0 ORDER BY id LIMIT %(sample)s)
    )
    SELECT (SELECT array_agg(id) FROM best), (SELECT array_agg(term) FROM held),
           (SELECT array_agg(rows) FROM held), count(*), avg(length)::float8 FROM every"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Ids of a kind's most promising rows, and statistics of all its rows."""

    ids: list[UUID]
    population: Population


def is_large(kind: Kind) -> LiteralString:
    """Return an SQL expression: whether more rows of a kind pass than are all ranked."""
    return f"({_of(_COUNT, kind)} > %(many)s)"


def few_enough(kind: Kind) -> LiteralString:
    """Return an SQL condition: all rows pass, or none if there are too many."""
    return f"{_of(_COUNT, kind)} <= %(many)s AND ({PASSING[kind]})"


async def choose(tx: Transaction, kind: Kind, params: Mapping[str, Any]) -> Chosen:
    """Choose the rows to rank."""
    (found,) = await tx.fetch_tuples(_of(_CHOOSE, kind), {**params, "sample": SAMPLE}, binary=True)
    ids, terms, document_frequency, count, mean_length = found
    held = dict(zip(terms or [], map(float, document_frequency or []), strict=True))
    return Chosen(list(ids), Population(float(count), held, float(mean_length)))


def _of(sql: LiteralString, kind: Kind) -> LiteralString:
    return sql.replace("{table}", _TABLE[kind]).replace("{passing}", PASSING[kind])

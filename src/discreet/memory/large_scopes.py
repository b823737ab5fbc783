"""Choose candidates in scopes that have too many rows to rank them all, or to read them in full.

One pass over the scope's own rows selects those with rare words of the question, those nearest by
vector, and a random sample for the statistics. An index over all scopes' rows would be faster, but
its timing would leak what others have.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, LiteralString

from discreet.memory.bm25 import Population
from discreet.memory.filters import Filters, Kind
from discreet.scope import OwnerScope, Scope, Transaction

__all__ = [
    "BOUNDED",
    "FEW",
    "MANY",
    "MAX_MESSAGES",
    "PER_KIND",
    "SAMPLE",
    "choosing",
    "chosen",
    "known_as_large",
    "known_as_many",
    "newest_since",
    "population",
    "population_of",
    "remember_many",
    "remember_size",
]

MANY = 4_000
"""Maximum rows of a kind that are all ranked."""
FEW = 200
"""Maximum rows that are read in full before they are ranked: one round trip instead of two."""
SAMPLE = 100
"""Size of the random sample."""
MAX_MESSAGES = 100_000
"""Maximum messages that one search reads, newest first."""
PER_KIND = 5
"""How many expressions ``population_of`` returns."""

_TABLE: Mapping[Kind, LiteralString] = {
    "memory": "discreet.memories",
    "passage": "discreet.passages",
    "message": "discreet.messages",
}
_CHOSEN: Mapping[Kind, LiteralString] = {
    "memory": "id = ANY(ARRAY(SELECT id FROM memory_best))",
    "passage": "id = ANY(ARRAY(SELECT id FROM passage_best))",
    # The lines just before and after a line show what it is about.
    "message": """
      command IS NULL AND (%(before_turn)s::uuid IS NULL
                           OR turn_id IS DISTINCT FROM %(before_turn)s)
       AND id IN (SELECT near.id FROM discreet.messages chosen
                    JOIN discreet.messages near
                      ON near.session_id = chosen.session_id
                     AND near.position BETWEEN chosen.position - 2 AND chosen.position + 2
                   WHERE chosen.id = ANY(ARRAY(SELECT id FROM message_best)))""",
}

# Rows without a word of the question are returned without terms, to avoid copying them.
_CHOOSE: LiteralString = """
    {kind}_every AS MATERIALIZED (
      SELECT id, created_at, coalesce(cardinality(terms), 0) AS length,
             CASE WHEN terms && %(terms)s::text[] THEN terms END AS terms,
             CASE WHEN embedder = %(embedder)s
                  THEN embedding OPERATOR(public.<=>) %(vector)s::public.vector END AS distance
        FROM {table} WHERE {passing}{newest}
    ), {kind}_all AS MATERIALIZED (
      SELECT count(*) AS rows, avg(length)::float8 AS length, min(created_at) AS since
        FROM {kind}_every
    ), {kind}_match AS MATERIALIZED (
      SELECT every.id, every.length, every.distance, asked.term
        FROM {kind}_every every JOIN unnest(%(terms)s::text[]) AS asked (term)
          ON asked.term = ANY(every.terms)
       WHERE every.terms IS NOT NULL
    ), {kind}_held AS MATERIALIZED (
      SELECT term, count(*) AS rows FROM {kind}_match GROUP BY term
    ), {kind}_best AS MATERIALIZED (
      (SELECT id FROM {kind}_match JOIN {kind}_held held USING (term)
        GROUP BY id, distance, length
        ORDER BY sum(ln(1 + (SELECT rows FROM {kind}_all)::float8 / held.rows))
                   / (4 + ln(1 + length)) DESC, distance, id
        LIMIT 600)
      UNION
      (SELECT id FROM {kind}_every WHERE distance IS NOT NULL ORDER BY distance, id LIMIT 300)
      UNION (SELECT id FROM {kind}_every ORDER BY id LIMIT %(sample)s)
      UNION (SELECT id FROM {kind}_every WHERE length = 0 ORDER BY id LIMIT %(sample)s)
    )"""
_POPULATION: LiteralString = """
    (SELECT rows FROM {kind}_all), (SELECT length FROM {kind}_all),
    (SELECT array_agg(term) FROM {kind}_held), (SELECT array_agg(rows) FROM {kind}_held),
    {since}"""
_IN_ORDER: LiteralString = " ORDER BY created_at DESC LIMIT %(newest)s"
_SINCE: LiteralString = "(SELECT CASE WHEN rows = %(newest)s THEN since END FROM message_all)"

# An index alone answers this. (messages_day holds what the policy reads.)
_NEWEST: LiteralString = """
    SELECT min(created_at) FROM (
      SELECT created_at FROM discreet.messages
       WHERE (%(since)s::timestamptz IS NULL OR created_at >= %(since)s - interval '1 day')
         AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
       ORDER BY created_at DESC LIMIT %(newest)s) newest
    HAVING count(*) = %(newest)s"""
BOUNDED: LiteralString = """ AND created_at >= %(bound)s
         AND created_at < coalesce(%(until)s::timestamptz, 'infinity') + interval '31 days'"""
"""Restricts a search to messages since the time from ``newest_since``.

No message arrives a month after it was sent.
"""

_MOST_REMEMBERED = 10_000
Search = tuple[Scope, Filters, Kind | None]
_large: OrderedDict[Search, None] = OrderedDict()
"""Searches that found many rows, newest last: of a kind, or of all. If one is missing, the first
rows show it; if one is outdated, the total count does. It decides how rows are read, never which.
"""


def known_as_large(scope: Scope, filters: Filters, kind: Kind) -> bool:
    """Return whether a search of this scope had to choose candidates last time."""
    return _key(scope, filters, kind) in _large


def remember_size(scope: Scope, filters: Filters, kind: Kind, *, large: bool) -> None:
    """Record whether a search had to choose candidates."""
    _remember(_key(scope, filters, kind), large)


def known_as_many(scope: Scope, filters: Filters) -> bool:
    """Return whether a search of this scope had more than ``FEW`` rows last time."""
    return _key(scope, filters, None) in _large


def remember_many(scope: Scope, filters: Filters, *, many: bool) -> None:
    """Record whether a search had more than ``FEW`` rows."""
    _remember(_key(scope, filters, None), many)


def _remember(key: Search, is_so: bool) -> None:
    _large.pop(key, None)
    if is_so:
        _large[key] = None
        if len(_large) > _MOST_REMEMBERED:
            _large.popitem(last=False)


def _key(scope: Scope, filters: Filters, kind: Kind | None) -> Search:
    # The asking turn is always a different one, and doesn't make a scope small.
    return (
        scope,
        filters if filters.before_turn is None else replace(filters, before_turn=None),
        kind,
    )


async def newest_since(
    tx: Transaction, filters: Filters, params: Mapping[str, Any]
) -> datetime | None:
    """Return since when everybody's newest messages were stored; None: everything is to be read.

    This applies only to the owner's search of all conversations. The planner expects few messages
    in a scope and would read the whole table to sort them. It uses the index if it knows the time.
    """
    narrow = (filters.agent_id, filters.contact_id, filters.session_id)
    if not isinstance(tx.scope, OwnerScope) or any(one is not None for one in narrow):
        return None
    since: datetime | None = await tx.value(_NEWEST, params)
    return since


def choosing(kind: Kind, passing: LiteralString) -> LiteralString:
    """Return common table expressions that choose the rows to rank. ``passing``: a condition."""
    sql = _CHOOSE.replace("{table}", _TABLE[kind]).replace("{passing}", passing)
    sql = sql.replace("{newest}", _IN_ORDER if kind == "message" else "")
    return sql.replace("{kind}", kind)


def chosen(kind: Kind) -> LiteralString:
    """Return an SQL condition for the rows that ``choosing`` chose."""
    return _CHOSEN[kind]


def population_of(kind: Kind) -> LiteralString:
    """Return SQL expressions for the statistics of all rows, for ``population``, and for a time.

    The time is null if all rows were read, else that of the oldest one that was.
    """
    sql = _POPULATION.replace("{since}", _SINCE if kind == "message" else "NULL::timestamptz")
    return sql.replace("{kind}", kind)


def population(said: Sequence[Any]) -> Population:
    """Return the statistics from the first four values of ``population_of``."""
    rows, mean_length, terms, counts = said
    held = dict(zip(terms or [], map(float, counts or []), strict=True))
    return Population(float(rows), held, float(mean_length or 0.0))

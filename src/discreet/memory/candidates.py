"""The rows of a scope that may answer a question, in the compact form that ranking takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import numpy as np
import numpy.typing as npt

from discreet.domain.ids import AgentId, ContactId, SessionId, TurnId
from discreet.memory.everybody import CANDIDATE, everybody
from discreet.memory.indexing import mentioning, vector_literal
from discreet.memory.query import Query
from discreet.memory.ranking import Candidates, Kind
from discreet.memory.terms import terms_of
from discreet.scope import Rows

__all__ = ["Filters", "Found", "candidates_of"]

MOST_CANDIDATES = 20_000
"""Rows of a kind that are ranked at once. A scope with more is cut to those that share a word with
the question and those nearest by vector."""

MAX_UNINDEXED = 5_000
"""Texts without terms that one search takes apart; memories newest first. It takes 0.2 s."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be found at all. They narrow a scope and can't widen it. None: no such filter.

    ``salience``, ``topics_any``, ``topics_all``, ``source``, ``topic_key`` are said of memories, so
    with one of them there are no passages. ``since`` is included, ``until`` is not.
    """

    kinds: frozenset[Kind] = frozenset(["memory", "passage"])
    salience: tuple[str, ...] | None = None
    topics_any: tuple[str, ...] | None = None
    topics_all: tuple[str, ...] | None = None
    source: str | None = None
    topic_key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    include_expired: bool = False
    agent_id: AgentId | None = None
    contact_id: ContactId | None = None
    session_id: SessionId | None = None
    before_turn: TurnId | None = None
    """Messages of this turn are left out: what was just asked is no answer to it."""


ANY = Filters()


@dataclass(frozen=True, slots=True)
class Found:
    """Rows in columns of equal length."""

    ids: Sequence[UUID]
    kinds: Sequence[Kind]
    candidates: Candidates


# Columns of every candidate, in this order: kind, id, bag, terms in it, cosine, conversation,
# position in it, seconds since 1970, speaker, salience, text where there is no bag yet.
# A cosine is taken only of vectors of the same embedder: others have other dimensions. The order
# within a kind decides only what is left out of a scope with more than ``MOST_CANDIDATES``.
_MEMORIES: LiteralString = """
    SELECT 'memory', id, ' ' || array_to_string(terms, '  ') || ' ', cardinality(terms),
           CASE WHEN embedder = %(embedder)s
                THEN 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) END AS cosine,
           NULL::uuid, 0::bigint, extract(epoch FROM created_at)::float8, '',
           array_position(ARRAY['low', 'medium', 'high', 'critical'], salience) - 2,
           CASE WHEN terms = '{}' AND content ~* %(mentioning)s THEN content END
      FROM discreet.memories
     WHERE (%(include_expired)s OR expires_at IS NULL OR expires_at > now())
       AND (%(salience)s::text[] IS NULL OR salience = ANY(%(salience)s::text[]))
       AND (%(topics_any)s::text[] IS NULL OR topics && %(topics_any)s::text[])
       AND (%(topics_all)s::text[] IS NULL OR topics @> %(topics_all)s::text[])
       AND (%(source)s::text IS NULL OR source = %(source)s)
       AND (%(topic_key)s::text IS NULL OR topic_key = %(topic_key)s)
       AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
       AND (%(contact)s::uuid IS NULL OR contact_id = %(contact)s)
       AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)"""
_BEST: LiteralString = """
     ORDER BY terms && %(terms)s::text[] OR (terms = '{}' AND content ~* %(mentioning)s) DESC,
              cosine DESC NULLS LAST, id
     LIMIT %(most)s"""
_PASSAGES: LiteralString = """
    SELECT 'passage', id, ' ' || array_to_string(terms, '  ') || ' ', cardinality(terms),
           CASE WHEN embedder = %(embedder)s
                THEN 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) END AS cosine,
           NULL::uuid, 0::bigint, extract(epoch FROM created_at)::float8, '', 0,
           CASE WHEN terms = '{}' THEN content END
      FROM discreet.passages
     WHERE (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
       AND (%(since)s::timestamptz IS NULL OR created_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR created_at < %(until)s)
     ORDER BY terms && %(terms)s::text[] DESC, cosine DESC NULLS LAST, id
     LIMIT %(most)s"""
_MESSAGES: LiteralString = """
    SELECT 'message', id, ' ' || array_to_string(terms, '  ') || ' ', cardinality(terms),
           CASE WHEN embedder = %(embedder)s
                THEN 1 - (embedding OPERATOR(public.<=>) %(vector)s::public.vector) END AS cosine,
           session_id, position,
           extract(epoch FROM coalesce(sent_at, created_at))::float8, sender_name, 0,
           CASE WHEN terms IS NULL THEN text END
      FROM discreet.messages
     WHERE command IS NULL
       AND (%(contact)s::uuid IS NULL OR contact_id = %(contact)s)
       AND (%(agent)s::uuid IS NULL OR agent_id = %(agent)s)
       AND (%(session)s::uuid IS NULL OR session_id = %(session)s)
       AND (%(before_turn)s::uuid IS NULL OR turn_id IS DISTINCT FROM %(before_turn)s)
       AND (%(since)s::timestamptz IS NULL OR coalesce(sent_at, created_at) >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR coalesce(sent_at, created_at) < %(until)s)
     ORDER BY terms && %(terms)s::text[] DESC NULLS FIRST, cosine DESC NULLS LAST, id
     LIMIT %(most)s"""
_OF_KIND: Mapping[Kind, LiteralString] = {
    "memory": _MEMORIES + _BEST,
    "passage": _PASSAGES,
    "message": _MESSAGES,
}
# Neighbours side by side; of equals the newest comes first.
_ORDER: LiteralString = "ORDER BY conversation NULLS FIRST, position, seconds DESC, id"
_COLUMNS: LiteralString = (
    "kind, id, bag, length, cosine, conversation, position, seconds, speaker, salience, text"
)


async def candidates_of(rows: Rows, query: Query, filters: Filters) -> Found:
    """Every row that the filters let through; expired ones only where they say so."""
    params = {
        "embedder": query.embedder,
        "vector": None if query.vector is None else vector_literal(query.vector),
        "terms": list(query.asked.terms),
        "mentioning": mentioning(query.asked.terms),
        "most": MOST_CANDIDATES,
        "include_expired": filters.include_expired,
        "salience": _listed(filters.salience),
        "topics_any": _listed(filters.topics_any),
        "topics_all": _listed(filters.topics_all),
        "source": filters.source,
        "topic_key": filters.topic_key,
        "agent": filters.agent_id,
        "contact": filters.contact_id,
        "session": filters.session_id,
        "before_turn": filters.before_turn,
        "since": filters.since,
        "until": filters.until,
    }
    kinds = _kinds(filters)
    if not kinds:
        return Found([], [], Candidates.none())
    of_kind_sql = dict(_OF_KIND)
    population = None
    if "memory" in kinds and _is_wide(filters):
        all_of_them = await everybody(rows, query)
        if all_of_them is not None:
            population = all_of_them.population
            params |= all_of_them.params
            of_kind_sql["memory"] = _MEMORIES + CANDIDATE
    parts: LiteralString = " UNION ALL ".join([f"({of_kind_sql[kind]})" for kind in kinds])
    fetched = await rows.fetch_tuples(
        f"SELECT * FROM ({parts}) AS candidate ({_COLUMNS}) {_ORDER}", params, binary=True
    )
    if not fetched:
        return Found([], [], Candidates.none())
    columns = list(zip(*fetched, strict=True))
    of_kind, ids, stored, counted, cosines, places, positions, seconds = columns[:8]
    speakers, saliences, texts = columns[8:]
    bags, lengths = _indexed_now(stored, counted, texts)
    return Found(
        ids,
        of_kind,
        Candidates(
            terms=bags,
            lengths=np.array(lengths, dtype=np.float64),
            cosines=np.array(cosines, dtype=np.float64),
            conversations=_neighbourhoods(places, positions),
            seconds=np.array(seconds, dtype=np.float64),
            speakers=speakers,
            saliences=np.array(saliences, dtype=np.float64),
            population=population,
        ),
    )


def _indexed_now(
    bags: Sequence[str], lengths: Sequence[float], texts: Sequence[str | None]
) -> tuple[Sequence[str], Sequence[float]]:
    """A row that isn't indexed yet takes part by its words all the same."""
    if not any(texts):
        return bags, lengths
    left = iter(range(MAX_UNINDEXED))
    made = [[] if text is None or next(left, None) is None else terms_of(text) for text in texts]
    return (
        [f" {'  '.join(new)} " if new else bag for bag, new in zip(bags, made, strict=True)],
        [len(new) if new else old for old, new in zip(lengths, made, strict=True)],
    )


def _kinds(filters: Filters) -> list[Kind]:
    """In an order of their own, so that equal scores always come out in the same order."""
    of_memories = (
        filters.salience,
        filters.topics_any,
        filters.topics_all,
        filters.source,
        filters.topic_key,
        filters.contact_id,
    )
    wanted: list[Kind] = []
    if "memory" in filters.kinds:
        wanted.append("memory")
    if "passage" in filters.kinds and all(one is None for one in of_memories):
        wanted.append("passage")
    if "message" in filters.kinds and all(one is None for one in of_memories[:-1]):
        wanted.append("message")
    return wanted


def _is_wide(filters: Filters) -> bool:
    """Whether nearly every memory passes: only then can candidates be taken before it is filtered,
    and none be missing for it."""
    narrow = (
        filters.salience,
        filters.topics_any,
        filters.topics_all,
        filters.source,
        filters.topic_key,
        filters.agent_id,
        filters.contact_id,
        filters.since,
        filters.until,
    )
    return all(one is None for one in narrow)


def _listed(values: tuple[str, ...] | None) -> list[str] | None:
    return None if values is None else list(values)


def _neighbourhoods(
    places: Sequence[UUID | None], positions: Sequence[int]
) -> npt.NDArray[np.int64]:
    """Numbers that are equal for rows that follow each other without a gap; -1 for lone rows."""
    numbers: list[int] = []
    number = 0
    before: tuple[UUID | None, int] = (None, 0)
    for place, position in zip(places, positions, strict=True):
        if place is None:
            numbers.append(-1)
            continue
        if before != (place, position - 1):
            number += 1
        numbers.append(number)
        before = (place, position)
    return np.array(numbers, dtype=np.int64)

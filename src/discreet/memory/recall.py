"""Recall memories, passages and messages of a scope.

The search is exact over the scope's rows: the database returns every row's terms and distance,
``ranking`` sorts them, and only the best are read in full, unless there are few.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, ContactId, SessionId, TurnId
from discreet.memory.candidates import candidates_of
from discreet.memory.filters import ANY, Filters
from discreet.memory.query import Query, prepare
from discreet.memory.ranking import FEATURES, Candidates, Kind, Mode, Ranking, rank
from discreet.memory.whole_rows import fetch_whole
from discreet.scope import Transaction

__all__ = [
    "ANY",
    "Filters",
    "Hit",
    "Query",
    "Result",
    "ScoreParts",
    "prepare",
    "recall",
    "search",
    "search_messages",
]

MAX_HITS = 100


@dataclass(frozen=True, slots=True)
class ScoreParts:
    """Why a row was found.

    ``matched``: the share of the question's information in the row's own words, 0 to 1. ``cosine``:
    with the question, -1 to 1, or None without a vector. The others add up to the score: own words;
    own vector; neighbours and sitting; speaker; requested days; kind of line; salience; age,
    including the bonus for replacing an older row.
    """

    matched: float
    cosine: float | None
    text: float
    meaning: float
    nearby: float
    speaker: float
    date: float
    form: float
    salience: float
    age: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result; ``kind`` says what it is.

    ``contact_id`` is the contact it belongs to, None for the owner's (such as every passage) or, if
    ``shared``, for everyone who talks to the agent. ``title`` is set for passages, ``salience`` to
    ``expires_at`` for memories, and the last four for messages.
    """

    kind: Kind
    id: UUID
    content: str
    created_at: datetime
    score: float
    parts: ScoreParts
    agent_id: AgentId
    contact_id: ContactId | None = None
    shared: bool = False
    title: str = ""
    salience: str | None = None
    summary: str = ""
    topics: tuple[str, ...] = ()
    source: str = ""
    version: int | None = None
    topic_key: str | None = None
    expires_at: datetime | None = None
    session_id: SessionId | None = None
    position: int | None = None
    direction: str = ""
    sender_name: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """Hits, best first. ``since``: when the oldest message that was read was stored.

    ``since`` None: everything in the scope that passes the filters was read.
    """

    hits: list[Hit]
    since: datetime | None = None


async def recall(
    tx: Transaction,
    query: Query,
    *,
    mode: Mode = "hybrid",
    limit: int = 10,
    filters: Filters = ANY,
) -> list[Hit]:
    """Return the hits of ``search``. Raises: as it does."""
    return (await search(tx, query, mode=mode, limit=limit, filters=filters)).hits


async def search(
    tx: Transaction,
    query: Query,
    *,
    mode: Mode = "hybrid",
    limit: int = 10,
    filters: Filters = ANY,
) -> Result:
    """Return the best rows of this scope, best first.

    Hybrid mode returns as many as the limit and the scope allow, or none if nothing matches at all.
    Expired rows are excluded unless the filters include them.

    Raises:
        BadInput: a limit outside 1 to 100.
    """
    if not 1 <= limit <= MAX_HITS:
        raise BadInput(f"Invalid limit {limit}.", hint=f"Use 1 to {MAX_HITS}.")
    found = await candidates_of(tx, query, filters)
    if not len(found):
        return Result([], found.since)
    ranking = rank(query.asked, found.candidates, mode=mode, now=query.asked_at.timestamp())
    best = ranking.order[:limit].tolist()
    whole: dict[int, dict[str, Any]] = {}
    unread: dict[Kind, list[UUID]] = {}
    for at in best:
        row = found.whole_row(at)
        if row is None:
            unread.setdefault(found.kind_of(at), []).append(found.id_of(at))
        else:
            whole[at] = row
    if unread:
        by_id = await fetch_whole(tx, unread)
        # Another request may have deleted some of them in the meantime.
        whole |= {at: by_id[found.id_of(at)] for at in best if found.id_of(at) in by_id}
    hits = [
        Hit(
            kind=found.kind_of(at),
            id=found.id_of(at),
            score=float(ranking.scores[at]),
            parts=_parts(ranking, found.candidates, at),
            **whole[at],
        )
        for at in best
        if at in whole
    ]
    return Result(hits, found.since)


async def search_messages(
    tx: Transaction,
    query: Query,
    *,
    mode: Mode = "hybrid",
    limit: int = 10,
    session_id: SessionId | None = None,
    before_turn: TurnId | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Hit]:
    """Search the messages of this scope, in one session or in all of them.

    Raises:
        BadInput: a limit outside 1 to 100.
    """
    filters = Filters(
        kinds=frozenset(["message"]),
        session_id=session_id,
        before_turn=before_turn,
        since=since,
        until=until,
    )
    return await recall(tx, query, mode=mode, limit=limit, filters=filters)


_PART_OF = {
    "text": "text",
    "meaning": "meaning",
    "meaning part": "meaning",
    "topic": "meaning",
    "nearest words": "meaning",
    "side by side": "text",
    "standing order": "form",
    "speaker": "speaker",
    "date": "date",
    "salience": "salience",
    "age": "age",
    "asked before": "form",
    "opening": "form",
    "time word": "form",
    "number": "form",
    "agent": "form",
    "agent asked for": "form",
    "agent in short": "form",
    "fresh": "form",
}


_PARTS = tuple(_PART_OF.get(name, "nearby") for name in FEATURES)
"""The part of the score that each feature counts in."""


def _parts(ranking: Ranking, candidates: Candidates, at: int) -> ScoreParts:
    sums = dict.fromkeys(
        ["text", "meaning", "nearby", "speaker", "date", "form", "salience", "age"], 0.0
    )
    for part, value in zip(_PARTS, (ranking.features[at] * ranking.weights).tolist(), strict=True):
        if value:
            sums[part] += value
    sums["age"] += float(ranking.lifted[at])
    cosine = float(candidates.cosines[at])
    return ScoreParts(
        matched=float(ranking.matched[at]), cosine=None if np.isnan(cosine) else cosine, **sums
    )

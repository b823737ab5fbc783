"""Searches over everybody's memories and messages, each find labelled with whose it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

from discreet.contacts.labels import labels_of, whose
from discreet.domain.errors import Unavailable
from discreet.domain.ids import AgentId, OwnerId
from discreet.memory.embedding import Embedder
from discreet.memory.query import Query, prepare
from discreet.memory.ranking import Mode
from discreet.memory.recall import Filters, Hit, recall
from discreet.scope import OwnerScope, ScopedDatabase


@dataclass(frozen=True, slots=True)
class LabelledHit:
    """What was found. ``whose``: the contact's label, ``owner`` or ``shared``; ``speaker`` of a
    message: a name or an address, ``owner``, or the agent's name; empty for the rest."""

    hit: Hit
    agent: str
    whose: str
    speaker: str


async def search(
    db: ScopedDatabase,
    owner_id: OwnerId,
    text: str,
    embedder: Embedder,
    *,
    mode: Mode = "hybrid",
    limit: int = 10,
    filters: Filters,
) -> list[LabelledHit]:
    """What answers ``text`` best, in everything of the owner's that the filters let through.

    Without its embedder it is found by its words alone.

    Raises:
        BadInput: a limit outside 1 to 100.
    """
    query = await _query(text, embedder)
    async with db.begin(OwnerScope(owner_id)) as tx:
        hits = await recall(tx, query, mode=mode, limit=limit, filters=filters)
        labels = await labels_of(tx, [hit.contact_id for hit in hits])
        agents: dict[AgentId, str] = dict(
            await tx.fetch_tuples("SELECT id, name FROM discreet.agents")
        )
        speakers: dict[UUID, str] = dict(
            await tx.fetch_tuples(
                "SELECT m.id, coalesce(nullif(m.sender_name, ''), nullif(m.sender_address, ''),"
                " m.sender_contact_id::text, 'owner') FROM discreet.messages m"
                " WHERE m.id = ANY(%(ids)s) AND m.direction = 'in'",
                {"ids": [hit.id for hit in hits if hit.kind == "message"]},
            )
        )
    return [
        LabelledHit(
            hit,
            agents[hit.agent_id],
            whose(labels.get(hit.contact_id), shared=hit.shared),
            speakers.get(hit.id, agents[hit.agent_id]) if hit.kind == "message" else "",
        )
        for hit in hits
    ]


async def _query(text: str, embedder: Embedder) -> Query:
    try:
        return await asyncio.to_thread(prepare, text, embedder)
    except Unavailable:
        return prepare(text, None)

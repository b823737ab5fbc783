"""What the searches of a turn bring up, each with whose it is."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from uuid import UUID

from discreet.domain.errors import Unavailable
from discreet.domain.ids import TurnId
from discreet.memory.embedding import Embedder
from discreet.memory.memories import list_memories
from discreet.memory.recall import Hit, Query, prepare, recall, search_messages
from discreet.scope import OwnerScope, Transaction
from discreet.turn.context import OWNER, Found, Speaker
from discreet.turn.whose import whose_rows


async def prepare_query(text: str, embedder: Embedder) -> Query:
    """A query, made outside of any transaction; by its words alone where no vector can be had."""
    try:
        return await asyncio.to_thread(prepare, text, embedder)
    except Unavailable:
        return prepare(text, None)


async def find(tx: Transaction, query: Query, limit: int) -> tuple[Found, ...]:
    """Memories and reference texts of this scope, best first."""
    return await _founds(tx, await recall(tx, query, limit=limit))


async def find_said(
    tx: Transaction, query: Query, limit: int, turn_id: TurnId
) -> tuple[Found, ...]:
    """What was said in this scope, best first, but for what this turn answers."""
    return await _founds(tx, await search_messages(tx, query, limit=limit, before_turn=turn_id))


async def find_newest(tx: Transaction, limit: int) -> tuple[Found, ...]:
    """The newest memories of this scope."""
    memories = await list_memories(tx, limit)
    whose = await whose_rows(tx, [memory.contact_id for memory in memories])
    return tuple(
        Found(
            "memory",
            memory.content,
            memory.created_at,
            id=memory.id,
            salience=memory.salience,
            version=memory.version,
            whose=whose.of(memory.contact_id, shared=memory.shared),
        )
        for memory in memories
    )


async def _founds(tx: Transaction, hits: list[Hit]) -> tuple[Found, ...]:
    whose = await whose_rows(tx, [hit.contact_id for hit in hits])
    speakers = await _speakers(tx, hits)
    return tuple(
        _found(hit, whose.of(hit.contact_id, shared=hit.shared), speakers.get(hit.id))
        for hit in hits
    )


def _found(hit: Hit, whose: Speaker | None, by: Speaker | None) -> Found:
    return Found(
        hit.kind,
        hit.content,
        hit.created_at,
        id=hit.id,
        title=hit.title,
        salience=hit.salience,
        whose=whose,
        by=by,
        position=hit.position,
        closeness=hit.parts.cosine,
        version=hit.version,
        score=hit.score,
        parts=asdict(hit.parts),
    )


async def _speakers(tx: Transaction, hits: list[Hit]) -> dict[UUID, Speaker]:
    """Who said the inbound messages among the hits, by message."""
    said = [hit.id for hit in hits if hit.kind == "message" and hit.direction == "in"]
    if not said:
        return {}
    found = await tx.fetch(
        "SELECT id, sender_contact_id, sender_name, sender_address FROM discreet.messages"
        " WHERE id = ANY(%(ids)s)",
        {"ids": said},
    )
    return {
        row["id"]: OWNER
        if row["sender_contact_id"] is None
        and (isinstance(tx.scope, OwnerScope) or not row["sender_address"])
        else Speaker(row["sender_name"], row["sender_address"])
        for row in found
    }

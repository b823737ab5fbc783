"""Search for the context of a turn, and attribute the results."""

from __future__ import annotations

from collections.abc import Iterable

from discreet.memory.query import Query
from discreet.schemas.attribution import OWNER as OWNERS_OWN
from discreet.schemas.attribution import SHARED, Person
from discreet.schemas.memories import Hit, Memory
from discreet.scope import Transaction
from discreet.services import recall
from discreet.services.recall import prepare_query
from discreet.turn.context import OWNER, Found, Speaker

__all__ = ["SHARED_SPEAKER", "found_hits", "found_memories", "prepare_query", "retrieve"]

SHARED_SPEAKER = Speaker(name="all who share this agent", address="shared")


async def retrieve(tx: Transaction, query: Query, limit: int) -> tuple[Found, ...]:
    """Find memories and reference texts of this scope, best first."""
    return found_hits(await recall.find_hits(tx, query, limit=limit))


def found_hits(hits: Iterable[Hit]) -> tuple[Found, ...]:
    """Convert search results for a turn."""
    return tuple(
        Found(
            hit.kind,
            hit.content,
            hit.created_at,
            id=hit.id,
            title=hit.title,
            salience=hit.salience,
            whose=_whose(hit.whose),
            by=None if hit.said_by is None else _speaker(hit.said_by),
            position=hit.position,
            closeness=hit.parts.cosine,
            version=hit.version,
            source=hit.source or None,
            score=hit.score,
            parts=hit.parts.model_dump(),
            contact_id=hit.contact_id,
        )
        for hit in hits
    )


def found_memories(memories: Iterable[Memory]) -> tuple[Found, ...]:
    """Convert listed memories for a turn."""
    return tuple(
        Found(
            "memory",
            memory.content,
            memory.created_at,
            id=memory.id,
            salience=memory.salience,
            version=memory.version,
            source=memory.source,
            whose=_whose(memory.whose),
            contact_id=memory.contact_id,
        )
        for memory in memories
    )


def _whose(person: Person | None) -> Speaker | None:
    """Return the speaker, or None if it is this scope's own."""
    if person is None or person == OWNERS_OWN:
        return None
    return SHARED_SPEAKER if person == SHARED else Speaker(person.name, person.address)


def _speaker(person: Person) -> Speaker:
    return OWNER if person == OWNERS_OWN else Speaker(person.name, person.address)

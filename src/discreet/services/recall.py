"""Search memories, reference texts and messages, for every entry point."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from discreet.domain.errors import Unavailable
from discreet.domain.ids import AgentId, ContactId, SessionId
from discreet.memory import recall as store
from discreet.memory.embedding import Embedder
from discreet.memory.filters import Filters
from discreet.memory.query import Query, prepare, prepare_soon
from discreet.schemas import memories as schemas
from discreet.schemas.attribution import OWNER, Person
from discreet.scope import OwnerScope, Transaction
from discreet.services.attribution import attribution_of
from discreet.services.context import OperationContext

__all__ = ["BY_WORDS_ONLY", "Subset", "find_hits", "prepare_query", "recall", "search_messages"]

BY_WORDS_ONLY = "The embedder can't be reached. Results were matched by words alone."


@dataclass(frozen=True, slots=True)
class Subset:
    """The part of a scope to search.

    It is chosen by the owner's own entry points or by code and isn't part of any request, so a
    contact's request can't name an agent, contact or session.
    """

    agent_id: AgentId | None = None
    contact_id: ContactId | None = None
    session_id: SessionId | None = None


WHOLE = Subset()


async def recall(
    context: OperationContext, request: schemas.Recall, part: Subset = WHOLE
) -> schemas.Hits:
    """Search memories and reference texts, and messages if asked for. Best match first.

    If the embedder can't be reached, results are matched by words and ``by_words_only`` is true.

    Raises:
        BadInput: the limit is out of range.
    """
    filters = Filters(
        kinds=frozenset(request.kinds),
        salience=None if request.salience is None else tuple(request.salience),
        topics_any=None if request.topics_any is None else tuple(request.topics_any),
        topics_all=None if request.topics_all is None else tuple(request.topics_all),
        source=request.source,
        topic_key=request.topic_key,
        since=request.since,
        until=request.until,
        include_expired=request.include_expired,
        agent_id=part.agent_id,
        contact_id=part.contact_id,
        session_id=part.session_id,
        before_turn=context.turn_id,
    )
    return await _search(context, request, filters)


async def search_messages(
    context: OperationContext, request: schemas.SearchMessages, part: Subset = WHOLE
) -> schemas.Hits:
    """Search past messages. Best match first. A turn doesn't find the messages it answers.

    Raises:
        BadInput: the limit is out of range.
    """
    filters = Filters(
        kinds=frozenset(["message"]),
        since=request.since,
        until=request.until,
        agent_id=part.agent_id,
        contact_id=part.contact_id,
        session_id=part.session_id,
        before_turn=context.turn_id,
    )
    return await _search(context, request, filters)


async def _search(
    context: OperationContext, request: schemas.Search, filters: Filters
) -> schemas.Hits:
    query = await prepare_query(request.query, context.embedder())
    async with context.read() as tx:
        found = await _find(tx, query, request.mode, request.limit, filters)
        items = await _described(tx, found.hits)
    return schemas.Hits(
        items=items, by_words_only=_has_words_only(query), searched_since=found.since
    )


async def prepare_query(text: str, embedder: Embedder) -> Query:
    """Prepare a query outside transactions, with words alone if the embedder fails."""
    try:
        return await prepare_soon(text, embedder)
    except Unavailable:
        return prepare(text, None)


async def find_hits(
    tx: Transaction,
    query: Query,
    *,
    mode: schemas.Mode = "hybrid",
    limit: int,
    filters: Filters = store.ANY,
) -> list[schemas.Hit]:
    """Run a prepared query in the scope of ``tx``; add who each result belongs to and who said it.

    Raises:
        BadInput: the limit is out of range.
    """
    found = await _find(tx, query, mode, limit, filters)
    return await _described(tx, found.hits)


async def _find(
    tx: Transaction, query: Query, mode: schemas.Mode, limit: int, filters: Filters
) -> store.Result:
    if _has_words_only(query) and mode == "semantic":
        mode = "text"
    return await store.search(tx, query, mode=mode, limit=limit, filters=filters)


async def _described(tx: Transaction, hits: list[store.Hit]) -> list[schemas.Hit]:
    attribution = await attribution_of(tx, [hit.contact_id for hit in hits])
    agents = await _agents(tx) if hits and isinstance(tx.scope, OwnerScope) else {}
    speakers = await _speakers(tx, hits)
    return [
        schemas.Hit.model_validate(hit).model_copy(
            update={
                "whose": attribution.person_of(hit.contact_id, shared=hit.shared),
                "agent": agents.get(hit.agent_id),
                "said_by": speakers.get(hit.id),
            }
        )
        for hit in hits
    ]


def _has_words_only(query: Query) -> bool:
    return not query.embedder


async def _agents(tx: Transaction) -> dict[AgentId, str]:
    return dict(await tx.fetch_tuples("SELECT id, name FROM discreet.agents"))


async def _speakers(tx: Transaction, hits: list[store.Hit]) -> dict[UUID, Person]:
    """Return who wrote the inbound messages among the hits, by message id."""
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
        # In shared conversations, the owner's account is treated like the others'.
        and (isinstance(tx.scope, OwnerScope) or not row["sender_address"])
        else Person(name=row["sender_name"], address=row["sender_address"])
        for row in found
    }

"""Reference texts, which an owner publishes to everyone who talks to an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import AgentId, OwnerId
from discreet.memory.embedding import Embedder, bundled_embedder
from discreet.memory.indexing import index
from discreet.schemas.references import Published, TextToPublish
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.agents import get_agent
from discreet.services.reference_files import (
    MAX_PASSAGES,
    ReferenceFiles,
    ReferenceText,
    read_references,
    split_reference,
)

__all__ = [
    "Published",
    "ReferenceFiles",
    "ReferenceText",
    "check_published",
    "list_references",
    "publish",
    "publish_also",
    "read_references",
    "read_texts",
]


async def publish(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: AgentId,
    texts: Sequence[ReferenceText],
    embedder: Embedder | None = None,
) -> Published:
    """Replace all reference texts of the agent with these, in one commit.

    An empty list unpublishes all of them.

    Raises:
        NotFound: the owner has no such agent.
    """
    embedder = embedder or bundled_embedder()
    passages = await asyncio.to_thread(_indexed, texts, embedder)
    async with db.begin(OwnerScope(owner_id, agent_id)) as tx:
        gone = await tx.fetch(
            "DELETE FROM discreet.passages WHERE agent_id = %(agent)s RETURNING title",
            {"agent": agent_id},
        )
        await _insert(tx, agent_id, passages)
    removed = {row["title"] for row in gone} - {one.title for one in texts}
    return Published(texts=len(texts), passages=len(passages), removed=sorted(removed))


def read_texts(texts: Sequence[TextToPublish]) -> list[ReferenceText]:
    """Split a program's texts into passages.

    Raises:
        BadInput: two have the same title, one is empty or not valid text, or there are too many.
    """
    if len({one.title for one in texts}) < len(texts):
        raise BadInput("Two texts have the same title.", hint="Nothing was changed.")
    for one in texts:
        if "\0" in one.title + one.text:
            raise BadInput(f"{one.title!a} contains a NUL.", hint="Nothing was changed.")
        if not one.text.strip():
            raise BadInput(f"{one.title!a} is empty.", hint="Nothing was changed.")
    found = [ReferenceText(one.title, tuple(split_reference(one.text))) for one in texts]
    if sum(len(text.passages) for text in found) > MAX_PASSAGES:
        raise BadInput(f"These texts are too long: more than {MAX_PASSAGES:,} passages.")
    return found


async def list_references(
    db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId
) -> dict[str, int]:
    """Return the titles of an agent's published texts, with their numbers of passages."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            """SELECT title, count(*) AS passages FROM discreet.passages
                WHERE agent_id = %(agent)s GROUP BY title ORDER BY title""",
            {"agent": agent_id},
        )
    return {row["title"]: row["passages"] for row in found}


async def check_published(db: ScopedDatabase, owner_id: OwnerId, agent: str, title: str) -> None:
    """Check that an agent has a text of this title.

    Raises:
        NotFound: there is no such agent, or no such text.
    """
    found = await get_agent(db, owner_id, agent)
    known = await list_references(db, owner_id, found.id)
    if title not in known:
        hint = f"It has: {', '.join(known)}." if known else "It has none."
        raise NotFound(f"{found.name} has no text named {title!a}.", hint=hint)


async def get_reference(
    db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId, title: str
) -> str:
    """Return the passages of a text, one paragraph each.

    Raises:
        NotFound: the agent has no such text.
    """
    texts = await _published(db, owner_id, agent_id)
    if title not in texts:
        raise NotFound("There is no such text.", hint="See: sb agents show")
    return "\n\n".join(texts[title])


async def publish_one(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: AgentId,
    title: str,
    text: TextToPublish | None,
    embedder: Embedder | None = None,
) -> Published:
    """Publish one text in place of the one of this title, or take it back; the others stay.

    Raises:
        NotFound: the owner has no such agent.
        BadInput: as for ``read_texts``.
    """
    texts = read_texts([text] if text else [])
    return await publish_also(db, owner_id, agent_id, texts, embedder, without=(title,))


async def publish_also(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: AgentId,
    texts: Sequence[ReferenceText],
    embedder: Embedder | None = None,
    *,
    without: Sequence[str] = (),
) -> Published:
    """Publish these texts beside the others, in place of those of the same titles.

    ``without``: titles to take back; one that isn't published makes no difference.

    Raises:
        NotFound: the owner has no such agent.
        BadInput: there would be too many passages.
    """
    embedder = embedder or bundled_embedder()
    passages = await asyncio.to_thread(_indexed, texts, embedder)
    titles = {text.title for text in texts}
    async with db.begin(OwnerScope(owner_id, agent_id)) as tx:
        gone = await tx.fetch(
            "DELETE FROM discreet.passages WHERE agent_id = %(agent)s"
            " AND title = ANY (%(titles)s) RETURNING title",
            {"agent": agent_id, "titles": sorted(titles | set(without))},
        )
        await _insert(tx, agent_id, passages)
        stored = await tx.value(
            "SELECT count(*) FROM discreet.passages WHERE agent_id = %(agent)s", {"agent": agent_id}
        )
        if stored > MAX_PASSAGES:
            raise BadInput(
                f"All texts together would be too long: more than {MAX_PASSAGES:,} passages.",
                hint="Remove one first.",
            )
    removed = {row["title"] for row in gone} - titles
    return Published(texts=len(texts), passages=len(passages), removed=sorted(removed))


async def _insert(
    tx: Transaction, agent_id: AgentId, passages: Sequence[Mapping[str, Any]]
) -> None:
    await tx.execute(
        """INSERT INTO discreet.passages
             (agent_id, title, position, content, terms, tokens, embedder, embedding)
           SELECT %(agent)s, p.title, p.position, p.content, p.terms, p.tokens::bytea,
                  p.embedder, p.embedding::public.vector
             FROM jsonb_to_recordset(%(passages)s) AS p
                  (title text, position int, content text, terms text[], tokens text,
                   embedder text, embedding text)""",
        {"agent": agent_id, "passages": Jsonb(passages)},
    )


async def _published(
    db: ScopedDatabase, owner_id: OwnerId, agent_id: AgentId
) -> dict[str, tuple[str, ...]]:
    async with db.begin(OwnerScope(owner_id)) as tx:
        found = await tx.fetch(
            "SELECT title, array_agg(content ORDER BY position) AS passages"
            " FROM discreet.passages p WHERE p.agent_id = %(agent)s"
            " GROUP BY p.title ORDER BY p.title",
            {"agent": agent_id},
        )
    return {row["title"]: tuple(row["passages"]) for row in found}


def _indexed(texts: Sequence[ReferenceText], embedder: Embedder) -> list[dict[str, Any]]:
    places = [
        {"title": text.title, "position": position, "content": passage}
        for text in texts
        for position, passage in enumerate(text.passages)
    ]
    made = index([str(place["content"]) for place in places], embedder)
    return [place | found.as_params() for place, found in zip(places, made, strict=True)]

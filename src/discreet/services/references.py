"""Reference texts, which an owner publishes to everyone who talks to an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from discreet.domain.errors import BadInput, NotFound
from discreet.domain.ids import AgentId, OwnerId
from discreet.memory.embedding import Embedder, bundled_embedder
from discreet.memory.indexing import index
from discreet.schemas.agents import AgentChange
from discreet.schemas.references import Published, TextToPublish
from discreet.scope import OwnerScope, ScopedDatabase, Transaction
from discreet.services.agents import Agent, change_agent_in, create_agent_in, get_agent
from discreet.services.reference_files import (
    MAX_PASSAGES,
    ReferenceFiles,
    ReferenceText,
    read_references,
    split_reference,
)

__all__ = [
    "Published",
    "ReferenceChange",
    "ReferenceFiles",
    "ReferenceText",
    "change_references",
    "check_published",
    "create_with_texts",
    "list_references",
    "publish",
    "read_references",
    "read_texts",
    "set_agent",
]


@dataclass(frozen=True, slots=True)
class ReferenceChange:
    """Texts to publish, in place of those of the same titles, and titles to take back.

    ``remove``: a title that isn't published makes no difference. ``replace_all``: no other text
    stays.
    """

    texts: Sequence[ReferenceText] = ()
    remove: Sequence[str] = ()
    replace_all: bool = False


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
    change = ReferenceChange(texts, replace_all=True)
    return await change_references(db, owner_id, agent_id, change, embedder)


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


async def change_references(
    db: ScopedDatabase,
    owner_id: OwnerId,
    agent_id: AgentId,
    change: ReferenceChange,
    embedder: Embedder | None = None,
) -> Published:
    """Publish some texts and take others back, in one commit.

    Raises:
        NotFound: the owner has no such agent.
        BadInput: there would be too many passages.
    """
    passages = await _passages_of(change, embedder)
    async with db.begin(OwnerScope(owner_id, agent_id)) as tx:
        return await _store(tx, agent_id, change, passages)


async def set_agent(
    db: ScopedDatabase,
    owner_id: OwnerId,
    name: str,
    change: AgentChange,
    texts: ReferenceChange | None,
    embedder: Embedder | None = None,
) -> tuple[Agent, Published | None]:
    """Change an agent's settings and its texts, in one commit: both or neither.

    Raises:
        NotFound, BadInput, Conflict: as for ``change_agent`` and ``change_references``.
    """
    passages = await _passages_of(texts, embedder)
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await change_agent_in(tx, name, change)
        if texts is None:
            return agent, None
        return agent, await _store(tx, agent.id, texts, passages)


async def create_with_texts(
    db: ScopedDatabase,
    owner_id: OwnerId,
    name: str,
    change: AgentChange,
    texts: ReferenceChange | None,
    embedder: Embedder | None = None,
) -> tuple[Agent, Published | None]:
    """Create an agent together with its texts, in one commit.

    Raises:
        BadInput, Conflict: as for ``create_agent`` and ``change_references``.
    """
    passages = await _passages_of(texts, embedder)
    async with db.begin(OwnerScope(owner_id)) as tx:
        agent = await create_agent_in(tx, name, change)
        if texts is None:
            return agent, None
        return agent, await _store(tx, agent.id, texts, passages)


async def _passages_of(
    change: ReferenceChange | None, embedder: Embedder | None
) -> Sequence[Mapping[str, Any]]:
    """Index the texts before a transaction is open."""
    if change is None or not change.texts:
        return []
    return await asyncio.to_thread(_indexed, change.texts, embedder or bundled_embedder())


async def _store(
    tx: Transaction,
    agent_id: AgentId,
    change: ReferenceChange,
    passages: Sequence[Mapping[str, Any]],
) -> Published:
    titles = {text.title for text in change.texts}
    gone = await tx.fetch(
        "DELETE FROM discreet.passages WHERE agent_id = %(agent)s"
        " AND (%(all)s OR title = ANY (%(titles)s)) RETURNING title",
        {
            "agent": agent_id,
            "all": change.replace_all,
            "titles": sorted(titles | set(change.remove)),
        },
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
    return Published(texts=len(change.texts), passages=len(passages), removed=sorted(removed))


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

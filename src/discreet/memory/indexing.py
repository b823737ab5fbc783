"""Index texts for search: their terms and vectors."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString
from uuid import UUID

from discreet.domain.errors import Unavailable
from discreet.domain.ids import SessionId
from discreet.domain.text import valid_unicode
from discreet.memory.embedding import (
    Embedder,
    EmbedderByLanguage,
    StaticEmbedder,
    Vectors,
)
from discreet.memory.filters import Kind
from discreet.memory.spaces import embeds_quickly, is_english, space_for, space_names
from discreet.memory.token_vectors import pack
from discreet.memory.tokenizer import VERSION, terms_of
from discreet.scope import OwnerScope, ScopedDatabase, Transaction, WorkScope
from discreet.scope.scopes import SessionScope

__all__ = [
    "Indexed",
    "Unindexed",
    "catch_up",
    "index",
    "index_backlog",
    "index_messages",
    "index_quickly",
    "index_soon",
    "mentioning",
    "save_indexed",
    "unindexed",
    "unindexed_of_session",
    "vector_literal",
]


@dataclass(frozen=True, slots=True)
class Indexed:
    """A text's search data. ``terms`` is a bag, ``tokens`` as ``token_vectors.pack`` makes them.

    ``embedder`` and ``vector`` are None if embedding has to wait; until then the text is found by
    its words and tokens.
    """

    terms: tuple[str, ...]
    tokens: str = "\\x"
    embedder: str | None = None
    vector: str | None = None

    def as_params(self) -> dict[str, Any]:
        """Return the values of the columns terms, tokens, embedder and embedding."""
        return {
            "terms": list(self.terms),
            "tokens": self.tokens,
            "embedder": self.embedder,
            "embedding": self.vector,
        }


@dataclass(frozen=True, slots=True)
class Unindexed:
    """A stored text that lacks its terms or a vector of the current embedder."""

    id: UUID
    text: str


def index(texts: Sequence[str], embedder: Embedder | None) -> list[Indexed]:
    """Return terms and vectors of texts, in one batch. Call it outside transactions.

    If the embedder can't be reached, the texts are indexed without vectors.
    """
    texts = [valid_unicode(text) for text in texts]
    made = [
        Indexed(tuple(terms_of(text)), tokens)
        for text, tokens in zip(texts, pack(texts), strict=True)
    ]
    if embedder is None or not texts:
        return made
    try:
        spaces = [space_for(embedder, text) for text in texts]
        for space in dict.fromkeys(spaces):
            places = [at for at, of_text in enumerate(spaces) if of_text is space]
            vectors = space.embed([texts[at] for at in places])
            # A text without tokens has a zero vector; it still gets the embedder's name, because
            # it is done.
            for at, vector in zip(places, vectors, strict=True):
                made[at] = replace(
                    made[at],
                    embedder=space.name,
                    vector=vector_literal(vector) if vector.any() else None,
                )
    except Unavailable:
        return [replace(one, embedder=None, vector=None) for one in made]
    return made


def index_quickly(texts: Sequence[str], embedder: Embedder) -> dict[str, Indexed]:
    """Return the search data of those texts whose embedder only does arithmetic."""
    table = embedder.table if isinstance(embedder, EmbedderByLanguage) else embedder
    if not isinstance(table, StaticEmbedder):
        return {}
    quick = [text for text in texts if table is embedder or is_english(text)]
    return dict(zip(quick, index(quick, table), strict=True))


async def index_soon(text: str, embedder: Embedder) -> Indexed:
    """Index one text without holding up others for longer than handing it to a thread would."""
    if embeds_quickly(text, embedder):
        return index([text], embedder)[0]
    return (await asyncio.to_thread(index, [text], embedder))[0]


def vector_literal(vector: Vectors) -> str:
    """Format a vector for pgvector. Shape (dimensions,).

    Nine digits tell any two numbers of single precision apart, so PostgreSQL reads the same ones.
    """
    numbers = ",".join(["%.9g"] * len(vector))
    return f"[{numbers % tuple(vector.tolist())}]"


def mentioning(terms: Sequence[str]) -> str:
    """Return a case-insensitive regular expression for unindexed texts that may contain a term.

    The last letters of a stem may differ from the word's. Non-ASCII texts always match, because
    their spelling may differ.
    """
    begins = "|".join(re.escape(term[: max(3, len(term) - 2)]) for term in terms if term.isascii())
    return f"[^\\x01-\\x7f]|{begins}" if begins else "."


_UNINDEXED: Mapping[Kind, LiteralString] = {
    "memory": """
        SELECT id, content FROM discreet.memories
         WHERE embedder IS NULL OR embedder <> ALL (%(embedders)s)
            OR terms[1] IS DISTINCT FROM %(version)s
         ORDER BY created_at, id LIMIT %(limit)s""",
    "passage": """
        SELECT id, content FROM discreet.passages
         WHERE embedder IS NULL OR embedder <> ALL (%(embedders)s)
            OR terms[1] IS DISTINCT FROM %(version)s
         ORDER BY created_at, id LIMIT %(limit)s""",
    "message": """
        SELECT id, text FROM discreet.messages
         WHERE embedder IS NULL OR embedder <> ALL (%(embedders)s)
            OR terms[1] IS DISTINCT FROM %(version)s
         ORDER BY created_at, id LIMIT %(limit)s""",
}
_NEVER_EMBEDDED: Mapping[Kind, LiteralString] = {
    "memory": """
        SELECT id, content FROM discreet.memories WHERE embedder IS NULL
         ORDER BY created_at DESC, id DESC LIMIT %(limit)s""",
    "passage": """
        SELECT id, content FROM discreet.passages WHERE embedder IS NULL
         ORDER BY created_at DESC, id DESC LIMIT %(limit)s""",
}
_UNINDEXED_OF_SESSION: LiteralString = """
    SELECT id, text FROM discreet.messages
     WHERE session_id = %(session)s
       AND (embedder IS NULL OR embedder <> ALL (%(embedders)s)
            OR terms[1] IS DISTINCT FROM %(version)s)
     ORDER BY position DESC LIMIT %(limit)s"""
_SAVE: Mapping[Kind, LiteralString] = {
    # Compare the text again, because it may have changed during embedding.
    "memory": """
        UPDATE discreet.memories SET terms = %(terms)s, tokens = %(tokens)s,
               embedder = %(embedder)s, embedding = %(embedding)s::public.vector
         WHERE id = %(id)s AND content = %(text)s""",
    "passage": """
        UPDATE discreet.passages SET terms = %(terms)s, tokens = %(tokens)s,
               embedder = %(embedder)s, embedding = %(embedding)s::public.vector
         WHERE id = %(id)s AND content = %(text)s""",
    "message": """
        UPDATE discreet.messages SET terms = %(terms)s, tokens = %(tokens)s,
               embedder = %(embedder)s, embedding = %(embedding)s::public.vector
         WHERE id = %(id)s AND text = %(text)s""",
}


async def unindexed(
    tx: Transaction, kind: Kind, embedder: Embedder, *, limit: int = 100
) -> list[Unindexed]:
    """Return texts of this scope to index for this embedder, oldest first."""
    found = await tx.fetch_tuples(
        _UNINDEXED[kind], {"embedders": space_names(embedder), "version": VERSION, "limit": limit}
    )
    return [Unindexed(*row) for row in found]


async def unindexed_of_session(
    tx: Transaction, session_id: SessionId, embedder: Embedder, *, limit: int = 100
) -> list[Unindexed]:
    """Return the same for one session's messages; an owner's scope has too many."""
    found = await tx.fetch_tuples(
        _UNINDEXED_OF_SESSION,
        {
            "session": session_id,
            "embedders": space_names(embedder),
            "version": VERSION,
            "limit": limit,
        },
    )
    return [Unindexed(*row) for row in found]


async def save_indexed(
    tx: Transaction, kind: Kind, texts: Sequence[Unindexed], indexed: Sequence[Indexed]
) -> int:
    """Store the results of ``index`` and return how many texts still existed unchanged."""
    saved = 0
    for text, made in zip(texts, indexed, strict=True):
        saved += await tx.execute(
            _SAVE[kind], {"id": text.id, "text": text.text, **made.as_params()}
        )
    return saved


async def catch_up(
    db: ScopedDatabase, scope: SessionScope, kind: Kind, embedder: Embedder, *, batch: int = 100
) -> int:
    """Index one batch of a scope's unindexed texts of one kind, oldest first; return how many.

    Embedding happens in a thread between two short transactions. Call it again while it returns
    ``batch``. If the embedder can't be reached, nothing is stored and 0 is returned.
    """
    async with db.begin(scope) as tx:
        waiting = await unindexed(tx, kind, embedder, limit=batch)
    return await _index(db, scope, kind, waiting, embedder)


async def index_backlog(db: ScopedDatabase, embedder: Embedder, *, batch: int = 100) -> int:
    """Index memories and reference texts without a vector, newest first; return how many.

    It takes one batch of each kind for each owner, so that no owner waits for another. If the
    embedder can't be reached, nothing is stored and 0 is returned.
    """
    async with db.begin(WorkScope()) as tx:
        owners = await tx.fetch("SELECT owner_id FROM gate.owners()")
    done = 0
    for owner in owners:
        scope = OwnerScope(owner["owner_id"])
        for kind, query in _NEVER_EMBEDDED.items():
            async with db.begin(scope) as tx:
                found = await tx.fetch_tuples(query, {"limit": batch})
            waiting = [Unindexed(*row) for row in found]
            done += await _index(db, scope, kind, waiting, embedder)
    return done


async def index_messages(
    db: ScopedDatabase, scope: SessionScope, waiting: Sequence[Unindexed], embedder: Embedder
) -> int:
    """Index these messages of a scope; return how many still existed unchanged."""
    return await _index(db, scope, "message", waiting, embedder)


async def _index(
    db: ScopedDatabase,
    scope: SessionScope,
    kind: Kind,
    waiting: Sequence[Unindexed],
    embedder: Embedder,
) -> int:
    if not waiting:
        return 0
    made = await asyncio.to_thread(index, [one.text for one in waiting], embedder)
    if made[0].embedder is None:
        return 0
    async with db.begin(scope) as tx:
        return await save_indexed(tx, kind, waiting, made)

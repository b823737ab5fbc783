"""Re-embed all texts of an owner after a change of embedder, without interrupting other work.

The new vectors take over row by row; until then, a row is found by its words. No progress is
stored: the rows themselves show what remains, so an interrupted run resumes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import LiteralString
from uuid import UUID

from discreet.domain.errors import Unavailable
from discreet.domain.ids import OwnerId
from discreet.memory.embedding import Embedder, EmbedderByLanguage
from discreet.memory.filters import Kind
from discreet.memory.indexing import Unindexed, index, save_indexed
from discreet.memory.spaces import space_names
from discreet.memory.tokenizer import VERSION
from discreet.scope import OwnerScope, ScopedDatabase, WorkScope

__all__ = ["Progress", "reembed"]

Progress = Callable[[int, int], None]
"""Called with the number of texts done and the total."""
BATCH = 200

_LEFT: Mapping[Kind, LiteralString] = {
    "memory": "discreet.memories WHERE content IS NOT NULL",
    "passage": "discreet.passages WHERE content IS NOT NULL",
    "message": "discreet.messages WHERE text IS NOT NULL",
}
_TEXT: Mapping[Kind, LiteralString] = {"memory": "content", "passage": "content", "message": "text"}
_STALE: LiteralString = """
    AND (embedder IS NULL OR embedder <> ALL (%(embedders)s)
         OR terms[1] IS DISTINCT FROM %(version)s)"""
FIRST = UUID(int=0)


async def reembed(
    db: ScopedDatabase, owner_id: OwnerId, embedder: Embedder, progress: Progress
) -> int:
    """Re-embed every memory, reference text and message; return how many.

    Raises:
        Unavailable: the embedder can't be reached. Finished texts stay done.
    """
    scope = OwnerScope(owner_id)
    if not isinstance(embedder, EmbedderByLanguage):  # whose indexes are in every database
        async with db.begin(WorkScope()) as tx:
            await tx.execute(
                "SELECT discreet.index_vectors(%s, %s)", (embedder.name, embedder.dimensions)
            )
    params = {"embedders": space_names(embedder), "version": VERSION}
    async with db.begin(scope) as tx:
        total = 0
        for kind in _LEFT:
            total += await tx.value(f"SELECT count(*) FROM {_LEFT[kind]} {_STALE}", params)
    done = 0
    progress(done, total)
    for kind in _LEFT:
        after = FIRST
        while True:
            async with db.begin(scope) as tx:
                found = await tx.fetch_tuples(
                    f"SELECT id, {_TEXT[kind]} FROM {_LEFT[kind]} {_STALE} AND id > %(after)s"
                    " ORDER BY id LIMIT %(most)s",
                    {**params, "after": after, "most": BATCH},
                )
            if not found:
                break
            texts = [Unindexed(*row) for row in found]
            made = await asyncio.to_thread(index, [one.text for one in texts], embedder)
            if made[0].embedder is None:
                raise Unavailable(
                    f"The embedder is unreachable; {done:,} of {total:,} texts are done.",
                    hint="When it is reachable again, run: sb memories reembed",
                )
            async with db.begin(scope) as tx:
                await save_indexed(tx, kind, texts, made)
            after = texts[-1].id
            done += len(texts)
            progress(done, max(total, done))
    return done

"""Embed texts that were stored without a vector, in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from discreet.domain.concurrency import running
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import index_backlog
from discreet.queue.failing_jobs import Recurring
from discreet.scope import ScopedDatabase

IDLE_SECONDS = 20.0
"""Seconds between two checks for texts to embed."""
LEAST_PAUSE_SECONDS = 0.05


@asynccontextmanager
async def indexing(db: ScopedDatabase, embedder: Embedder) -> AsyncIterator[None]:
    """Work off the embedding backlog while the context is open."""
    async with running(_index_for_ever(db, embedder), "index"):
        yield


async def _index_for_ever(db: ScopedDatabase, embedder: Embedder) -> None:
    indexing = Recurring(db, "index", partial(index_backlog, db, embedder))
    while True:
        began = time.monotonic()
        done = await indexing.run_if_due()
        # Half of the time is left to turns, which share the processor and the connections.
        pause = max(LEAST_PAUSE_SECONDS, time.monotonic() - began) if done else IDLE_SECONDS
        await asyncio.sleep(pause)

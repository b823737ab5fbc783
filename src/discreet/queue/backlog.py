"""Embed texts that were stored without a vector, in the background."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from discreet.domain.concurrency import running
from discreet.memory.embedding import Embedder
from discreet.memory.indexing import index_backlog
from discreet.scope import ScopedDatabase

log = structlog.get_logger(__name__)

IDLE_SECONDS = 20.0
"""Seconds between two checks for texts to embed."""
LEAST_PAUSE_SECONDS = 0.05


@asynccontextmanager
async def indexing(db: ScopedDatabase, embedder: Embedder) -> AsyncIterator[None]:
    """Work off the embedding backlog while the context is open."""
    async with running(_index_for_ever(db, embedder), "index"):
        yield


async def _index_for_ever(db: ScopedDatabase, embedder: Embedder) -> None:
    while True:
        began = time.monotonic()
        try:
            done = await index_backlog(db, embedder)
        except Exception as error:
            log.warning("indexing failed; it will be retried", error=type(error).__name__)
            done = 0
        # Half of the time is left to turns, which share the processor and the connections.
        pause = max(LEAST_PAUSE_SECONDS, time.monotonic() - began) if done else IDLE_SECONDS
        await asyncio.sleep(pause)

"""Idempotency keys: a repeated call is carried out once. Keys are stored for a day."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from discreet.auth.tokens import Bearer
from discreet.domain.concurrency import running
from discreet.domain.errors import BadInput, Conflict, Unavailable
from discreet.scope import ScopedDatabase, WorkScope

LEASE = timedelta(seconds=5)
"""A key whose lease isn't renewed for this long is free: its process has died."""
RENEW_SECONDS = 2.0


async def once(
    db: ScopedDatabase,
    bearer: Bearer,
    key: str | None,
    asked: bytes,
    make: Callable[[], Awaitable[UUID]],
) -> UUID:
    """Return the id of what ``make`` creates, or created before with this token and key.

    ``asked`` is the request, byte for byte. If ``make`` raises, the key is free again.

    Raises:
        BadInput: the key was used for a different request.
        Conflict: a request with this key is in progress.
    """
    if key is None:
        return await make()
    named: dict[str, Any] = {
        "token": bearer.token_id,
        "key": hashlib.sha256(key.encode()).digest(),
        "asked": hashlib.sha256(asked).digest(),
    }
    async with db.begin(WorkScope()) as tx:
        row = await tx.fetch_one(
            "SELECT * FROM gate.claim_idempotency_key(%(token)s, %(key)s, %(asked)s, %(lease)s)",
            {**named, "lease": LEASE},
        )
    assert row is not None  # noqa: S101 - the function gives one row
    match row["state"]:
        case "done":
            return UUID(str(row["result"]))
        case "other":
            raise BadInput(
                "This Idempotency-Key was used for a different request.", hint="Use a new key."
            )
        case "busy":
            raise Conflict("A request with this key is in progress.", hint="Retry shortly.")
    named["held"] = row["lease"]
    made: UUID | None = None
    try:
        async with running(_renew(db, named), "renew an idempotency key"):
            made = await make()
    finally:
        async with db.begin(WorkScope()) as tx:
            await tx.execute(
                "SELECT gate.settle_idempotency_key(%(token)s, %(key)s, %(held)s, %(made)s)",
                {**named, "made": made},
            )
    return made


async def _renew(db: ScopedDatabase, named: Mapping[str, Any]) -> None:
    """Renew the lease, so that a slow request isn't carried out twice."""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        with suppress(Unavailable):
            async with db.begin(WorkScope()) as tx:
                await tx.execute(
                    "SELECT gate.renew_idempotency_key(%(token)s, %(key)s, %(held)s, %(lease)s)",
                    {**named, "lease": LEASE},
                )

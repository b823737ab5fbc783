"""What a machine asks for twice is done once: keys that it names, kept for a day."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from uuid import UUID

from discreet.domain.errors import BadInput, Conflict
from discreet.oversight.tokens import Bearer
from discreet.scope import Door, WorkScope


async def once(
    door: Door, bearer: Bearer, key: str | None, asked: bytes, make: Callable[[], Awaitable[UUID]]
) -> UUID:
    """The id of what ``make`` makes; with a key that this token used before, of what it made then.

    ``asked`` is what was asked for, byte for byte. Where ``make`` raises, the key is free again.

    Raises:
        BadInput: the key was used for something else.
        Conflict: the same is being done at this moment.
    """
    if key is None:
        return await make()
    named = {
        "token": bearer.token_id,
        "key": hashlib.sha256(key.encode()).digest(),
        "asked": hashlib.sha256(asked).digest(),
    }
    async with door.enter(WorkScope()) as rows:
        row = await rows.fetch_one(
            "SELECT * FROM gate.claim_idempotency_key(%(token)s, %(key)s, %(asked)s)", named
        )
    assert row is not None  # noqa: S101 - the function gives one row
    match row["state"]:
        case "done":
            return UUID(str(row["made"]))
        case "other":
            raise BadInput("This Idempotency-Key was used for something else.", hint="Take a new.")
        case "busy":
            raise Conflict("The same is being done at this moment.", hint="Ask again.")
    made: UUID | None = None
    try:
        made = await make()
    finally:
        async with door.enter(WorkScope()) as rows:
            await rows.execute(
                "SELECT gate.settle_idempotency_key(%(token)s, %(key)s, %(made)s)",
                {**named, "made": made},
            )
    return made

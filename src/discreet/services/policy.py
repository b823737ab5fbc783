"""The policy of this installation, as the functions of the database know it."""

from __future__ import annotations

from psycopg.types.json import Jsonb

from discreet.domain.policy import Policy
from discreet.domain.sender_notices import sender_notices
from discreet.scope import ScopedDatabase, WorkScope

__all__ = ["write_policy"]


async def write_policy(db: ScopedDatabase, policy: Policy) -> None:
    """Write the numbers, and the texts that name them. They hold from the next message on, for
    every server: of several that differ, the one that started last counts.

    Raises:
        Unavailable: the database can't be reached.
    """
    numbers = policy.model_dump(include=set(Policy.model_fields))
    async with db.begin(WorkScope()) as tx:
        await tx.execute(
            "SELECT gate.configure(%s, %s)", (Jsonb(numbers), Jsonb(sender_notices(policy)))
        )

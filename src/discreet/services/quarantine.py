"""Messages that could not be given to a contact. Only the owner sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from discreet.domain.ids import OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.scope import OwnerScope, ScopedDatabase, Transaction


@dataclass(frozen=True, slots=True)
class QuarantinedMessage:
    """A message without a contact. ``inbound``: as it was parsed, or what could be kept of it."""

    id: UUID
    platform: str
    agent: str
    reason: str
    inbound: Mapping[str, Any]
    attempts: int
    next_try_at: datetime
    created_at: datetime


async def list_quarantine(
    db: ScopedDatabase, owner_id: OwnerId, *, limit: int = MAX_LISTED, skip: int = 0
) -> list[QuarantinedMessage]:
    """Return what still waits, the oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await waiting_in_quarantine(tx, limit=limit, skip=skip)


async def waiting_in_quarantine(
    tx: Transaction, *, limit: int = MAX_LISTED, skip: int = 0
) -> list[QuarantinedMessage]:
    """Return the same, over rows of the owner's scope."""
    found = await tx.fetch(
        """SELECT q.id, c.platform, a.name AS agent, q.reason, q.inbound, q.attempts,
                  q.next_try_at, q.created_at
             FROM discreet.quarantine q
             JOIN discreet.channels c ON c.id = q.channel_id
             JOIN discreet.agents a ON a.id = c.agent_id
            WHERE q.released_at IS NULL ORDER BY q.created_at, q.id
            LIMIT %(limit)s OFFSET %(skip)s""",
        {"limit": limit, "skip": skip},
    )
    return [QuarantinedMessage(**row) for row in found]

"""Messages that could not be assigned to a contact. Only the owner sees them."""

from __future__ import annotations

from uuid import UUID

from discreet.domain.errors import NotFound
from discreet.domain.ids import OwnerId
from discreet.domain.paging import MAX_LISTED
from discreet.intake.retry import release
from discreet.schemas.quarantine import QuarantinedMessage, QuarantineRetried
from discreet.scope import OwnerScope, ScopedDatabase, Transaction


async def list_quarantine(
    db: ScopedDatabase, owner_id: OwnerId, *, limit: int = MAX_LISTED, skip: int = 0
) -> list[QuarantinedMessage]:
    """Return the messages in quarantine, oldest first."""
    async with db.begin(OwnerScope(owner_id)) as tx:
        return await waiting_in_quarantine(tx, limit=limit, skip=skip)


async def retry_quarantine(
    db: ScopedDatabase, owner_id: OwnerId, quarantined_id: UUID | None
) -> QuarantineRetried:
    """Retry finding the contact of one message, or of all.

    Raises:
        NotFound: no such message is in quarantine.
        Unavailable: the database can't be reached.
    """
    waiting = [one.id for one in await list_quarantine(db, owner_id)]
    if quarantined_id is not None and quarantined_id not in waiting:
        raise NotFound(
            f"No quarantined message has the id {quarantined_id}.", hint="See: sb quarantine list"
        )
    chosen = waiting if quarantined_id is None else [quarantined_id]
    released = [await release(db, owner_id, one) for one in chosen]
    return QuarantineRetried(tried=len(released), released=sum(released))


async def waiting_in_quarantine(
    tx: Transaction, *, limit: int = MAX_LISTED, skip: int = 0
) -> list[QuarantinedMessage]:
    """Return the same, in a transaction of the owner's scope."""
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

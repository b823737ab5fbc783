"""Retry quarantined messages, and release those whose contact is found."""

from __future__ import annotations

import structlog

from discreet.domain.errors import Unavailable
from discreet.domain.ids import ChannelId, OwnerId
from discreet.intake.accept import NotTaken, accept, quarantine, why_quarantined
from discreet.intake.serialization import from_json
from discreet.scope import IntakeScope, OwnerScope, ScopedDatabase, WorkScope

log = structlog.get_logger(__name__)


async def release_due(db: ScopedDatabase) -> int:
    """Try every message that is due once; return how many found their contact."""
    async with db.begin(WorkScope()) as tx:
        due = await tx.fetch("SELECT id, owner_id FROM gate.due_quarantined()")
    released = 0
    for row in due:
        try:
            released += await release(db, OwnerId(row["owner_id"]), row["id"])
        except Exception as error:
            # One failing message must not delay the others.
            log.warning("quarantine: retry failed", error=type(error).__name__)
    return released


async def release(db: ScopedDatabase, owner_id: OwnerId, quarantined: object) -> bool:
    """Return whether one message found its contact, or its sender was turned away.

    Raises:
        Unavailable: the database can't be reached.
    """
    async with db.begin(OwnerScope(owner_id)) as tx:
        row = await tx.fetch_one(
            "SELECT channel_id, dedupe_key, inbound FROM discreet.quarantine"
            " WHERE id = %s AND released_at IS NULL",
            (quarantined,),
        )
    if row is None:
        return False
    try:
        await accept(db, owner_id, from_json(row["inbound"]))
    except Unavailable:
        raise
    except NotTaken:
        # It was received and isn't for the agent, so there is nothing to wait for.
        pass
    except Exception as error:
        # Retry with growing delays, for the owner to see: waiting doesn't identify an unknown
        # sender, and a message stored by another version may be invalid in this one.
        channel_id, key = ChannelId(row["channel_id"]), row["dedupe_key"]
        await quarantine(db, owner_id, channel_id, key, row["inbound"], why_quarantined(error))
        return False
    await db.call(
        IntakeScope(owner_id),
        "SELECT gate.release_quarantined(%(ticket)s, %(id)s) AS done",
        {"id": quarantined},
    )
    return True

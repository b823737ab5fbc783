"""What waits in quarantine is tried again, and released when its contact is found."""

from __future__ import annotations

import structlog

from discreet.domain.errors import DiscreetError
from discreet.domain.ids import OwnerId
from discreet.domain.inbound import UnknownSender
from discreet.intake.accept import Quarantined, accept_or_quarantine, quarantine
from discreet.intake.stored_form import from_json
from discreet.scope import Door, IntakeScope, OwnerScope, WorkScope

log = structlog.get_logger(__name__)


async def release_due(door: Door) -> int:
    """Tries everything that is due once; how many messages found their contact."""
    async with door.enter(WorkScope()) as rows:
        due = await rows.fetch("SELECT id, owner_id FROM gate.due_quarantined()")
    released = 0
    for row in due:
        try:
            released += await release(door, OwnerId(row["owner_id"]), row["id"])
        except DiscreetError as error:
            log.warning("quarantine: tried again in vain", error=type(error).__name__)
    return released


async def release(door: Door, owner_id: OwnerId, quarantined: object) -> bool:
    """Whether one message found its contact: it is on its way now, or its sender is turned away.

    Raises:
        Unavailable: the database can't be reached.
    """
    async with door.enter(OwnerScope(owner_id)) as rows:
        stored = await rows.value(
            "SELECT inbound FROM discreet.quarantine WHERE id = %s AND released_at IS NULL",
            (quarantined,),
        )
    if stored is None:
        return False
    inbound = from_json(stored)
    if isinstance(inbound.sender, UnknownSender):
        # It will not become known by waiting; it is tried ever more rarely, for the owner to see.
        await quarantine(door, owner_id, inbound, f"unknown sender: {inbound.sender.why}")
        return False
    if isinstance(await accept_or_quarantine(door, owner_id, inbound), Quarantined):
        return False
    await door.call(
        IntakeScope(owner_id),
        "SELECT gate.release_quarantined(%(ticket)s, %(id)s) AS done",
        {"id": quarantined},
    )
    return True

"""Reminders: list and cancel everybody's. Owner's tokens only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.schemas import reminders as wire
from discreet.services import reminders

router = APIRouter(prefix="/api/admin/reminders", tags=["reminders"])


@router.get("", responses=documented(404), operation_id="list_reminders")
async def list_all(
    who: OwnerCaller,
    contact_id: Annotated[UUID | None, Query(description="Only this contact's.")] = None,
) -> wire.ReminderList:
    """List upcoming reminders, the next one first."""
    whose = None if contact_id is None else str(contact_id)
    return wire.ReminderList(items=await reminders.list_reminders(who.db, who.owner_id, whose))


@router.delete("/{reminder_id}", responses=documented(404), operation_id="cancel_reminder")
async def cancel(who: OwnerCaller, reminder_id: UUID) -> wire.Reminder:
    """Cancel a reminder. The contact isn't told."""
    return await reminders.cancel_reminder(who.db, who.owner_id, str(reminder_id))

"""Takeover: follow a contact's conversation and answer in person. Owner's tokens only."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.domain.ids import ContactId
from discreet.schemas import takeover as wire
from discreet.schemas.contacts import Contact
from discreet.services import contacts, takeover

router = APIRouter(prefix="/api/admin/contacts/{contact_id}", tags=["takeover"])


async def _contact(who: OwnerCaller, contact_id: UUID) -> Contact:
    return (await contacts.get_contact(who.db, who.owner_id, ContactId(contact_id))).contact


@router.post("/takeover", responses=documented(404), operation_id="take_over")
async def take_over(who: OwnerCaller, contact_id: UUID) -> Contact:
    """Silence the agent for a contact, so that you answer in person."""
    await takeover.take_over(who.db, who.owner_id, str(contact_id))
    return await _contact(who, contact_id)


@router.delete("/takeover", responses=documented(404), operation_id="hand_back")
async def hand_back(who: OwnerCaller, contact_id: UUID) -> Contact:
    """Hand a contact back to the agent, which first answers unanswered messages."""
    await takeover.hand_back(who.db, who.owner_id, str(contact_id))
    return await _contact(who, contact_id)


@router.post("/say", status_code=202, responses=documented(404), operation_id="speak")
async def say(who: OwnerCaller, contact_id: UUID, given: wire.ToSay) -> wire.Said:
    """Send a text in person to a contact that you took over, where it last wrote."""
    found = await _contact(who, contact_id)
    await takeover.speak(who.db, who.owner_id, ContactId(found.id), given.text)
    return wire.Said(contact_id=found.id)


@router.get("/lines", responses=documented(404), operation_id="list_lines")
async def lines(
    who: OwnerCaller, contact_id: UUID, given: Annotated[wire.ListLines, Query()]
) -> wire.SpokenLines:
    """List the newest lines of all conversations of a contact, oldest first."""
    found = await _contact(who, contact_id)
    said = await takeover.lines_after(
        who.db, who.owner_id, ContactId(found.id), after=given.after, limit=given.limit
    )
    return wire.SpokenLines(items=said)

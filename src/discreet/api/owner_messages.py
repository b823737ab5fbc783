"""Message contacts before they write. Owner's tokens only."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from discreet.api.dependencies import OwnerCaller
from discreet.api.problems import documented
from discreet.schemas import owner_messages as wire
from discreet.services import owner_messages

router = APIRouter(prefix="/api/admin/contacts", tags=["contacts"])


@router.post("/tell", responses=documented(), operation_id="tell_labelled")
async def tell_labelled(who: OwnerCaller, given: wire.ToTellLabelled) -> wire.ToldContacts:
    """Message every contact with a label, or preview who would get it."""
    return await owner_messages.tell_labelled(
        who.db, who.owner_id, given.label, given.text, preview=given.preview
    )


@router.post("/{contact_id}/tell", responses=documented(404, 409), operation_id="tell")
async def tell(who: OwnerCaller, contact_id: UUID, given: wire.ToTell) -> wire.ToldContact:
    """Message a contact, where it wrote last. Answers 409 if it wrote STOP."""
    return await owner_messages.tell(who.db, who.owner_id, str(contact_id), given.text)
